/* SPDX-License-Identifier: BSD-3-Clause */
#include "http/range.h"

#include <glib.h>

#include "run_suite.h"

#define SIZE 1000

static void assert_part(const char *text, uint64_t first, uint64_t len)
{
	uint64_t at = UINT64_MAX, n = UINT64_MAX;

	ck_assert_int_eq(http_range_read(text, SIZE, &at, &n), HTTP_RANGE_PART);
	ck_assert_uint_eq(at, first);
	ck_assert_uint_eq(n, len);
}

START_TEST(one_range_is_a_part_of_the_file)
{
	assert_part("bytes=0-0", 0, 1);
	assert_part("bytes=10-19", 10, 10);
	assert_part("bytes=990-", 990, 10);
	assert_part("Bytes=990-5000", 990, 10);
	assert_part("bytes=-1", 999, 1);
	assert_part("bytes=-5000", 0, SIZE);
}
END_TEST

START_TEST(beyond_the_end_is_none)
{
	static const char *const texts[] = {"bytes=1000-", "bytes=1000-2000", "bytes=-0",
					    "bytes=18446744073709551615-"};
	uint64_t at, n;

	for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++)
		ck_assert_int_eq(http_range_read(texts[i], SIZE, &at, &n), HTTP_RANGE_NONE);
	ck_assert_int_eq(http_range_read("bytes=-1", 0, &at, &n), HTTP_RANGE_NONE);
}
END_TEST

START_TEST(anything_else_is_the_whole_file)
{
	static const char *const texts[] = {
		NULL,
		"",
		"bytes",
		"bytes=",
		"bytes=-",
		"bytes=5-4",
		"bytes=0-1,4-5",
		"lines=0-1",
		"bytes=a-b",
		"bytes=1 - 2",
		"bytes=+1-2",
		"bytes=0x1-2",
		"bytes=1-2 ",
		"bytes=--2",
		"bytes=1",
		"bytes=18446744073709551616-",
	};
	uint64_t at, n;

	for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++)
		ck_assert_int_eq(http_range_read(texts[i], SIZE, &at, &n), HTTP_RANGE_ALL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("http_range");
	TCase *tcase = tcase_create("http_range");

	tcase_add_test(tcase, one_range_is_a_part_of_the_file);
	tcase_add_test(tcase, beyond_the_end_is_none);
	tcase_add_test(tcase, anything_else_is_the_whole_file);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
