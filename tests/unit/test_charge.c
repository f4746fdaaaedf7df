/* SPDX-License-Identifier: BSD-3-Clause */
#include "conntrack/charge.h"

#include <check.h>
#include <sys/resource.h>

#include "run_suite.h"

static struct charge_book *book;
static struct charge *one, *two;

static void setup(void)
{
	book = charge_book_new(100);
	one = charge_get(book, 1);
	two = charge_get(book, 2);
}

static void teardown(void)
{
	charge_put(one);
	charge_put(two);
	charge_book_free(book);
}

START_TEST(the_last_quarter_is_for_ports_that_hold_little)
{
	unsigned n = 0;

	while (charge_take(one, CHARGE_INSTANCES, 1))
		n++;
	ck_assert_uint_eq(n, 75);
	ck_assert(charge_take(two, CHARGE_INSTANCES, 25));
	ck_assert(!charge_has_room(two, CHARGE_INSTANCES, 1));
	ck_assert(!charge_take(two, CHARGE_INSTANCES, 1));
	ck_assert_uint_eq(charge_book_held(book, CHARGE_INSTANCES), 100);
	ck_assert(charge_book_is_scarce(book, CHARGE_INSTANCES));
	charge_give(one, CHARGE_INSTANCES, 75);
	charge_give(two, CHARGE_INSTANCES, 25);
	ck_assert(!charge_book_is_scarce(book, CHARGE_INSTANCES));
}
END_TEST

START_TEST(one_kind_does_not_count_for_another)
{
	ck_assert(charge_take(one, CHARGE_BYTES, 1000));
	ck_assert_uint_eq(charge_held(one, CHARGE_FDS), 0);
	ck_assert_uint_eq(charge_held(one, CHARGE_BYTES), 1000);
	charge_give(one, CHARGE_BYTES, 1000);
}
END_TEST

START_TEST(more_than_the_whole_is_refused)
{
	unsigned max = charge_book_max(book, CHARGE_BYTES);

	ck_assert(!charge_take(one, CHARGE_BYTES, max + 1));
	ck_assert(!charge_take(one, CHARGE_BYTES, UINT32_MAX));
	ck_assert_uint_eq(charge_book_held(book, CHARGE_BYTES), 0);
}
END_TEST

START_TEST(what_moves_is_held_by_the_other_port)
{
	charge_force(one, CHARGE_FDS, 3);
	charge_move(one, two, CHARGE_FDS, 3);
	ck_assert_uint_eq(charge_held(one, CHARGE_FDS), 0);
	ck_assert_uint_eq(charge_held(two, CHARGE_FDS), 3);
	ck_assert_uint_eq(charge_book_held(book, CHARGE_FDS), 3);
	charge_give(two, CHARGE_FDS, 3);
}
END_TEST

START_TEST(a_port_has_one_charge_while_it_is_referred_to)
{
	struct charge *again = charge_get(book, 1);

	ck_assert_ptr_eq(again, one);
	charge_put(again);
	ck_assert_uint_eq(charge_port_id(one), 1);
}
END_TEST

START_TEST(the_process_keeps_descriptors_for_itself)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_uint_lt(charge_book_max(book, CHARGE_FDS), limit.rlim_cur);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("charge");
	TCase *tc = tcase_create("charge");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, the_last_quarter_is_for_ports_that_hold_little);
	tcase_add_test(tc, one_kind_does_not_count_for_another);
	tcase_add_test(tc, more_than_the_whole_is_refused);
	tcase_add_test(tc, what_moves_is_held_by_the_other_port);
	tcase_add_test(tc, a_port_has_one_charge_while_it_is_referred_to);
	tcase_add_test(tc, the_process_keeps_descriptors_for_itself);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
