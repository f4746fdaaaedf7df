/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/doors/json_extent.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "run_suite.h"

static enum json_extent extent(const char *text, size_t *len)
{
	*len = strlen(text);
	return json_extent(text, len);
}

START_TEST(first_value_ends_with_its_bracket)
{
	size_t len;

	ck_assert_int_eq(extent("{\"a\":[1,2]} {", &len), JSON_EXTENT_WHOLE);
	ck_assert_uint_eq(len, strlen("{\"a\":[1,2]}"));
	ck_assert_int_eq(extent("[]", &len), JSON_EXTENT_WHOLE);
	ck_assert_uint_eq(len, 2);
}
END_TEST

START_TEST(brackets_and_quotes_in_strings_do_not_count)
{
	size_t len;

	ck_assert_int_eq(extent("{\"a\":\"}\\\"]\"}", &len), JSON_EXTENT_WHOLE);
	ck_assert_uint_eq(len, strlen("{\"a\":\"}\\\"]\"}"));
}
END_TEST

START_TEST(unfinished_text_is_open)
{
	static const char *const texts[] = {"", " ", "5", "{", "[1,", "{\"a", "{\"a\\", "\"x\""};
	size_t len;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ck_assert_int_eq(extent(texts[i], &len), JSON_EXTENT_OPEN);
}
END_TEST

START_TEST(stray_and_unequal_brackets_are_invalid)
{
	static const char *const texts[] = {"}", "]", "{]", "[}", "[{]", "1}"};
	size_t len;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ck_assert_int_eq(extent(texts[i], &len), JSON_EXTENT_INVALID);
}
END_TEST

START_TEST(depth_is_bounded)
{
	char text[2 * JSON_EXTENT_DEPTH + 3];
	size_t len;

	for (int more = 0; more < 2; more++) {
		int depth = JSON_EXTENT_DEPTH + more;

		memset(text, '[', (size_t)depth);
		memset(text + depth, ']', (size_t)depth);
		text[2 * depth] = '\0';
		ck_assert_int_eq(extent(text, &len),
				 more ? JSON_EXTENT_INVALID : JSON_EXTENT_WHOLE);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("json_extent");
	TCase *tc = tcase_create("json_extent");

	tcase_add_test(tc, first_value_ends_with_its_bracket);
	tcase_add_test(tc, brackets_and_quotes_in_strings_do_not_count);
	tcase_add_test(tc, unfinished_text_is_open);
	tcase_add_test(tc, stray_and_unequal_brackets_are_invalid);
	tcase_add_test(tc, depth_is_bounded);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
