/* SPDX-License-Identifier: BSD-3-Clause */
#include <check.h>
#include <string.h>

#include "base/error.h"
#include "base/limit.h"
#include "run_suite.h"

START_TEST(number_is_set_only_if_asked)
{
	unsigned before = limit_get(LIMIT_TFTP);

	ck_assert(limit_parse("tftp-transfers=3", false, NULL));
	ck_assert_uint_eq(limit_get(LIMIT_TFTP), before);
	ck_assert(limit_parse("tftp-transfers=3", true, NULL));
	ck_assert_uint_eq(limit_get(LIMIT_TFTP), 3);
	limit_values[LIMIT_TFTP] = before;
}
END_TEST

START_TEST(wrong_text_changes_nothing_and_says_what_is_right)
{
	static const char *const wrong[] = {"",          "=",         "guests",    "guests=",
					    "gue=1",     "guests2=1", "guests=0",  "guests=16385",
					    "guests=-1", "guests=1x", "guests= 1", "=1"};

	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		unsigned before = limit_get(LIMIT_GUESTS);
		g_autoptr(GError) error = NULL;

		ck_assert_msg(!limit_parse(wrong[i], true, &error), "%s", wrong[i]);
		ck_assert(g_error_matches(error, USERNET_ERROR, ERROR_USAGE));
		ck_assert_ptr_nonnull(strstr(error->message, "write "));
		ck_assert_uint_eq(limit_get(LIMIT_GUESTS), before);
	}
}
END_TEST

START_TEST(every_default_is_a_number_that_may_be_set)
{
	for (unsigned i = 0; i < LIMIT_COUNT; i++) {
		unsigned before = limit_get((enum limit)i);
		g_autofree char *text = g_strdup_printf("%s=%u", limit_name((enum limit)i), before);

		ck_assert_msg(limit_parse(text, true, NULL), "%s", text);
		ck_assert_uint_eq(limit_get((enum limit)i), before);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("limit");
	TCase *tc = tcase_create("limit");

	tcase_add_test(tc, number_is_set_only_if_asked);
	tcase_add_test(tc, wrong_text_changes_nothing_and_says_what_is_right);
	tcase_add_test(tc, every_default_is_a_number_that_may_be_set);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
