/* SPDX-License-Identifier: BSD-3-Clause */
#include "offloadbed.h"
#include "run_suite.h"

/* What offload may take, and what it does with damage and lies. test_offload_tcp.c has the rest. */
static struct bed bed;

static void open_bed(bool v6, uint32_t seed, uint64_t up, uint64_t down, bool forwarded)
{
	bed_init(&bed, v6, seed, up, down);
	bed.forwarded = forwarded;
	bed_open(&bed);
}

/* --- budgets --- */

/* Many flows to one guest that reads nothing; each would take 1 MB. */
START_TEST(memory_is_bounded_and_what_finds_none_passes)
{
	unsigned others = OFFLOAD_PORT_BYTES / OFFLOAD_BLOCK_SIZE;
	struct offload_share share = {0};

	open_bed(false, 20, 500000, 500000, false);
	offload_guest_set_share(&bed.owner, &share);
	/* The port's other guests have it all but one block. */
	ck_assert(offload_charge(&bed.offload->pool, &bed.owner, others - 1));
	ck_assert(!offload_charge(&bed.offload->pool, &bed.owner, 2));
	bed.loss = 0.01;
	bed_must_run(&bed, 20000000);
	bed_check(&bed);
	ck_assert_uint_le(bed.most_bytes, OFFLOAD_PORT_BYTES);
	ck_assert_uint_ge(share.blocks, others - 1);
	offload_uncharge(&bed.offload->pool, &bed.owner, others - 1);
	ck_assert_uint_eq(share.blocks, 0);
	bed_fini(&bed);
}
END_TEST

START_TEST(room_that_comes_late_is_used)
{
	unsigned all = OFFLOAD_PORT_BYTES / OFFLOAD_BLOCK_SIZE;

	open_bed(false, 21, 0, 3000000, false);
	ck_assert(offload_charge(&bed.offload->pool, &bed.owner, all));
	bed.guest.capacity = 30000;
	for (unsigned i = 0; i < 20; i++)
		bed_step(&bed, 1);
	ck_assert_uint_gt(bed.guest.received, 0);
	offload_uncharge(&bed.offload->pool, &bed.owner, all);
	bed.most_bytes = 0;
	bed_must_run(&bed, 10000);
	bed_check(&bed);
	ck_assert_uint_gt(bed.most_bytes, 0);
	bed_fini(&bed);
}
END_TEST

/* Of what the guest is shown, the bytes that it has not had acknowledged. */
static uint32_t shown(void)
{
	return bed.guest.peer_edge - bed.guest.una;
}

START_TEST(with_little_memory_left_windows_are_smaller_and_none_is_taken_back)
{
	unsigned quarter = OFFLOAD_PORT_BYTES / OFFLOAD_BLOCK_SIZE / 4;
	const uint32_t rounding = 1 << OFFLOAD_SHIFT;
	uint32_t edge;

	open_bed(false, 27, 20000000, 0, false);
	for (unsigned i = 0; i < 5; i++)
		bed_step(&bed, 1);
	ck_assert_uint_gt(shown(), OFFLOAD_INFLATE - rounding);
	ck_assert(offload_charge(&bed.offload->pool, &bed.owner, quarter));
	edge = bed.guest.peer_edge;
	for (unsigned i = 0; i < 20 || shown() > OFFLOAD_INFLATE_SCANT + 65535; i++) {
		bed_step(&bed, 1);
		ck_assert(!seq_before(bed.guest.peer_edge + rounding, edge));
		edge = bed.guest.peer_edge;
		ck_assert_uint_lt(i, 1000);
	}
	ck_assert_uint_gt(shown(), OFFLOAD_INFLATE_SCANT - rounding);
	offload_uncharge(&bed.offload->pool, &bed.owner, quarter);
	bed_step(&bed, 1);
	bed_step(&bed, 1);
	ck_assert_uint_gt(shown(), OFFLOAD_INFLATE - rounding);
	bed_must_run(&bed, 5000);
	bed_check(&bed);
	bed_fini(&bed);
}
END_TEST

START_TEST(the_budget_of_all_holds_for_all_ports)
{
	static struct offload_guest guests[OFFLOAD_BYTES / OFFLOAD_PORT_BYTES], few;
	unsigned each = OFFLOAD_PORT_BYTES / OFFLOAD_BLOCK_SIZE;
	unsigned some = OFFLOAD_FEW_BYTES / OFFLOAD_BLOCK_SIZE;

	bed_init(&bed, false, 22, 0, 0);
	for (unsigned i = 0; i < G_N_ELEMENTS(guests); i++) {
		offload_guest_init(&guests[i], &bed);
		ck_assert(offload_charge(&bed.offload->pool, &guests[i], each) ==
			  (i + 1 < G_N_ELEMENTS(guests)));
	}
	ck_assert_uint_eq(offload_bytes(bed.offload),
			  (G_N_ELEMENTS(guests) - 1) * each * OFFLOAD_BLOCK_SIZE);
	ck_assert_uint_le(offload_bytes(bed.offload), OFFLOAD_BYTES);
	/* The last quarter is not for those who have taken much. */
	offload_guest_init(&few, &bed);
	ck_assert(offload_charge(&bed.offload->pool, &few, some));
	ck_assert(!offload_charge(&bed.offload->pool, &few, each - some));
	offload_uncharge(&bed.offload->pool, &few, some);
	for (unsigned i = 0; i + 1 < G_N_ELEMENTS(guests); i++)
		offload_uncharge(&bed.offload->pool, &guests[i], each);
	bed_fini(&bed);
}
END_TEST

/* @n SYNs, to a port of their own. */
static void open_many(struct offload_guest *guest, uint16_t port, unsigned n)
{
	static uint8_t frame[2000];

	for (unsigned i = 0; i < n; i++) {
		struct ends flow = flow4;
		struct packet packet;

		flow.sport = (uint16_t)i;
		flow.dport = port;
		packet = parsed(frame, put_tcp(frame, &flow, 1, 0, TCP_FLAG_SYN, NULL, 0, NULL, 0));
		offload_from_guest(bed.offload, guest, &packet);
	}
}

START_TEST(connections_beyond_the_bound_pass_as_they_are)
{
	struct offload_guest others[4];
	struct offload_share share = {0};

	bed_init(&bed, false, 23, 1000, 1000);
	for (unsigned i = 0; i < G_N_ELEMENTS(others); i++)
		offload_guest_init(&others[i], &bed);
	/* Two addresses at a port have together what one has. */
	offload_guest_set_share(&others[0], &share);
	offload_guest_set_share(&others[1], &share);
	open_many(&others[0], 1, OFFLOAD_PORT_FLOWS - 10);
	open_many(&others[1], 2, 20);
	ck_assert_uint_eq(offload_n_flows(bed.offload), OFFLOAD_PORT_FLOWS);
	/* The last quarter is for those with few. */
	open_many(&others[2], 3, OFFLOAD_PORT_FLOWS);
	ck_assert_uint_eq(offload_n_flows(bed.offload), OFFLOAD_FLOWS / 4 * 3);
	open_many(&others[3], 4, OFFLOAD_FEW_FLOWS + 10);
	ck_assert_uint_eq(others[3].n_flows, OFFLOAD_FEW_FLOWS);
	/* Unanswered, they are forgotten. */
	for (unsigned i = 0; i < 3; i++)
		bed_step(&bed, 41000);
	ck_assert_uint_eq(offload_n_flows(bed.offload), 0);
	ck_assert_uint_eq(share.n_flows, 0);
	bed_fini(&bed);
}
END_TEST

/* --- damage and lies --- */

/* Merging must not launder damage: the sum of the whole is derived from those of its parts. */
START_TEST(data_with_a_wrong_sum_keeps_it_and_is_sent_again)
{
	struct bed_frame *frame;

	open_bed(true, 26, 7200, 0, false);
	bed.damaged = true;
	end_output(&bed.guest);
	frame = g_queue_peek_nth(&bed.up, 3);
	frame->data[frame->len - 100] ^= 1;
	bed_step(&bed, 1);
	ck_assert_uint_eq(bed.n_damaged, 1);
	ck_assert_uint_eq(bed.slirp.received, 0);
	bed_must_run(&bed, 3000);
	bed_check(&bed);
	bed_fini(&bed);
}
END_TEST

START_TEST(an_acknowledgement_with_a_wrong_sum_lets_go_of_nothing)
{
	struct packet packet;
	struct bed_frame *frame;

	open_bed(false, 24, 0, 100000, false);
	bed.damaged = true;
	bed_step(&bed, 1); /* the guest has it, its acknowledgements are on the wire */
	ck_assert_uint_gt(bed.guest.received, 0);
	frame = g_queue_peek_tail(&bed.up);
	frame->data[frame->len - 5] ^= 1;
	packet = parsed(frame->data, frame->len);
	offload_from_guest(bed.offload, &bed.owner, &packet);
	ck_assert_uint_eq(bed.owner.blocks * (uint64_t)OFFLOAD_BLOCK_SIZE,
			  offload_bytes(bed.offload));
	ck_assert_uint_ge(offload_bytes(bed.offload), 100000);
	bed_fini(&bed);
}
END_TEST

START_TEST(what_was_never_sent_cannot_be_acknowledged)
{
	uint32_t ack;

	open_bed(false, 25, 0, 3000000, false);
	bed_step(&bed, 1);
	ack = bed.guest.rcv_nxt;
	bed.guest.rcv_nxt += 5000000;
	end_say(&bed.guest);
	bed.guest.rcv_nxt = ack;
	bed_must_run(&bed, 5000);
	bed_check(&bed);
	bed_fini(&bed);
}
END_TEST

static Suite *offload_suite(void)
{
	Suite *suite = suite_create("offload_limits");
	TCase *tcase = tcase_create("limits");

	tcase_set_timeout(tcase, 300);
	tcase_add_test(tcase, memory_is_bounded_and_what_finds_none_passes);
	tcase_add_test(tcase, room_that_comes_late_is_used);
	tcase_add_test(tcase, with_little_memory_left_windows_are_smaller_and_none_is_taken_back);
	tcase_add_test(tcase, the_budget_of_all_holds_for_all_ports);
	tcase_add_test(tcase, connections_beyond_the_bound_pass_as_they_are);
	tcase_add_test(tcase, data_with_a_wrong_sum_keeps_it_and_is_sent_again);
	tcase_add_test(tcase, an_acknowledgement_with_a_wrong_sum_lets_go_of_nothing);
	tcase_add_test(tcase, what_was_never_sent_cannot_be_acknowledged);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return run_suite(offload_suite());
}
