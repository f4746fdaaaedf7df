/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/file_error.h"

bool file_error(GError **error, int err, const char *format, ...)
{
	va_list args;
	GError *e;

	va_start(args, format);
	e = g_error_new_valist(G_FILE_ERROR, g_file_error_from_errno(err), format, args);
	va_end(args);
	g_propagate_error(error, e);
	return false;
}
