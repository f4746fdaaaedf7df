/* SPDX-License-Identifier: BSD-3-Clause */
#include <check.h>
#include <glib.h>
#include <stdint.h>
#include <string.h>

#include "base/reserve.h"
#include "conntrack/charge.h"
#include "net/port.h"
#include "run_suite.h"

START_TEST(memory_is_not_low_before_the_reserve_is_used)
{
	ck_assert(!reserve_is_low());
	ck_assert_int_eq(drop_reason_no_room(), DROP_BUDGET);
}
END_TEST

START_TEST(blocks_are_aligned_and_do_not_overlap)
{
	static const size_t alignments[] = {0, 16, 64, 4096};
	uint8_t *blocks[64];

	for (unsigned i = 0; i < 64; i++) {
		size_t alignment = alignments[i % 4], size = 1 + i * 37;

		blocks[i] = reserve_take(alignment, size);
		ck_assert_ptr_nonnull(blocks[i]);
		ck_assert(reserve_owns(blocks[i]));
		ck_assert_uint_eq((uintptr_t)blocks[i] % MAX(alignment, 16), 0);
		ck_assert_uint_ge(reserve_block_size(blocks[i]), size);
		memset(blocks[i], (int)i, size);
	}
	for (unsigned i = 0; i < 64; i++) {
		for (unsigned at = 0; at < 1 + i * 37; at++)
			ck_assert_uint_eq(blocks[i][at], i);
	}
	for (unsigned i = 0; i < 64; i++)
		reserve_give(blocks[i * 29 % 64]);
	ck_assert_uint_eq(reserve_used(), 0);
}
END_TEST

START_TEST(freed_neighbours_become_one_block)
{
	void *a = reserve_take(0, RESERVE_SIZE / 2), *b, *whole;

	b = reserve_take(0, RESERVE_SIZE / 2 - 1024);
	ck_assert_ptr_nonnull(b);
	ck_assert_ptr_null(reserve_take(0, 2048));
	reserve_give(a);
	reserve_give(b);
	whole = reserve_take(0, RESERVE_SIZE - 1024);
	ck_assert_ptr_nonnull(whole);
	reserve_give(whole);
	ck_assert_ptr_null(reserve_take(0, RESERVE_SIZE));
	ck_assert_ptr_null(reserve_take(0, SIZE_MAX));
}
END_TEST

START_TEST(what_is_not_of_the_reserve_is_not_owned)
{
	int local = 0;
	g_autofree char *other = g_malloc(16);

	ck_assert(!reserve_owns(&local));
	ck_assert(!reserve_owns(other));
	ck_assert(!reserve_owns(NULL));
}
END_TEST

START_TEST(nothing_is_charged_while_memory_is_low)
{
	struct charge_book *book = charge_book_new(8);
	struct charge *charge = charge_get(book, 1);
	void *most = reserve_take(0, RESERVE_SIZE / 2 + 1024);

	ck_assert(reserve_is_low());
	ck_assert(!charge_take(charge, CHARGE_CONNS, 1));
	ck_assert_int_eq(drop_reason_no_room(), DROP_MEMORY);
	ck_assert_str_eq(drop_reason_name(DROP_MEMORY), "memory");
	reserve_give(most);
	/* There is memory again, and half of the reserve is free. */
	g_usleep(20000);
	ck_assert(!reserve_is_low());
	ck_assert(charge_take(charge, CHARGE_CONNS, 1));
	charge_give(charge, CHARGE_CONNS, 1);
	charge_put(charge);
	charge_book_free(book);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reserve");
	TCase *tc = tcase_create("reserve");

	tcase_add_test(tc, memory_is_not_low_before_the_reserve_is_used);
	tcase_add_test(tc, blocks_are_aligned_and_do_not_overlap);
	tcase_add_test(tc, freed_neighbours_become_one_block);
	tcase_add_test(tc, what_is_not_of_the_reserve_is_not_owned);
	tcase_add_test(tc, nothing_is_charged_while_memory_is_low);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
