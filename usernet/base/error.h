/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_ERROR_H
#define USERNET_BASE_ERROR_H

#include <stdbool.h>

#include <glib.h>

/*
 * Errors of the control layer. The code selects the QMP error class (QEMU qapi/error.json) and the
 * exit status: 2 for wrong usage, 1 for anything else.
 */
#define USERNET_ERROR usernet_error_quark()
enum usernet_error {
	ERROR_FAILED,            /* GenericError */
	ERROR_USAGE,             /* GenericError: a bad option string or argument */
	ERROR_NOT_FOUND,         /* DeviceNotFound */
	ERROR_COMMAND_NOT_FOUND, /* CommandNotFound */
};
GQuark usernet_error_quark(void);

/* Sets ERROR_USAGE. Always false. */
bool error_usage(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Changes the error of a lower layer to ERROR_USAGE. Returns false. */
bool error_blame_usage(GError **error);

#endif
