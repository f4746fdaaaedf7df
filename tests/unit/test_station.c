/* SPDX-License-Identifier: BSD-3-Clause */
#include <check.h>
#include <stdlib.h>

#include "net/port.h"
#include "net/station.h"
#include "run_suite.h"

#define MAC(n) (UINT64_C(0x525400000000) + (n))

static struct station_table *table;
static struct port a, b, c;

static void setup(void)
{
	table = station_table_new();
	port_init(&a, NULL, NULL, "a");
	port_init(&b, NULL, NULL, "b");
	port_init(&c, NULL, NULL, "c");
}

static void teardown(void)
{
	station_table_free(table);
	port_fini(&a);
	port_fini(&b);
	port_fini(&c);
}

START_TEST(learned_station_is_found_at_its_port)
{
	ck_assert(station_learn(table, MAC(1), &a, 0));
	ck_assert(station_learn(table, MAC(2), &b, 0));
	ck_assert_ptr_eq(station_lookup(table, MAC(1), 0), &a);
	ck_assert_ptr_eq(station_lookup(table, MAC(2), 0), &b);
	ck_assert_ptr_null(station_lookup(table, MAC(3), 0));
	ck_assert_uint_eq(station_count(table), 2);
}
END_TEST

START_TEST(station_seen_elsewhere_moves)
{
	station_learn(table, MAC(1), &a, 0);
	ck_assert(station_learn(table, MAC(1), &b, 1));
	ck_assert_ptr_eq(station_lookup(table, MAC(1), 1), &b);
	ck_assert_uint_eq(a.n_stations, 0);
	ck_assert_uint_eq(b.n_stations, 1);
	ck_assert_uint_eq(station_count(table), 1);
}
END_TEST

START_TEST(move_between_ports_is_reported_once)
{
	station_learn(table, MAC(1), &a, 0);
	ck_assert_ptr_null(station_left(table));
	station_learn(table, MAC(1), &b, 1);
	ck_assert_ptr_eq(station_left(table), &a);
	station_learn(table, MAC(1), &b, 2);
	ck_assert_ptr_null(station_left(table));
	/* One that aged out has not moved: it is new. */
	station_learn(table, MAC(1), &a, 2 + STATION_AGE);
	ck_assert_ptr_null(station_left(table));
}
END_TEST

START_TEST(station_not_seen_for_300_s_is_unknown)
{
	station_learn(table, MAC(1), &a, 0);
	station_learn(table, MAC(2), &a, 0);
	station_learn(table, MAC(2), &a, STATION_AGE - 1);
	ck_assert_ptr_eq(station_lookup(table, MAC(1), STATION_AGE - 1), &a);
	ck_assert_ptr_null(station_lookup(table, MAC(1), STATION_AGE));
	ck_assert_ptr_eq(station_lookup(table, MAC(2), STATION_AGE), &a);
	station_sweep(table, STATION_AGE);
	ck_assert_uint_eq(station_count(table), 1);
	ck_assert_uint_eq(a.n_stations, 1);
}
END_TEST

START_TEST(age_follows_its_limit)
{
	unsigned before = limit_get(LIMIT_HOLD);

	limit_values[LIMIT_HOLD] = 10;
	station_learn(table, MAC(1), &a, 1);
	ck_assert_ptr_eq(station_lookup(table, MAC(1), 10 * USEC_PER_SEC), &a);
	ck_assert_ptr_null(station_lookup(table, MAC(1), 10 * USEC_PER_SEC + 1));
	limit_values[LIMIT_HOLD] = before;
	ck_assert_ptr_eq(station_lookup(table, MAC(1), 10 * USEC_PER_SEC + 1), &a);
}
END_TEST

START_TEST(port_gone_takes_its_stations_along)
{
	for (unsigned i = 0; i < 1000; i++)
		station_learn(table, MAC(i), i % 2 ? &a : &b, 0);
	station_forget_port(table, &a);
	ck_assert_uint_eq(a.n_stations, 0);
	ck_assert_uint_eq(station_count(table), 500);
	for (unsigned i = 0; i < 1000; i++)
		ck_assert_ptr_eq(station_lookup(table, MAC(i), 0), i % 2 ? NULL : &b);
}
END_TEST

START_TEST(stations_are_found_whatever_else_comes_and_goes)
{
	static struct port *at[4096];

	srand(1);
	for (unsigned step = 0; step < 60000; step++) {
		unsigned i = (unsigned)rand() % G_N_ELEMENTS(at);
		struct port *port = rand() % 2 ? &a : &b;

		if (step % 5000 == 4999) {
			station_forget_port(table, port);
			for (i = 0; i < G_N_ELEMENTS(at); i++)
				at[i] = at[i] == port ? NULL : at[i];
		} else {
			ck_assert(station_learn(table, MAC(i), port, 0));
			at[i] = port;
		}
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(at); i++)
		ck_assert_ptr_eq(station_lookup(table, MAC(i), 0), at[i]);
	ck_assert_uint_eq(station_count(table), a.n_stations + b.n_stations);
}
END_TEST

START_TEST(port_learns_no_more_than_its_share)
{
	for (unsigned i = 0; i < STATION_MAX_PER_PORT; i++)
		ck_assert(station_learn(table, MAC(i), &a, USEC_PER_SEC));
	ck_assert(!station_learn(table, MAC(70000), &a, USEC_PER_SEC));
	ck_assert_uint_eq(a.n_stations, STATION_MAX_PER_PORT);
	/* Its own stations are still refreshed, and other ports are unchanged. */
	ck_assert(station_learn(table, MAC(5), &a, USEC_PER_SEC));
	ck_assert(station_learn(table, MAC(70000), &b, USEC_PER_SEC));
}
END_TEST

START_TEST(two_greedy_ports_leave_room_for_a_third)
{
	unsigned n = 0;

	for (unsigned i = 0; i < STATION_MAX; i++)
		n += station_learn(table, MAC(i), i % 2 ? &a : &b, 0);
	ck_assert_uint_eq(n, STATION_MAX - STATION_MAX / STATION_RESERVE);
	for (unsigned i = 0; i < STATION_FEW; i++)
		ck_assert(station_learn(table, MAC(90000 + i), &c, 0));
}
END_TEST

START_TEST(table_is_as_large_as_its_limit)
{
	unsigned before = limit_values[LIMIT_STATIONS_ALL], n = 0;

	station_table_free(table);
	limit_values[LIMIT_STATIONS_ALL] = 100;
	table = station_table_new();
	for (unsigned i = 0; i < 200; i++)
		n += station_learn(table, MAC(i), &a, 0);
	ck_assert_uint_eq(n, 75);
	for (unsigned i = 0; i < 200; i++)
		n += station_learn(table, MAC(1000 + i), &b, 0);
	ck_assert_uint_eq(n, 100);
	for (unsigned i = 0; i < 75; i++)
		ck_assert_ptr_eq(station_lookup(table, MAC(i), 0), &a);
	limit_values[LIMIT_STATIONS_ALL] = before;
}
END_TEST

START_TEST(full_share_makes_room_for_what_comes_when_old_stations_aged)
{
	for (unsigned i = 0; i < STATION_MAX_PER_PORT; i++)
		station_learn(table, MAC(i), &a, 0);
	ck_assert(station_learn(table, MAC(70000), &a, STATION_AGE + 1));
	ck_assert_uint_eq(a.n_stations, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("station");
	TCase *tcase = tcase_create("station");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, age_follows_its_limit);
	tcase_add_test(tcase, learned_station_is_found_at_its_port);
	tcase_add_test(tcase, station_seen_elsewhere_moves);
	tcase_add_test(tcase, move_between_ports_is_reported_once);
	tcase_add_test(tcase, station_not_seen_for_300_s_is_unknown);
	tcase_add_test(tcase, port_gone_takes_its_stations_along);
	tcase_add_test(tcase, stations_are_found_whatever_else_comes_and_goes);
	tcase_add_test(tcase, port_learns_no_more_than_its_share);
	tcase_add_test(tcase, two_greedy_ports_leave_room_for_a_third);
	tcase_add_test(tcase, table_is_as_large_as_its_limit);
	tcase_add_test(tcase, full_share_makes_room_for_what_comes_when_old_stations_aged);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
