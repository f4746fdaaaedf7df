/* SPDX-License-Identifier: BSD-3-Clause */
#include <check.h>
#include <string.h>

#include "base/address.h"
#include "fakeport.h"
#include "net/moves.h"
#include "net/network.h"
#include "net/troubles.h"
#include "net/vswitch.h"
#include "run_suite.h"
#include "testframe.h"

#define MAC UINT64_C(0x525400123456)

static struct loop *loop;
static struct network *network;
static struct fakeport a, b;
static struct network_observer observer;
static unsigned n_told;
static uint64_t last_times;

static void count(struct network_observer *self, const struct network_event *event)
{
	if (event->kind != NETWORK_TROUBLE)
		return;
	n_told++;
	last_times = event->trouble->times;
}

static void setup(void)
{
	loop = new_test_loop();
	network = network_new(loop, "test");
	port_init(&a.port, &fakeport_ops, NULL, "lan.1");
	port_init(&b.port, &fakeport_ops, NULL, "lan.2");
	observer.event = count;
	network_observe(network, &observer);
	n_told = 0;
}

static void teardown(void)
{
	list_remove(&observer.link);
	port_fini(&a.port);
	port_fini(&b.port);
	network_free(network);
	loop_free(loop);
}

static void note_budget(const struct port *port, uint64_t times)
{
	troubles_note(network->troubles, &(struct trouble_facts){.kind = TROUBLE_BUDGET,
								 .port = port,
								 .what = "flood",
								 .times = times});
}

static unsigned count_noted(void)
{
	unsigned n = 0;

	list_for_each (trouble, troubles_list(network->troubles), struct trouble, link)
		n++;
	return n;
}

START_TEST(trouble_is_told_at_powers_of_ten)
{
	for (unsigned i = 0; i < 1000; i++)
		note_budget(&a.port, 1);
	ck_assert_uint_eq(n_told, 4);
	ck_assert_uint_eq(last_times, 1000);
	ck_assert_uint_eq(count_noted(), 1);
	note_budget(&a.port, 1000000);
	ck_assert_uint_eq(n_told, 5);
	note_budget(&a.port, 1);
	ck_assert_uint_eq(n_told, 5);
}
END_TEST

START_TEST(troubles_of_two_ports_are_two)
{
	note_budget(&a.port, 1);
	note_budget(&b.port, 1);
	ck_assert_uint_eq(n_told, 2);
	ck_assert_uint_eq(count_noted(), 2);
	troubles_forget_port(network->troubles, &a.port);
	ck_assert_uint_eq(count_noted(), 1);
	troubles_end(network->troubles, TROUBLE_BUDGET, &b.port);
	ck_assert_uint_eq(count_noted(), 0);
	note_budget(&a.port, 1);
	ck_assert_uint_eq(n_told, 3);
}
END_TEST

START_TEST(trouble_that_lasts_is_told_once)
{
	for (int i = 0; i < 100; i++)
		troubles_note(network->troubles, &(struct trouble_facts){.kind = TROUBLE_NO_ADDRESS,
									 .port = &a.port,
									 .lasts = i > 0});
	ck_assert_uint_eq(n_told, 1);
}
END_TEST

START_TEST(table_is_bounded)
{
	char rule[16];

	for (unsigned i = 0; i < 2 * TROUBLE_MAX; i++) {
		g_snprintf(rule, sizeof(rule), "%u", i);
		troubles_note(network->troubles,
			      &(struct trouble_facts){.kind = TROUBLE_FORWARD_WAITS,
						      .netdev = "nat",
						      .what = rule});
	}
	ck_assert_uint_eq(n_told, TROUBLE_MAX);
	ck_assert_uint_eq(count_noted(), TROUBLE_MAX);
	troubles_forget_rule(network->troubles, "other", "0");
	ck_assert_uint_eq(count_noted(), TROUBLE_MAX);
	troubles_forget_rule(network->troubles, "nat", "0");
	ck_assert_uint_eq(count_noted(), TROUBLE_MAX - 1);
}
END_TEST

START_TEST(text_names_who_is_concerned)
{
	const struct trouble *t;

	troubles_note(network->troubles,
		      &(struct trouble_facts){.kind = TROUBLE_ADDRESS_CONFLICT,
					      .mac = MAC,
					      .addr = address_map4(inet_addr("10.0.2.15")),
					      .port = &b.port,
					      .other = &a.port});
	t = list_first(troubles_list(network->troubles), struct trouble, link);
	ck_assert_str_eq(t->text, "guest 52:54:00:12:34:56 at lan.2 claims the address 10.0.2.15, "
				  "which a guest has at lan.1");
}
END_TEST

/* --- moves --- */

static void move(usec_t at, struct port *from, struct port *to)
{
	moves_note(&network->moves, network->troubles, MAC, from, to, at);
}

START_TEST(one_move_is_no_trouble)
{
	move(USEC_PER_SEC, &a.port, &b.port);
	ck_assert_uint_eq(n_told, 0);
}
END_TEST

START_TEST(address_that_moves_back_soon_is_two_guests)
{
	move(1 * USEC_PER_SEC, &a.port, &b.port);
	move(2 * USEC_PER_SEC, &b.port, &a.port);
	ck_assert_uint_eq(n_told, 1);
	ck_assert_uint_eq(last_times, 2);
}
END_TEST

START_TEST(address_that_moves_back_late_is_one_guest)
{
	move(1 * USEC_PER_SEC, &a.port, &b.port);
	move(1 * USEC_PER_SEC + MOVES_WINDOW, &b.port, &a.port);
	ck_assert_uint_eq(n_told, 0);
}
END_TEST

START_TEST(moves_are_told_in_sums)
{
	for (unsigned i = 0; i < 1000; i++)
		move(USEC_PER_SEC + i, i % 2 ? &a.port : &b.port, i % 2 ? &b.port : &a.port);
	ck_assert_uint_eq(n_told, 1);
	move(3 * USEC_PER_SEC, &a.port, &b.port);
	ck_assert_uint_eq(n_told, 2);
	ck_assert_uint_eq(last_times, 1001);
}
END_TEST

START_TEST(more_addresses_than_are_tracked_push_the_oldest_out)
{
	move(USEC_PER_SEC, &a.port, &b.port);
	for (unsigned i = 1; i <= MOVES_TRACKED; i++)
		moves_note(&network->moves, network->troubles, MAC + i, &a.port, &b.port,
			   USEC_PER_SEC + i);
	move(2 * USEC_PER_SEC, &b.port, &a.port);
	ck_assert_uint_eq(n_told, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("troubles");
	TCase *tcase = tcase_create("troubles");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, trouble_is_told_at_powers_of_ten);
	tcase_add_test(tcase, troubles_of_two_ports_are_two);
	tcase_add_test(tcase, trouble_that_lasts_is_told_once);
	tcase_add_test(tcase, table_is_bounded);
	tcase_add_test(tcase, text_names_who_is_concerned);
	tcase_add_test(tcase, one_move_is_no_trouble);
	tcase_add_test(tcase, address_that_moves_back_soon_is_two_guests);
	tcase_add_test(tcase, address_that_moves_back_late_is_one_guest);
	tcase_add_test(tcase, moves_are_told_in_sums);
	tcase_add_test(tcase, more_addresses_than_are_tracked_push_the_oldest_out);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
