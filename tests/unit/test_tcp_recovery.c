/* SPDX-License-Identifier: BSD-3-Clause */
#include "run_suite.h"
#include "tcpbed.h"

/* Losses towards the guest: which segments are retransmitted, when, and the window afterwards. */

#define SEGMENT 1448

static uint8_t *bytes;

static void setup(void)
{
	bed_setup();
	bytes = pattern(1 << 20);
}

static void teardown(void)
{
	bed_teardown();
	g_clear_pointer(&bytes, g_free);
}

static void open_large(void)
{
	guest_init(false);
	guest.window = 4 << 20;
	host_pair();
	guest_opens(opt_all, sizeof(opt_all));
}

/* The host writes @n segments, sent in one turn. */
static void host_sends(unsigned n)
{
	host_writes(bytes, n * SEGMENT);
	bed_turn();
	ck_assert_uint_eq(g_queue_get_length(&outcome), n);
	seen_clear();
}

/* The guest acknowledges @ack and SACKs @from to @to. */
static void guest_sacks_at(uint32_t ack, uint32_t from, uint32_t to)
{
	struct tcp_options options = {
		.has_stamps = true,
		.stamp = ++guest.stamp,
		.echo = guest.echo,
		.n_sacks = 1,
		.sacks[0] = {from, to},
	};
	static uint8_t out[40];

	guest.n_options = tcp_options_write(out, &options);
	guest.options = out;
	guest_acks(ack);
	guest.options = NULL;
	guest.n_options = 0;
	bed_turn();
}

/* The same, in segments counted from the first. */
static void guest_sacks(unsigned ack, unsigned from, unsigned to)
{
	uint32_t first = guest.irs + 1;

	guest_sacks_at(first + ack * SEGMENT, first + from * SEGMENT, first + to * SEGMENT);
}

/* Segment @i is retransmitted, and none before it. */
static void is_resent(unsigned i)
{
	ck_assert_uint_eq(seen_next()->seq, guest.irs + 1 + i * SEGMENT);
	ck_assert_uint_eq(last_seen->len, SEGMENT);
	ck_assert_int_eq(memcmp(last_seen->payload, bytes + i * SEGMENT, SEGMENT), 0);
}

START_TEST(one_loss_is_mended_at_once)
{
	open_large();
	host_sends(10);
	guest_sacks(3, 4, 10);
	is_resent(3);
	ck_assert(seen_none());
	guest_acks(guest.irs + 1 + 10 * SEGMENT);
	bed_turn();
	ck_assert(!conn->tcp->in_recovery);
	ck_assert_uint_eq(tcp_bytes(tcp), 0);
}
END_TEST

START_TEST(what_is_sent_again_acknowledges_what_came_since)
{
	open_large();
	host_sends(10);
	guest_sends("hello", 5);
	guest_sends("world", 5);
	guest_sacks(3, 4, 10);
	is_resent(3);
	ck_assert_uint_eq(last_seen->ack, guest.nxt);
}
END_TEST

START_TEST(many_losses_are_mended_in_order)
{
	open_large();
	host_sends(10);
	guest_sacks(0, 8, 10);
	for (unsigned i = 0; i < 5; i++) /* as much as the window allows, which is smaller now */
		is_resent(i);
	while (!seen_none())
		seen_next();
	guest_sacks(5, 8, 10);
	while (!seen_none())
		seen_next();
	guest_acks(guest.irs + 1 + 10 * SEGMENT);
	bed_turn();
	ck_assert_uint_eq(tcp_bytes(tcp), 0);
}
END_TEST

START_TEST(a_lost_retransmission_is_sent_again)
{
	open_large();
	host_sends(10);
	bed_pass(USEC_PER_MSEC);
	guest_sacks(3, 4, 10);
	is_resent(3);
	/* it is lost again; what was sent after it comes */
	bed_pass(2 * USEC_PER_MSEC);
	host_writes(bytes + 10 * SEGMENT, 2 * SEGMENT);
	bed_turn();
	ck_assert_uint_eq(seen_next()->seq, guest.irs + 1 + 10 * SEGMENT);
	seen_clear();
	bed_pass(2 * USEC_PER_MSEC);
	guest_sacks(3, 4, 12);
	is_resent(3);
}
END_TEST

/* RFC 8985 7 */
START_TEST(a_lost_tail_is_probed_for)
{
	open_large();
	host_sends(5);
	guest_acks(guest.irs + 1 + 5 * SEGMENT); /* so that the RTT is known */
	bed_turn();
	host_writes(bytes + 5 * SEGMENT, 5 * SEGMENT);
	bed_turn();
	seen_clear();
	guest_acks(guest.irs + 1 + 7 * SEGMENT);
	bed_turn();
	bed_pass(20 * USEC_PER_MSEC);
	is_resent(9);
	ck_assert(seen_none());
	guest_sacks(7, 9, 10);
	is_resent(7);
	is_resent(8);
}
END_TEST

START_TEST(time_outs_double_and_end_in_a_reset)
{
	usec_t start, last = 0, gap = 0;
	unsigned n = 0;

	guest_init(false);
	host_pair();
	guest_opens(opt_mss, sizeof(opt_mss)); /* no SACK: no probes */
	host_writes("hello", 5);
	bed_turn();
	seen_clear();
	start = bed_now;
	while (conn->tcp && bed_now - start < 900 * USEC_PER_SEC) {
		bed_now += 10 * USEC_PER_MSEC;
		bed_turn();
		if (seen_none())
			continue;
		if (seen_next()->flags & TCP_FLAG_RST)
			break;
		ck_assert_uint_eq(last_seen->len, 5);
		if (last && n < 8) {
			ck_assert_int_ge(bed_now - last, 2 * gap - 20 * USEC_PER_MSEC);
			gap = bed_now - last;
		}
		if (!last)
			gap = bed_now - start;
		last = bed_now;
		n++;
	}
	ck_assert(last_seen->flags & TCP_FLAG_RST);
	ck_assert_ptr_null(conn->tcp);
	ck_assert_uint_ge(n, TCP_RETRIES_FEW);
	ck_assert_int_ge(bed_now - start, 100 * USEC_PER_SEC);
}
END_TEST

START_TEST(after_a_time_out_sending_begins_anew)
{
	guest_init(false);
	host_pair();
	guest_opens(opt_mss, sizeof(opt_mss));
	host_writes(bytes, 10 * 1460);
	bed_turn();
	seen_clear();
	bed_pass(250 * USEC_PER_MSEC);
	ck_assert_uint_eq(seen_next()->seq, guest.irs + 1);
	ck_assert(seen_none());
	guest_acks(guest.irs + 1 + 1460);
	bed_turn();
	ck_assert_uint_eq(seen_next()->seq, guest.irs + 1 + 1460);
	seen_next(); /* slow start: two for one */
	ck_assert(seen_none());
}
END_TEST

/* RFC 6582 */
START_TEST(without_sack_three_duplicates_mean_a_loss)
{
	guest_init(false);
	guest.window = 60000;
	host_pair();
	guest_opens(opt_mss, sizeof(opt_mss));
	host_writes(bytes, 10 * 1460);
	bed_turn();
	seen_clear();
	for (int i = 0; i < 2; i++)
		guest_acks(guest.rcv_nxt);
	bed_turn();
	ck_assert(seen_none());
	guest_acks(guest.rcv_nxt);
	bed_turn();
	ck_assert_uint_eq(seen_next()->seq, guest.irs + 1);
	ck_assert(seen_none());
	/* a partial acknowledgement: the next is lost too */
	guest_acks(guest.irs + 1 + 4 * 1460);
	bed_turn();
	ck_assert_uint_eq(seen_next()->seq, guest.irs + 1 + 4 * 1460);
	ck_assert(seen_none());
	guest_acks(guest.irs + 1 + 10 * 1460);
	bed_turn();
	ck_assert(!conn->tcp->in_recovery);
}
END_TEST

/* RFC 3522: the guest was only not scheduled. */
START_TEST(a_time_out_that_was_none_costs_no_window)
{
	uint32_t before, echo;

	open_large();
	host_sends(10);
	echo = guest.echo = conn->tcp->ts_offset + (uint32_t)(bed_now / USEC_PER_MSEC);
	before = conn->tcp->cwnd;
	bed_pass(800 * USEC_PER_MSEC);
	seen_clear();
	ck_assert(conn->tcp->after_timeout);
	ck_assert_uint_lt(conn->tcp->cwnd, before);
	guest.echo = echo;
	guest_acks(guest.irs + 1 + 10 * SEGMENT);
	bed_turn();
	ck_assert(!conn->tcp->after_timeout);
	ck_assert_uint_ge(conn->tcp->cwnd, before);
}
END_TEST

START_TEST(segments_out_of_order_are_borne_when_they_were_seen)
{
	open_large();
	host_sends(10);
	guest_acks(guest.irs + 1 + 10 * SEGMENT);
	bed_turn();
	conn->tcp->reorder = 8; /* reordering was seen */
	conn->tcp->min_rtt = conn->tcp->srtt = 40000;
	host_writes(bytes + 10 * SEGMENT, 3 * SEGMENT);
	bed_turn();
	seen_clear();
	bed_pass(5 * USEC_PER_MSEC);
	guest_sacks(10, 11, 12);
	ck_assert(seen_none());
	bed_pass(10 * USEC_PER_MSEC);
	is_resent(10);
}
END_TEST

/* The guest takes @n whole windows, and acknowledges each after @rtt. */
static void grow_at(unsigned n, usec_t rtt)
{
	while (n--) {
		while (send(host_fd, bytes, 65536, MSG_DONTWAIT) > 0)
			;
		bed_turn();
		seen_clear();
		bed_now += rtt;
		guest_acks(conn->tcp->snd_nxt);
		bed_turn();
	}
}

/* The same by a fast guest, so that the window grows. */
static void grow(unsigned n)
{
	grow_at(n, 100);
}

START_TEST(the_first_window_is_ten_segments)
{
	open_large();
	host_writes(bytes, 100000);
	bed_turn();
	ck_assert_uint_eq(g_queue_get_length(&outcome), 10);
}
END_TEST

START_TEST(a_large_window_grows_by_16_segments_a_round)
{
	uint32_t before;

	open_large();
	do {
		before = conn->tcp->cwnd;
		grow(1);
	} while (before < 32 * SEGMENT);
	for (unsigned i = 0; i < 5; i++) {
		before = conn->tcp->cwnd;
		grow(1);
		ck_assert_uint_gt(conn->tcp->cwnd, before + 12 * SEGMENT);
		ck_assert_uint_le(conn->tcp->cwnd, before + 16 * SEGMENT);
	}
}
END_TEST

START_TEST(a_slow_guest_is_sent_what_rings_hold)
{
	open_large();
	grow_at(100, 1 * USEC_PER_MSEC);
	ck_assert_uint_ge(conn->tcp->cwnd, 40 * SEGMENT);
	ck_assert_uint_lt(conn->tcp->cwnd, 42 * SEGMENT);
	/* e times as much after 20 s */
	grow_at(556, 9 * USEC_PER_MSEC);
	ck_assert_uint_gt(conn->tcp->cwnd, 48 * SEGMENT);
	ck_assert_uint_lt(conn->tcp->cwnd, 54 * SEGMENT);
	/* It has become fast. */
	grow_at(10, 100);
	ck_assert_uint_gt(conn->tcp->cwnd, 100 * SEGMENT);
}
END_TEST

START_TEST(a_long_way_does_not_bound_the_window)
{
	open_large();
	conn->tcp->srtt = conn->tcp->min_rtt = 20 * USEC_PER_MSEC;
	grow_at(20, 20 * USEC_PER_MSEC);
	ck_assert_uint_gt(conn->tcp->cwnd, 100 * SEGMENT);
}
END_TEST

/* Where the nth segment under way begins. */
static uint32_t seq_of(unsigned n)
{
	const struct block *block = conn->tcp->first;

	for (; n >= (unsigned)(block->used - block->head); block = block->next)
		n -= block->used - block->head;
	return block->slots[block->head + n].seq;
}

/* Sends a whole flight. */
static void fly(void)
{
	while (send(host_fd, bytes, 65536, MSG_DONTWAIT) > 0)
		;
	bed_turn();
	seen_clear();
	bed_now += USEC_PER_MSEC;
	guest.echo = conn->tcp->ts_offset + (uint32_t)(bed_now / USEC_PER_MSEC);
}

START_TEST(a_single_loss_leaves_the_window)
{
	uint32_t before;

	open_large();
	grow(20);
	before = conn->tcp->cwnd;
	ck_assert_uint_gt(before, 20 * SEGMENT);
	fly();
	guest_sacks_at(seq_of(0), seq_of(1), seq_of(10));
	ck_assert_uint_eq(seen_next()->seq, seq_of(0));
	ck_assert(conn->tcp->in_recovery);
	ck_assert_uint_eq(conn->tcp->cwnd, before);
}
END_TEST

/* As a card with few descriptors: of a flight @kept segments arrive, and the last. */
static void overflow(unsigned kept)
{
	fly();
	guest_sacks_at(seq_of(kept), conn->tcp->last->slots[conn->tcp->last->used - 1].seq,
		       conn->tcp->snd_nxt);
}

START_TEST(many_losses_cut_the_window_to_what_arrived)
{
	open_large();
	grow(20);
	overflow(40);
	ck_assert(conn->tcp->in_recovery);
	ck_assert_uint_le(conn->tcp->cwnd, 41 * SEGMENT);
	ck_assert_uint_ge(conn->tcp->cwnd, 30 * SEGMENT);
}
END_TEST

/* In recovery more is sent than the window has, as what the guest has SACKed is not under way. */
START_TEST(a_second_loss_counts_only_what_was_under_way)
{
	uint32_t hole, gone;

	open_large();
	grow(20);
	overflow(40);
	hole = conn->tcp->snd_una;
	for (unsigned i = 0; i < 3; i++) {
		gone = conn->tcp->snd_nxt;
		fly();
		guest_sacks_at(hole, hole + SEGMENT, gone);
	}
	ck_assert_uint_gt(conn->tcp->snd_nxt - hole, 80 * SEGMENT);
	guest_acks(conn->tcp->snd_nxt);
	bed_turn();
	ck_assert(!conn->tcp->in_recovery);
	overflow(0);
	ck_assert_uint_le(conn->tcp->w_max, 40 * SEGMENT);
}
END_TEST

START_TEST(the_guests_next_connection_knows_the_limit)
{
	uint32_t limit;

	open_large();
	grow(20);
	overflow(40);
	limit = conn->tcp->w_max;
	bed_close_host();
	conn_end(conns, conn);
	bed_turn();
	seen_clear();
	guest_init(false);
	guest.ends.sport++;
	guest.window = 4 << 20;
	host_pair();
	guest_opens(opt_all, sizeof(opt_all));
	grow(20);
	ck_assert_uint_le(conn->tcp->cwnd, limit);
	/* and tries again, later */
	bed_now += 10 * USEC_PER_SEC;
	grow(50);
	ck_assert_uint_gt(conn->tcp->cwnd, limit);
}
END_TEST

START_TEST(forged_sacks_do_no_harm)
{
	open_large();
	host_sends(10);
	guest_sacks(0, 900000, 900010);
	guest_sacks(0, 5, 3);
	guest_sacks(2, 0, 1);
	guest_sacks(2, 0, 10);
	ck_assert_uint_le(conn->tcp->sacked, down_out(conn->tcp));
	seen_clear();
	guest_acks(guest.irs + 1 + 10 * SEGMENT);
	bed_turn();
	ck_assert_uint_eq(conn->tcp->sacked, 0);
	ck_assert_uint_eq(conn->tcp->lost, 0);
	ck_assert_uint_eq(conn->tcp->resent, 0);
}
END_TEST

/* RFC 2018 8: SACKed data may be discarded. */
START_TEST(a_guest_that_reneges_is_served)
{
	open_large();
	host_sends(10);
	guest_sacks(0, 1, 10);
	is_resent(0);
	guest_acks(guest.irs + 1 + SEGMENT); /* and it has discarded the others */
	bed_turn();
	seen_clear();
	bed_pass(USEC_PER_SEC);
	is_resent(1);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("tcp_recovery");
	TCase *tc = tcase_create("loss");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, one_loss_is_mended_at_once);
	tcase_add_test(tc, what_is_sent_again_acknowledges_what_came_since);
	tcase_add_test(tc, many_losses_are_mended_in_order);
	tcase_add_test(tc, a_lost_retransmission_is_sent_again);
	tcase_add_test(tc, a_lost_tail_is_probed_for);
	tcase_add_test(tc, time_outs_double_and_end_in_a_reset);
	tcase_add_test(tc, after_a_time_out_sending_begins_anew);
	tcase_add_test(tc, without_sack_three_duplicates_mean_a_loss);
	tcase_add_test(tc, a_time_out_that_was_none_costs_no_window);
	tcase_add_test(tc, segments_out_of_order_are_borne_when_they_were_seen);
	tcase_add_test(tc, forged_sacks_do_no_harm);
	tcase_add_test(tc, a_guest_that_reneges_is_served);
	suite_add_tcase(s, tc);
	tc = tcase_create("congestion");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, the_first_window_is_ten_segments);
	tcase_add_test(tc, a_large_window_grows_by_16_segments_a_round);
	tcase_add_test(tc, a_slow_guest_is_sent_what_rings_hold);
	tcase_add_test(tc, a_long_way_does_not_bound_the_window);
	tcase_add_test(tc, a_single_loss_leaves_the_window);
	tcase_add_test(tc, many_losses_cut_the_window_to_what_arrived);
	tcase_add_test(tc, a_second_loss_counts_only_what_was_under_way);
	tcase_add_test(tc, the_guests_next_connection_knows_the_limit);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
