/* SPDX-License-Identifier: BSD-3-Clause */
#include "vswitchbed.h"

#include "run_suite.h"

/* Who waits for a congested port, and how long. */

START_TEST(feeder_of_a_congested_port_waits_until_it_drains)
{
	learn_all();
	port_set_congested(&b.port, true);
	input(&a, MAC_B, MAC_A);
	input(&a, MAC_B, MAC_A);
	ck_assert_uint_eq(b.n, 2);
	ck_assert_uint_eq(a.pauses, 1);
	ck_assert_ptr_eq(a.port.waits_for, &b.port);
	port_set_congested(&b.port, false);
	ck_assert_uint_eq(a.resumes, 1);
	ck_assert_ptr_null(a.port.waits_for);
	ck_assert_uint_eq(b.port.count.drops[DROP_QUEUE_FULL], 0);
}
END_TEST

START_TEST(feeder_of_a_stuck_port_waits_no_longer_than_50_ms)
{
	learn_all();
	port_set_congested(&b.port, true);
	input(&a, MAC_B, MAC_A);
	run_loop(30);
	ck_assert_uint_eq(a.resumes, 0);
	run_loop(40);
	ck_assert_uint_eq(a.resumes, 1);
	ck_assert(b.port.dropping);
	input(&a, MAC_B, MAC_A);
	ck_assert_uint_eq(a.pauses, 1);
	ck_assert_uint_eq(b.port.count.drops[DROP_QUEUE_FULL], 1);
	/* It drains, and is served again. */
	port_set_congested(&b.port, false);
	input(&a, MAC_B, MAC_A);
	ck_assert_uint_eq(b.n, 2);
}
END_TEST

START_TEST(port_stuck_again_at_once_holds_nobody)
{
	learn_all();
	port_set_congested(&b.port, true);
	run_loop(60);
	port_set_congested(&b.port, false);
	/* The 50 ms are used up, and a little time has passed. */
	b.port.stall_since = loop_now(loop);
	port_set_congested(&b.port, true);
	input(&a, MAC_B, MAC_A);
	ck_assert_uint_eq(a.pauses, 0);
	ck_assert_uint_eq(b.port.count.drops[DROP_QUEUE_FULL], 1);
	/* Ten milliseconds free restore ten. */
	port_set_congested(&b.port, false);
	b.port.stall_since = loop_now(loop) - 10 * USEC_PER_MSEC;
	port_set_congested(&b.port, true);
	input(&a, MAC_B, MAC_A);
	ck_assert_uint_eq(a.pauses, 1);
	run_loop(20);
	ck_assert_uint_eq(a.resumes, 1);
}
END_TEST

START_TEST(short_stalls_cost_no_credit)
{
	learn_all();
	for (unsigned i = 0; i < 1000; i++) {
		port_set_congested(&b.port, true);
		b.port.stall_since -= STALL_FREE;
		port_set_congested(&b.port, false);
	}
	ck_assert_int_eq(b.port.stall_credit, STALL_MAX);
	port_set_congested(&b.port, true);
	b.port.stall_since -= 20 * USEC_PER_MSEC;
	port_set_congested(&b.port, false);
	ck_assert_int_eq(b.port.stall_credit, STALL_MAX - 20 * USEC_PER_MSEC);
}
END_TEST

START_TEST(flood_makes_nobody_wait_and_is_dropped_at_the_congested)
{
	learn_all();
	port_set_congested(&b.port, true);
	input(&a, MAC_BROADCAST, MAC_A);
	ck_assert_uint_eq(b.n, 0);
	ck_assert_uint_eq(c.n, 1);
	ck_assert_uint_eq(a.pauses, 0);
	ck_assert_uint_eq(b.port.count.drops[DROP_QUEUE_FULL], 1);
}
END_TEST

START_TEST(port_waits_for_one_other_at_a_time)
{
	learn_all();
	port_set_congested(&b.port, true);
	port_set_congested(&c.port, true);
	input(&a, MAC_B, MAC_A);
	input(&a, MAC_C, MAC_A);
	ck_assert_uint_eq(a.pauses, 1);
	port_set_congested(&c.port, false);
	ck_assert_uint_eq(a.resumes, 0);
	port_set_congested(&b.port, false);
	ck_assert_uint_eq(a.resumes, 1);
}
END_TEST

START_TEST(port_that_cannot_wait_is_not_paused)
{
	static const struct port_ops no_pause = {.send = fakeport_send};

	learn_all();
	a.port.ops = &no_pause;
	port_set_congested(&b.port, true);
	input(&a, MAC_B, MAC_A);
	ck_assert_ptr_null(a.port.waits_for);
	ck_assert_uint_eq(b.n, 1);
}
END_TEST

START_TEST(removed_port_resumes_who_waits_and_waits_for_nobody)
{
	learn_all();
	port_set_congested(&b.port, true);
	input(&a, MAC_B, MAC_A);
	input(&c, MAC_B, MAC_C);
	netdev_remove_port(&c.port);
	ck_assert_uint_eq(c.resumes, 0);
	netdev_remove_port(&b.port);
	ck_assert_uint_eq(a.resumes, 1);
	/* b's timer is cancelled with it. */
	run_loop(60);
	ck_assert(!b.port.dropping);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("congestion");
	TCase *tcase = tcase_create("congestion");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, feeder_of_a_congested_port_waits_until_it_drains);
	tcase_add_test(tcase, feeder_of_a_stuck_port_waits_no_longer_than_50_ms);
	tcase_add_test(tcase, port_stuck_again_at_once_holds_nobody);
	tcase_add_test(tcase, short_stalls_cost_no_credit);
	tcase_add_test(tcase, flood_makes_nobody_wait_and_is_dropped_at_the_congested);
	tcase_add_test(tcase, port_waits_for_one_other_at_a_time);
	tcase_add_test(tcase, port_that_cannot_wait_is_not_paused);
	tcase_add_test(tcase, removed_port_resumes_who_waits_and_waits_for_nobody);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
