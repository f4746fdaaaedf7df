/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/error.h"

/* G_DEFINE_QUARK is a riddle to cppcheck and clang-format. */
GQuark ctl_error_quark(void)
{
	return g_quark_from_static_string("usernet-ctl-error-quark");
}

bool ctl_error_usage(GError **error, const char *format, ...)
{
	va_list args;
	GError *made;

	va_start(args, format);
	made = g_error_new_valist(CTL_ERROR, CTL_ERROR_USAGE, format, args);
	va_end(args);
	g_propagate_error(error, made);
	return false;
}
