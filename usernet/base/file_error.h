/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_FILE_ERROR_H
#define USERNET_BASE_FILE_ERROR_H

#include <glib.h>
#include <stdbool.h>

/* Sets @error: G_FILE_ERROR with the code for @err, an errno. Returns false. */
bool file_error(GError **error, int err, const char *format, ...) G_GNUC_PRINTF(3, 4);

#endif
