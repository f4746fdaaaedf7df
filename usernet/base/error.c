/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/error.h"

/* cppcheck and clang-format cannot parse G_DEFINE_QUARK. */
GQuark usernet_error_quark(void)
{
	return g_quark_from_static_string("usernet-ctl-error-quark");
}

bool error_usage(GError **error, const char *format, ...)
{
	va_list args;
	GError *made;

	va_start(args, format);
	made = g_error_new_valist(USERNET_ERROR, ERROR_USAGE, format, args);
	va_end(args);
	g_propagate_error(error, made);
	return false;
}

bool error_blame_usage(GError **error)
{
	if (error && *error) {
		(*error)->domain = USERNET_ERROR;
		(*error)->code = ERROR_USAGE;
	}
	return false;
}
