/* SPDX-License-Identifier: BSD-3-Clause */
#include "offloadbed.h"
#include "run_suite.h"

#include <stdlib.h>

#define RUNS 60 /* of random troubles, for each family and way; OFFLOAD_RUNS says otherwise */

static struct bed bed;
static const unsigned sizes[] = {0, 1, 1440, 100000, 700000};

static void open_bed(bool v6, uint32_t seed, uint64_t up, uint64_t down, bool forwarded)
{
	bed_init(&bed, v6, seed, up, down);
	bed.forwarded = forwarded;
	bed_open(&bed);
}

/* --- whole connections --- */

/* Trouble by the number: loss, doubles, disorder, slow readers, small windows, no scaling, a lazy
 * libslirp, sequence numbers about to wrap. */
static void run_with_troubles(bool v6, bool forwarded, uint32_t seed)
{
	GRand *rand = g_rand_new_with_seed(seed);
	uint64_t up = sizes[g_rand_int_range(rand, 0, G_N_ELEMENTS(sizes))];
	uint64_t down = sizes[g_rand_int_range(rand, 0, G_N_ELEMENTS(sizes))];

	bed_init(&bed, v6, seed, up, down);
	bed.forwarded = forwarded;
	bed.scaled = g_rand_int_range(rand, 0, 4) != 0;
	bed.lazy = g_rand_int_range(rand, 0, 3) == 0;
	if (g_rand_boolean(rand))
		bed.guest.iss = (uint32_t)-g_rand_int_range(rand, 1, 100000);
	if (g_rand_boolean(rand))
		bed.slirp.iss = (uint32_t)-g_rand_int_range(rand, 1, 100000);
	if (g_rand_int_range(rand, 0, 3) == 0)
		bed.guest.mss = (uint32_t)g_rand_int_range(rand, 100, 1440);
	bed.guest.capacity =
		(uint32_t[]){3000, 20000, 65535, 1 << 20}[g_rand_int_range(rand, 0, 4)];
	if (g_rand_int_range(rand, 0, 3) == 0)
		bed.guest.reads = (uint32_t)g_rand_int_range(rand, 500, 20000);
	if (g_rand_int_range(rand, 0, 3) == 0)
		bed.slirp.reads = (uint32_t)g_rand_int_range(rand, 500, 20000);
	bed_open(&bed);
	bed.loss = (double[]){0, 0, 0.001, 0.05}[g_rand_int_range(rand, 0, 4)];
	bed.twice = (double[]){0, 0.01}[g_rand_int_range(rand, 0, 2)];
	bed.disorder = (double[]){0, 0.01, 0.1}[g_rand_int_range(rand, 0, 3)];
	bed.repacks = (double[]){0, 0.01, 0.5}[g_rand_int_range(rand, 0, 3)];
	bed.moody = g_rand_int_range(rand, 0, 3) == 0;
	bed.tight = g_rand_int_range(rand, 0, 2) == 0;
	ck_assert_msg(bed_run(&bed, 600000),
		      "seed %u v6 %d forwarded %d: up %u of %u, down %u of %u, resets %d %d", seed,
		      v6, forwarded, (unsigned)bed.slirp.received, (unsigned)up,
		      (unsigned)bed.guest.received, (unsigned)down, bed.guest.reset,
		      bed.slirp.reset);
	bed.moody = bed.blocked = false;
	bed_check(&bed);
	/* Nobody waits for anything any more. */
	for (unsigned i = 0; i < 30 && offload_n_flows(bed.offload) > 0; i++)
		bed_step(&bed, 500);
	ck_assert_msg(offload_n_flows(bed.offload) == 0, "seed %u stays", seed);
	bed_fini(&bed);
	g_rand_free(rand);
}

START_TEST(all_bytes_come_in_order_whatever_the_wire_does)
{
	const char *runs = g_getenv("OFFLOAD_RUNS");
	uint32_t n = runs ? (uint32_t)atoi(runs) : RUNS;

	for (uint32_t seed = 0; seed < n; seed++)
		run_with_troubles(_i & 1, _i & 2, seed * 4 + (uint32_t)_i);
}
END_TEST

START_TEST(a_clean_wire_needs_no_second_segment)
{
	open_bed(false, 1, 300000, 300000, false);
	bed_must_run(&bed, 100);
	bed_check(&bed);
	/* libslirp sees large segments: some 20 of them, and acknowledgements. */
	ck_assert_uint_le(bed.slirp.n_in, 120);
	ck_assert_uint_le(bed.guest.n_in, 300000 / 1440 + 150);
	bed_fini(&bed);
}
END_TEST

START_TEST(a_lost_segment_costs_no_timeout)
{
	for (unsigned way = 0; way < 2; way++) {
		usec_t began;

		open_bed(false, 3, way ? 0 : 600000, way ? 600000 : 0, false);
		began = bed_now;
		bed.lose = 50;
		bed_must_run(&bed, 1000);
		bed_check(&bed);
		ck_assert_int_lt(bed_now - began, 100 * USEC_PER_MSEC);
		bed_fini(&bed);
	}
}
END_TEST

START_TEST(numbers_wrap_both_ways)
{
	for (unsigned i = 0; i < 2; i++) {
		bed_init(&bed, i, 4, 500000, 500000);
		bed.guest.iss = 0xffffff00;
		bed.slirp.iss = 0xffff0000;
		bed_open(&bed);
		bed.loss = 0.01;
		bed_must_run(&bed, 100000);
		bed_check(&bed);
		bed_fini(&bed);
	}
}
END_TEST

/* --- windows --- */

START_TEST(a_tiny_window_is_kept_to_and_gets_all)
{
	bed_init(&bed, false, 5, 1000, 20000);
	bed.guest.capacity = 300;
	bed_open(&bed);
	bed_must_run(&bed, 200000);
	bed_check(&bed);
	bed_fini(&bed);
}
END_TEST

START_TEST(a_guest_that_does_not_read_for_an_hour_gets_all_in_the_end)
{
	open_bed(false, 6, 100, 2000000, false);
	bed.guest.capacity = 100000;
	bed.guest.reads = 0;
	for (unsigned i = 0; i < 3600; i++)
		bed_step(&bed, 1000);
	ck_assert(!bed.guest.reset && !bed.slirp.reset);
	ck_assert_uint_le(bed.guest.received, 1 << 20);
	/* What libslirp was taken off is bounded. */
	ck_assert_uint_le(offload_bytes(bed.offload), OFFLOAD_RING_BLOCKS * OFFLOAD_BLOCK_SIZE);
	bed.guest.reads = UINT32_MAX;
	bed_must_run(&bed, 100000);
	bed_check(&bed);
	bed_fini(&bed);
}
END_TEST

START_TEST(a_host_that_does_not_read_for_an_hour_gets_all_in_the_end)
{
	open_bed(false, 7, 2000000, 100, false);
	bed.slirp.reads = 0;
	for (unsigned i = 0; i < 3600; i++)
		bed_step(&bed, 1000);
	ck_assert(!bed.guest.reset && !bed.slirp.reset);
	/* By then the guest waits at a closed window, which it may do for ever. */
	ck_assert_msg(bed.guest.peer_edge == bed.guest.una, "%s", bed_state(&bed));
	bed.slirp.reads = UINT32_MAX;
	bed_must_run(&bed, 100000);
	bed_check(&bed);
	bed_fini(&bed);
}
END_TEST

/* Whoever fills it must be let. */
START_TEST(a_gap_in_what_was_held_for_long_is_filled_at_once)
{
	usec_t began;

	open_bed(false, 29, 300000, 0, false);
	bed.slirp.reads = 0;
	bed.lose = 150; /* some way behind what libslirp takes */
	for (unsigned i = 0; i < 5; i++)
		bed_step(&bed, 1000);
	ck_assert_msg(bed.guest.peer_edge == bed.guest.una, "%s", bed_state(&bed));
	bed.slirp.reads = UINT32_MAX;
	began = bed_now;
	bed_must_run(&bed, 100000);
	bed_check(&bed);
	ck_assert_int_lt(bed_now - began, 5 * USEC_PER_SEC);
	bed_fini(&bed);
}
END_TEST

START_TEST(the_guest_is_shown_more_than_libslirp_takes)
{
	open_bed(false, 8, 2000000, 0, false);
	bed.slirp.reads = 0;
	for (unsigned i = 0; i < 50; i++)
		bed_step(&bed, 1);
	ck_assert_uint_gt(bed.guest.top - bed.guest.una, 200000);
	ck_assert_uint_gt(offload_bytes(bed.offload), 200000);
	bed.slirp.reads = UINT32_MAX;
	bed_must_run(&bed, 10000);
	bed_check(&bed);
	bed_fini(&bed);
}
END_TEST

START_TEST(what_the_guest_has_not_acknowledged_libslirp_may_forget)
{
	open_bed(false, 9, 0, 300000, false);
	bed.cut = true;
	for (unsigned i = 0; i < 20; i++)
		bed_step(&bed, 1);
	ck_assert(end_is_done(&bed.slirp)); /* its FIN too */
	ck_assert_uint_eq(bed.guest.received, 0);
	bed.cut = false;
	bed_must_run(&bed, 10000);
	bed_check(&bed);
	bed_fini(&bed);
}
END_TEST

START_TEST(a_name_used_anew_waits_until_the_guest_has_all_of_the_old_one)
{
	open_bed(false, 9, 0, 300000, true);
	bed.blocked = true;
	for (unsigned i = 0; i < 20; i++)
		bed_step(&bed, 1);
	ck_assert(end_is_done(&bed.slirp));
	ck_assert(end_is_done(&bed.guest));
	for (unsigned i = 0; i < 2; i++) {
		end_segment(&bed.slirp, 12345, TCP_FLAG_SYN, NULL, 0, NULL, 0);
		ck_assert_uint_eq(bed.outbox.n, i);
		bed.blocked = false;
		if (i == 0) {
			bed_must_run(&bed, 10000);
			bed_step(&bed, 1);
		}
	}
	bed_check(&bed);
	bed_fini(&bed);
}
END_TEST

START_TEST(a_port_that_is_full_waits_and_loses_nothing)
{
	open_bed(false, 10, 0, 1000000, false);
	bed.blocked = true;
	for (unsigned i = 0; i < 2000; i++)
		bed_step(&bed, 1);
	ck_assert_uint_eq(bed.guest.received, 0);
	ck_assert_uint_le(offload_bytes(bed.offload), OFFLOAD_RING_BLOCKS * OFFLOAD_BLOCK_SIZE);
	/* By then it is not asked after every millisecond. */
	bed.n_wakes = 0;
	for (unsigned i = 0; i < 1000; i++)
		bed_step(&bed, 1);
	ck_assert_uint_gt(bed.n_wakes, 10);
	ck_assert_uint_lt(bed.n_wakes, 100);
	bed.blocked = false;
	bed_must_run(&bed, 1000);
	bed_check(&bed);
	bed_fini(&bed);
}
END_TEST

START_TEST(a_port_that_has_drained_is_served_at_once)
{
	open_bed(false, 10, 0, 1000000, false);
	offload_look_again(bed.offload);
	ck_assert_uint_eq(bed.n_wakes, 0); /* nobody waits */
	bed.blocked = true;
	for (unsigned i = 0; i < 2000; i++)
		bed_step(&bed, 1);
	bed.blocked = false;
	bed.n_wakes = 0;
	offload_look_again(bed.offload);
	ck_assert_uint_eq(bed.n_wakes, 1);
	offload_flush(bed.offload);
	ck_assert_uint_gt(bed.outbox.n, 0);
	bed_must_run(&bed, 1000);
	bed_check(&bed);
	bed_fini(&bed);
}
END_TEST

START_TEST(a_port_lost_and_found_goes_on)
{
	open_bed(true, 11, 800000, 800000, false);
	for (unsigned i = 0; i < 3; i++)
		bed_step(&bed, 1);
	bed.cut = true;
	for (unsigned i = 0; i < 4000; i++)
		bed_step(&bed, 1);
	bed.cut = false;
	bed_must_run(&bed, 60000);
	bed_check(&bed);
	bed_fini(&bed);
}
END_TEST

/* Its link went over to another card, perhaps; libslirp says nothing that would tell. */
START_TEST(what_is_kept_goes_to_where_the_guest_speaks_from)
{
	const mac_t moved = 0x525400abcdef;
	struct bed_frame *frame;
	struct packet packet;

	open_bed(false, 30, 0, 50000, false);
	bed.cut = true;
	for (unsigned i = 0; i < 20; i++)
		bed_step(&bed, 1);
	ck_assert(end_is_done(&bed.slirp));
	bed.cut = false;
	end_say(&bed.guest);
	frame = g_queue_pop_tail(&bed.up);
	mac_write(frame->data + MAC_LEN, moved);
	packet = parsed(frame->data, frame->len);
	offload_from_guest(bed.offload, &bed.owner, &packet);
	bed_now += 10 * USEC_PER_SEC;
	g_main_context_iteration(NULL, FALSE);
	offload_flush(bed.offload);
	ck_assert_uint_gt(bed.outbox.n, 0);
	for (size_t i = 0; i < bed.outbox.n; i++)
		ck_assert_uint_eq(frame_dst(&bed.outbox.frames[i]), moved);
	g_free(frame);
	bed_fini(&bed);
}
END_TEST

/* --- ends --- */

START_TEST(half_closed_it_goes_on_the_other_way)
{
	for (unsigned way = 0; way < 2; way++) {
		struct end *first, *second;

		open_bed(false, 12, 1000, 1000, false);
		first = way ? &bed.slirp : &bed.guest;
		second = other(first);
		second->ends = false;
		bed_must_run(&bed, 1000);
		ck_assert(second->peer_ended && !first->peer_ended);
		for (unsigned i = 0; i < 300; i++)
			bed_step(&bed, 1000); /* five minutes */
		second->total += 200000;
		second->ends = true;
		bed_must_run(&bed, 10000);
		bed_check(&bed);
		bed_fini(&bed);
	}
}
END_TEST

/* libslirp puts it in order; that the guest has ended must be known all the same, or what it says
 * later goes to a connection that libslirp has forgotten, and is answered with a reset. */
START_TEST(an_end_that_came_before_its_data_is_known)
{
	struct bed_frame *first;

	open_bed(false, 27, 2880, 300000, false);
	bed.guest.capacity = 2000;
	bed.guest.reads = 20;
	end_output(&bed.guest);
	first = g_queue_pop_head(&bed.up); /* the opening's acknowledgement */
	g_queue_push_tail(&bed.up, first);
	first = g_queue_pop_head(&bed.up);
	g_queue_push_tail(&bed.up, first);
	for (unsigned i = 0; i < 50; i++)
		bed_step(&bed, 1);
	ck_assert(bed.slirp.closed);
	ck_assert_uint_gt(bed.slirp.total, bed.guest.received);
	/* Its FIN once more, as if its acknowledgement had been lost. */
	end_segment(&bed.guest, end_fin(&bed.guest), TCP_FLAG_ACK | TCP_FLAG_FIN, NULL, 0, NULL, 0);
	bed_must_run(&bed, 100000);
	bed_check(&bed);
	ck_assert_uint_eq(bed.slirp.n_resets_in + bed.guest.n_resets_in, 0);
	bed_fini(&bed);
}
END_TEST

/* It knows nothing of the old one, so it must hear that there is one (RFC 5961 4.2). */
START_TEST(a_new_beginning_that_libslirp_does_not_take_is_answered)
{
	unsigned n;

	open_bed(false, 28, 100, 100, false);
	bed.guest.ends = bed.slirp.ends = false;
	bed_must_run(&bed, 1000);
	n = bed.guest.n_in;
	end_segment(&bed.guest, bed.guest.nxt + 1000000, TCP_FLAG_SYN, NULL, 0, NULL, 0);
	bed_step(&bed, 1);
	end_say(&bed.slirp);
	bed_step(&bed, 1);
	ck_assert_uint_eq(bed.guest.n_in, n + 1);
	bed_fini(&bed);
}
END_TEST

START_TEST(both_ends_at_once)
{
	open_bed(false, 13, 0, 0, false);
	end_output(&bed.guest); /* its FIN is on the wire */
	end_output(&bed.slirp);
	bed_must_run(&bed, 1000);
	bed_check(&bed);
	for (unsigned i = 0; i < 10; i++)
		bed_step(&bed, 1);
	ck_assert_uint_eq(offload_n_flows(bed.offload), 0);
	bed_fini(&bed);
}
END_TEST

/* What was kept still goes out, and libslirp hears nothing of a connection it has forgotten. */
START_TEST(a_slow_guest_gets_what_libslirp_has_forgotten)
{
	open_bed(false, 14, 100, 400000, false);
	bed.guest.capacity = 20000;
	bed.guest.reads = 20;
	bed.loss = 0.02;
	bed_must_run(&bed, 1000000);
	bed_check(&bed);
	ck_assert_uint_eq(bed.slirp.n_resets_in + bed.guest.n_resets_in, 0);
	bed_fini(&bed);
}
END_TEST

START_TEST(a_reset_of_the_guest_passes_in_front_of_what_is_held)
{
	open_bed(false, 15, 2000000, 0, false);
	bed.slirp.reads = 0;
	for (unsigned i = 0; i < 50; i++)
		bed_step(&bed, 1);
	ck_assert(!bed.slirp.reset);
	end_reset(&bed.guest, bed.guest.nxt);
	bed_step(&bed, 1);
	ck_assert(bed.slirp.reset);
	ck_assert_uint_eq(offload_n_flows(bed.offload), 0);
	ck_assert_uint_eq(offload_bytes(bed.offload), 0);
	bed_fini(&bed);
}
END_TEST

START_TEST(a_reset_of_libslirps_is_believed_though_bytes_were_not_sent)
{
	open_bed(false, 16, 0, 2000000, false);
	bed.guest.capacity = 50000;
	bed.guest.reads = 0;
	for (unsigned i = 0; i < 50; i++)
		bed_step(&bed, 1);
	end_reset(&bed.slirp, bed.slirp.nxt);
	bed_step(&bed, 1);
	ck_assert(bed.guest.reset);
	ck_assert_uint_eq(offload_n_flows(bed.offload), 0);
	ck_assert_uint_eq(offload_bytes(bed.offload), 0);
	bed_fini(&bed);
}
END_TEST

START_TEST(a_guest_that_says_no_more_is_given_up)
{
	open_bed(false, 17, 0, 4000000, false);
	bed_step(&bed, 1);
	bed.cut = true;
	for (unsigned i = 0; i < 150 && !bed.slirp.reset; i++)
		bed_step(&bed, 1000);
	ck_assert(bed.slirp.reset);
	ck_assert_uint_eq(offload_n_flows(bed.offload), 0);
	bed_fini(&bed);
}
END_TEST

START_TEST(a_keepalive_is_answered)
{
	unsigned n;

	open_bed(false, 18, 100, 100, false);
	bed.guest.ends = bed.slirp.ends = false;
	bed_must_run(&bed, 1000);
	for (unsigned i = 0; i < 10; i++) {
		bed_step(&bed, 1000);
		n = bed.guest.n_in;
		end_segment(&bed.guest, bed.guest.nxt - 1, TCP_FLAG_ACK, NULL, 0, NULL, 0);
		bed_step(&bed, 1);
		bed_step(&bed, 1);
		ck_assert_uint_eq(bed.guest.n_in, n + 1);
	}
	bed_fini(&bed);
}
END_TEST

START_TEST(a_new_connection_takes_the_place_of_an_old_one)
{
	open_bed(false, 19, 1000, 100000, false);
	bed.guest.reads = 0;
	for (unsigned i = 0; i < 10; i++)
		bed_step(&bed, 1);
	/* The guest has started anew and uses the same port; libslirp accepts. */
	g_free(bed.guest.ahead);
	g_free(bed.slirp.ahead);
	end_init(&bed.guest, &bed, false, 5000);
	end_init(&bed.slirp, &bed, true, 5000);
	bed_drain_outbox(&bed);
	g_queue_clear_full(&bed.down, g_free);
	g_queue_clear_full(&bed.up, g_free);
	g_queue_init(&bed.up);
	g_queue_init(&bed.down);
	bed_open(&bed);
	bed_must_run(&bed, 1000);
	bed_check(&bed);
	bed_fini(&bed);
}
END_TEST

static Suite *offload_suite(void)
{
	Suite *suite = suite_create("offload_tcp");
	TCase *tcase = tcase_create("troubles");

	tcase_add_loop_test(tcase, all_bytes_come_in_order_whatever_the_wire_does, 0, 4);
	tcase_set_timeout(tcase, 300);
	suite_add_tcase(suite, tcase);
	tcase = tcase_create("offload");
	tcase_set_timeout(tcase, 300);
	tcase_add_test(tcase, a_clean_wire_needs_no_second_segment);
	tcase_add_test(tcase, a_lost_segment_costs_no_timeout);
	tcase_add_test(tcase, numbers_wrap_both_ways);
	tcase_add_test(tcase, a_tiny_window_is_kept_to_and_gets_all);
	tcase_add_test(tcase, a_guest_that_does_not_read_for_an_hour_gets_all_in_the_end);
	tcase_add_test(tcase, a_host_that_does_not_read_for_an_hour_gets_all_in_the_end);
	tcase_add_test(tcase, a_gap_in_what_was_held_for_long_is_filled_at_once);
	tcase_add_test(tcase, the_guest_is_shown_more_than_libslirp_takes);
	tcase_add_test(tcase, what_the_guest_has_not_acknowledged_libslirp_may_forget);
	tcase_add_test(tcase, a_name_used_anew_waits_until_the_guest_has_all_of_the_old_one);
	tcase_add_test(tcase, a_port_that_is_full_waits_and_loses_nothing);
	tcase_add_test(tcase, a_port_that_has_drained_is_served_at_once);
	tcase_add_test(tcase, a_port_lost_and_found_goes_on);
	tcase_add_test(tcase, what_is_kept_goes_to_where_the_guest_speaks_from);
	tcase_add_test(tcase, half_closed_it_goes_on_the_other_way);
	tcase_add_test(tcase, an_end_that_came_before_its_data_is_known);
	tcase_add_test(tcase, a_new_beginning_that_libslirp_does_not_take_is_answered);
	tcase_add_test(tcase, both_ends_at_once);
	tcase_add_test(tcase, a_slow_guest_gets_what_libslirp_has_forgotten);
	tcase_add_test(tcase, a_reset_of_the_guest_passes_in_front_of_what_is_held);
	tcase_add_test(tcase, a_reset_of_libslirps_is_believed_though_bytes_were_not_sent);
	tcase_add_test(tcase, a_guest_that_says_no_more_is_given_up);
	tcase_add_test(tcase, a_keepalive_is_answered);
	tcase_add_test(tcase, a_new_connection_takes_the_place_of_an_old_one);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return run_suite(offload_suite());
}
