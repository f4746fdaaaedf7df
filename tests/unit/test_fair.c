/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/fair.h"

#include <check.h>

#include "fakeport.h"
#include "net/network.h"
#include "net/vswitch.h"
#include "run_suite.h"

#define MTU   1500
#define SMALL 60

static struct loop *loop;
static struct network *network;
static struct fakeport one, two;
static struct fair fair;

static void setup(void)
{
	loop = new_test_loop();
	network = network_new(loop, "test");
	port_init(&one.port, &fakeport_ops, NULL, "one");
	port_init(&two.port, &fakeport_ops, NULL, "two");
	vswitch_add_port(network->vswitch, &one.port);
	vswitch_add_port(network->vswitch, &two.port);
	fair_init(&fair, loop);
}

static void teardown(void)
{
	vswitch_remove_port(&one.port);
	vswitch_remove_port(&two.port);
	port_fini(&one.port);
	port_fini(&two.port);
	network_free(network);
	loop_free(loop);
}

/* A run of port one that took all that it may read, of frames of this size and cost. */
static void run_of(size_t bytes, int64_t ns_each)
{
	size_t n = one.port.read_max / bytes;

	one.port.has_more = true;
	fair_active(&fair, &one.port);
	fair_begin(&fair, &one.port);
	fair_charge(&fair, &one.port, n, n * bytes, (int64_t)n * ns_each);
}

static void nothing(struct loop_task *task)
{
}

static void next_turn(void)
{
	struct loop_task task;

	loop_task_init(loop, &task, LOOP_SERVICE, nothing);
	loop_task_defer(&task);
	ck_assert(g_main_context_iteration(NULL, FALSE));
}

static void other_is_active(void)
{
	fair_active(&fair, &two.port);
}

START_TEST(a_port_alone_is_read_in_pieces_of_milliseconds)
{
	for (int i = 0; i < 100; i++)
		run_of(SMALL, 20000);
	ck_assert_int_ge((int64_t)(one.port.read_max / SMALL) * 20000, FAIR_ALONE / 4);
	ck_assert_int_le((int64_t)(one.port.read_max / SMALL) * 20000, FAIR_ALONE);
	ck_assert(!port_rests(&one.port));
}
END_TEST

START_TEST(a_flood_beside_others_is_read_in_small_pieces_and_rests)
{
	other_is_active();
	for (int i = 0; i < 100 && !port_rests(&one.port); i++)
		run_of(SMALL, 20000);
	ck_assert(port_rests(&one.port));
	for (int i = 0; i < 100; i++)
		run_of(SMALL, 20000);
	ck_assert_uint_le(one.port.read_max, 8 * SMALL);
	ck_assert_uint_ge(one.port.read_max, FAIR_READ);
}
END_TEST

START_TEST(a_flood_of_cheap_small_frames_rests_too)
{
	other_is_active();
	for (int i = 0; i < 100 && !port_rests(&one.port); i++)
		run_of(SMALL, 50);
	ck_assert(port_rests(&one.port));
}
END_TEST

START_TEST(bulk_data_beside_others_never_rests)
{
	other_is_active();
	for (int i = 0; i < 100; i++)
		run_of(MTU, 600);
	ck_assert(!port_rests(&one.port));
	ck_assert_uint_ge(one.port.read_max, 64 * MTU);
}
END_TEST

START_TEST(bulk_data_of_a_port_that_reads_nothing_rests)
{
	other_is_active();
	one.port.dropping = true;
	for (int i = 0; i < 100 && !port_rests(&one.port); i++)
		run_of(MTU, 600);
	ck_assert(port_rests(&one.port));
}
END_TEST

START_TEST(a_port_that_waits_for_answers_never_rests)
{
	other_is_active();
	for (int i = 0; i < 1000; i++) {
		one.port.has_more = false;
		fair_begin(&fair, &one.port);
		fair_charge(&fair, &one.port, 1, SMALL, 40000);
	}
	ck_assert(!port_rests(&one.port));
}
END_TEST

START_TEST(frames_between_guests_make_the_pieces_large_again)
{
	other_is_active();
	for (int i = 0; i < 100; i++)
		run_of(SMALL, 20000);
	/* The parts of one read are one input. */
	for (int i = 0; i < 20; i++)
		fair_active(&fair, &one.port);
	ck_assert_uint_le(one.port.read_max, 2 * FAIR_READ);
	for (int i = 0; i < 20; i++) {
		next_turn();
		fair_active(&fair, &one.port);
	}
	ck_assert_uint_eq(one.port.read_max, PORT_READ_MAX);
}
END_TEST

/* Ten frames cost the switch this; the gateway got some of them. */
static void flood_that_cost_the_switch(int64_t ns, size_t n)
{
	next_turn();
	other_is_active();
	one.port.has_more = true;
	fair_active(&fair, &one.port);
	one.port.input_frames = 10;
	one.port.input_ns = ns;
	fair_begin(&fair, &one.port);
	fair_end(&fair, &one.port, n, n * SMALL);
}

START_TEST(what_frames_cost_the_switch_counts)
{
	flood_that_cost_the_switch(10 * 1000000, 10);
	ck_assert(port_rests(&one.port));
}
END_TEST

START_TEST(frames_to_other_guests_do_not_count)
{
	flood_that_cost_the_switch(10 * 50, 1);
	ck_assert(!port_rests(&one.port));
	ck_assert_int_lt(one.port.rest_due, USEC_PER_MSEC);
}
END_TEST

START_TEST(refused_frames_are_a_flood)
{
	for (int i = 0; i < 100000 && !port_rests(&one.port); i++) {
		next_turn();
		other_is_active();
		fair_active(&fair, &one.port);
		fair_input_begin(&fair, &one.port, 256);
		port_drop(&one.port, DROP_FLOOD, 256);
		fair_input_end(&fair, &one.port, 256);
	}
	ck_assert(port_rests(&one.port));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("fair");
	TCase *tc = tcase_create("fair");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_port_alone_is_read_in_pieces_of_milliseconds);
	tcase_add_test(tc, a_flood_beside_others_is_read_in_small_pieces_and_rests);
	tcase_add_test(tc, a_flood_of_cheap_small_frames_rests_too);
	tcase_add_test(tc, bulk_data_beside_others_never_rests);
	tcase_add_test(tc, bulk_data_of_a_port_that_reads_nothing_rests);
	tcase_add_test(tc, a_port_that_waits_for_answers_never_rests);
	tcase_add_test(tc, frames_between_guests_make_the_pieces_large_again);
	tcase_add_test(tc, what_frames_cost_the_switch_counts);
	tcase_add_test(tc, frames_to_other_guests_do_not_count);
	tcase_add_test(tc, refused_frames_are_a_flood);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
