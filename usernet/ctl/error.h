/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_ERROR_H
#define USERNET_CTL_ERROR_H

#include <stdbool.h>

#include <glib.h>

/*
 * Errors of the control layer. The code says what class QMP gives them (QEMU qapi/error.json), and
 * whether the caller's words were wrong (exit status 2) or the world was (1).
 */
#define CTL_ERROR ctl_error_quark()
enum ctl_error {
	CTL_ERROR_FAILED,            /* GenericError */
	CTL_ERROR_USAGE,             /* GenericError: a bad option string or argument */
	CTL_ERROR_NOT_FOUND,         /* DeviceNotFound */
	CTL_ERROR_COMMAND_NOT_FOUND, /* CommandNotFound */
};
GQuark ctl_error_quark(void);

/* Sets CTL_ERROR_USAGE. Always false. */
bool ctl_error_usage(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

#endif
