/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CHECK_H
#define CHECK_H

#include <glib.h>
#include <string.h>

/*
 * For the beds of the unit tests (../unit/tcpbed.h): Check's assertions work only while Check runs
 * a test, and here libFuzzer does.
 */
#define ck_assert(expr)           g_assert_true(expr)
#define ck_assert_uint_eq(a, b)   g_assert_cmpuint(a, ==, b)
#define ck_assert_int_eq(a, b)    g_assert_cmpint(a, ==, b)
#define ck_assert_ptr_eq(a, b)    g_assert_true((a) == (b))
#define ck_assert_ptr_nonnull(a)  g_assert_nonnull(a)
#define ck_assert_mem_eq(a, b, n) g_assert_true(!memcmp(a, b, n))
#define ck_assert_int_ge(a, b)    g_assert_cmpint(a, >=, b)
#define ck_assert_msg(expr, ...)                                                                   \
	do {                                                                                       \
		if (!(expr))                                                                       \
			g_error(__VA_ARGS__);                                                      \
	} while (0)

#endif
