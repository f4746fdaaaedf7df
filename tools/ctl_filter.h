/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_CTL_FILTER_H
#define USERNET_TOOLS_CTL_FILTER_H

#include <glib.h>

/*
 * Compiles an expression of pcap-filter(7) to the program that usernet takes (capture/filter.h),
 * newly allocated. NULL: @error says what is wrong with it.
 */
char *ctl_filter_compile(const char *expression, GError **error);

#endif
