/* SPDX-License-Identifier: BSD-3-Clause */
#include <check.h>

#include "base/reader.h"
#include "run_suite.h"

static const uint8_t bytes[] = {0x81, 0x92, 0xa3, 0xb4, 0xc5, 0xd6, 0xe7};

START_TEST(numbers_are_read_big_endian_and_in_order)
{
	struct reader r = reader_init(bytes, sizeof(bytes));
	uint32_t u32;
	uint16_t u16;
	uint8_t u8;

	ck_assert(read_u8(&r, &u8));
	ck_assert_uint_eq(u8, 0x81);
	ck_assert(read_u16(&r, &u16));
	ck_assert_uint_eq(u16, 0x92a3);
	ck_assert(read_u32(&r, &u32));
	ck_assert_uint_eq(u32, 0xb4c5d6e7);
	ck_assert_uint_eq(r.rem, 0);
}
END_TEST

START_TEST(verb_that_would_read_past_the_end_reads_nothing)
{
	struct reader sub = {NULL, 77};
	uint8_t copy[4] = {0};
	uint32_t u32 = 5;
	uint16_t u16 = 5;
	uint8_t u8 = 5;

	for (size_t len = 0; len < 4; len++) {
		struct reader r = reader_init(bytes, len);

		ck_assert(!read_u32(&r, &u32));
		ck_assert(!read_copy(&r, copy, 4));
		ck_assert(!read_skip(&r, len + 1));
		ck_assert(!read_sub(&r, len + 1, &sub));
		ck_assert_ptr_null(read_bytes(&r, len + 1));
		if (len < 2)
			ck_assert(!read_u16(&r, &u16));
		if (len < 1)
			ck_assert(!read_u8(&r, &u8));
		ck_assert_ptr_eq(r.p, bytes);
		ck_assert_uint_eq(r.rem, len);
	}
	ck_assert_uint_eq(u32, 5);
	ck_assert_uint_eq(u16, 5);
	ck_assert_uint_eq(u8, 5);
	ck_assert_uint_eq(sub.rem, 77);
	ck_assert_uint_eq(copy[0], 0);
}
END_TEST

START_TEST(huge_length_does_not_wrap)
{
	struct reader r = reader_init(bytes, sizeof(bytes));

	ck_assert(!read_skip(&r, SIZE_MAX));
	ck_assert_ptr_null(read_bytes(&r, SIZE_MAX - 3));
	ck_assert_uint_eq(r.rem, sizeof(bytes));
}
END_TEST

START_TEST(sub_reader_is_bounded_by_its_part)
{
	struct reader r = reader_init(bytes, sizeof(bytes)), sub;
	uint16_t u16;
	uint32_t u32;

	ck_assert(read_skip(&r, 1));
	ck_assert(read_sub(&r, 3, &sub));
	ck_assert_uint_eq(r.rem, 3);
	ck_assert(!read_u32(&sub, &u32));
	ck_assert(read_u16(&sub, &u16));
	ck_assert_uint_eq(u16, 0x92a3);
	ck_assert_uint_eq(sub.rem, 1);
	ck_assert(read_u16(&r, &u16));
	ck_assert_uint_eq(u16, 0xc5d6);
}
END_TEST

START_TEST(nothing_can_be_read_from_nothing_but_nothing)
{
	struct reader r = reader_init(bytes, 0);

	ck_assert_ptr_eq(read_bytes(&r, 0), bytes);
	ck_assert(read_skip(&r, 0));
	ck_assert(!read_skip(&r, 1));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reader");
	TCase *tc = tcase_create("reader");

	tcase_add_test(tc, numbers_are_read_big_endian_and_in_order);
	tcase_add_test(tc, verb_that_would_read_past_the_end_reads_nothing);
	tcase_add_test(tc, huge_length_does_not_wrap);
	tcase_add_test(tc, sub_reader_is_bounded_by_its_part);
	tcase_add_test(tc, nothing_can_be_read_from_nothing_but_nothing);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
