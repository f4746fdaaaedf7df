/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/tap.h"
#include "run_suite.h"
#include "tcpbed.h"

/* Data from the host: segments, windows, memory, turns. */

static void open_mss(uint16_t mss, bool stamps, bool v6)
{
	const struct tcp_options options = {
		.has_mss = true,
		.mss = mss,
		.may_sack = true,
		.has_stamps = stamps,
		.stamp = 100,
		.has_shift = true,
		.shift = 7,
	};
	uint8_t bytes[40];

	guest_init(v6);
	guest.window = 65535 << 7;
	host_pair();
	guest_opens(bytes, tcp_options_write(bytes, &options));
}

/* Writes as much as the socket takes of @bytes. */
static size_t host_fills(const uint8_t *bytes, size_t len)
{
	size_t total = 0;
	ssize_t n;

	while (total < len &&
	       (n = send(host_fd, bytes + total, len - total, MSG_NOSIGNAL | MSG_DONTWAIT)) > 0)
		total += (size_t)n;
	return total;
}

static uint32_t largest; /* segment that guest_takes() has seen */

/* Takes all segments that have come and checks their order and content; acknowledges them. */
static uint32_t guest_takes(const uint8_t *bytes, uint32_t have, uint32_t most)
{
	while (!seen_none()) {
		seen_next();
		ck_assert_uint_eq(last_seen->seq, guest.irs + 1 + have);
		ck_assert_uint_le(last_seen->len, most);
		ck_assert_int_eq(memcmp(last_seen->payload, bytes + have, last_seen->len), 0);
		have += last_seen->len;
		largest = MAX(largest, last_seen->len);
	}
	guest_acks(guest.irs + 1 + have);
	return have;
}

/* MTUs from 576 to 65520, with timestamps and without, both families. */
START_TEST(segments_are_as_large_as_the_guest_takes)
{
	static const uint16_t mtus[] = {576, 1280, 1492, 1500, 9000, 16000, 65520, 65535};
	const size_t total = 1 << 20;
	uint8_t *bytes = pattern(total);

	for (unsigned i = 0; i < 4 * G_N_ELEMENTS(mtus); i++) {
		bool stamps = i & 1, v6 = i & 2;
		uint16_t mss = mtus[i / 4] - (v6 ? 60 : 40);
		uint32_t have = 0, payload = mss - (stamps ? 12 : 0);
		size_t written = 0;

		largest = 0;
		open_mss(mss, stamps, v6);
		while (have < total) {
			written += host_fills(bytes + written, total - written);
			bed_turn();
			have = guest_takes(bytes, have, payload);
		}
		bed_turn();
		ck_assert(largest == payload || mss > 16000);
		ck_assert_uint_eq(tcp_bytes(tcp), 0);
		bed_close_host();
		bed_turn();
		conn_end(conns, conn);
		bed_turn();
		seen_clear();
	}
	g_free(bytes);
}
END_TEST

START_TEST(full_frames_lie_in_one_run)
{
	uint8_t *bytes = pattern(10 * 1448);
	const struct block *block;

	open_all();
	host_writes(bytes, 10 * 1448);
	bed_turn();
	block = conn->tcp->first->next;
	ck_assert_uint_eq(block->used, 9);
	for (unsigned i = 0; i + 1 < block->used; i++)
		ck_assert_ptr_eq(block_frame(block, i) + 14 + 20 + 32 + 1448 + FRAME_PREFIX,
				 block_frame(block, i + 1));
	g_free(bytes);
}
END_TEST

START_TEST(a_quiet_connection_holds_little)
{
	open_all();
	ck_assert_uint_eq(tcp_bytes(tcp), 0);
	host_writes("hello", 5);
	bed_turn();
	ck_assert_uint_eq(tcp_bytes(tcp), BLOCK_SMALL_SIZE);
	guest_acks(guest.rcv_nxt + 5);
	bed_turn();
	ck_assert_uint_eq(tcp_bytes(tcp), 0);
}
END_TEST

START_TEST(a_read_ends_with_push)
{
	uint8_t *bytes = pattern(3000);

	open_all();
	host_writes(bytes, 3000);
	bed_turn();
	ck_assert(!(seen_next()->flags & TCP_FLAG_PSH));
	ck_assert(!(seen_next()->flags & TCP_FLAG_PSH));
	ck_assert(seen_next()->flags & TCP_FLAG_PSH);
	g_free(bytes);
}
END_TEST

START_TEST(data_carries_the_ack)
{
	open_all();
	host_writes("pong", 4);
	guest_sends("ping", 4);
	bed_turn();
	ck_assert_uint_eq(seen_next()->len, 4);
	ck_assert_uint_eq(last_seen->ack, guest.nxt);
	ck_assert(seen_none());
}
END_TEST

START_TEST(a_closed_window_is_probed_until_it_opens)
{
	open_all();
	guest.window = 0;
	guest_acks(guest.rcv_nxt);
	bed_turn();
	host_writes("hello", 5);
	bed_turn();
	ck_assert(seen_none());
	bed_pass(2 * USEC_PER_SEC);
	ck_assert_uint_eq(seen_next()->seq, guest.rcv_nxt - 1);
	ck_assert_uint_eq(last_seen->len, 0);
	/* for ever, while the guest answers */
	for (int i = 0; i < 60; i++) {
		guest_acks(guest.rcv_nxt);
		bed_pass(60 * USEC_PER_SEC);
		seen_next();
		ck_assert_uint_eq(last_seen->len, 0);
		seen_clear();
	}
	ck_assert_ptr_nonnull(conn->tcp);
	guest.window = 64000;
	guest_acks(guest.rcv_nxt);
	bed_turn();
	ck_assert_uint_eq(seen_next()->len, 5);
}
END_TEST

START_TEST(probes_that_nobody_answers_are_given_up)
{
	open_all();
	guest.window = 0;
	guest_acks(guest.rcv_nxt);
	bed_turn();
	host_writes("hello", 5);
	bed_pass(1200 * USEC_PER_SEC);
	ck_assert_ptr_null(conn->tcp);
}
END_TEST

/* RFC 9293 3.8.6.2.1 */
START_TEST(a_window_that_opens_a_little_is_not_used_at_once)
{
	uint8_t *bytes = pattern(5000);

	open_all();
	host_writes(bytes, 1448);
	bed_turn();
	ck_assert_uint_eq(seen_next()->len, 1448);
	guest.window = 256;
	guest_acks(guest.rcv_nxt + 1448);
	bed_turn();
	host_writes(bytes, 5000);
	bed_turn();
	ck_assert(seen_none());
	bed_pass(USEC_PER_SEC);
	ck_assert_uint_eq(seen_next()->len, 256);
	g_free(bytes);
}
END_TEST

START_TEST(a_guest_of_small_windows_is_served)
{
	const size_t total = 20000;
	uint8_t *bytes = pattern(total);
	uint32_t have = 0;

	guest_init(false);
	guest.window = 500;
	host_pair();
	guest_opens(opt_mss, sizeof(opt_mss));
	host_writes(bytes, total);
	for (int i = 0; i < 100 && have < total; i++) {
		bed_turn();
		have = guest_takes(bytes, have, 500);
	}
	ck_assert_uint_eq(have, total);
	g_free(bytes);
}
END_TEST

START_TEST(without_memory_a_segment_at_a_time_goes_on)
{
	struct charge *charge = charge_get(charges, guest_side.id);
	const size_t total = 50000;
	uint8_t *bytes = pattern(total);
	uint32_t have = 0;

	open_all();
	charge_force(charge, CHARGE_BYTES, CHARGE_BYTES_MAX);
	host_writes(bytes, total);
	for (int i = 0; i < 100 && have < total; i++) {
		bed_turn();
		ck_assert_uint_le(tcp_bytes(tcp), BLOCK_SMALL_SIZE);
		have = guest_takes(bytes, have, 1448);
	}
	ck_assert_uint_eq(have, total);
	charge_give(charge, CHARGE_BYTES, CHARGE_BYTES_MAX);
	charge_put(charge);
	g_free(bytes);
}
END_TEST

START_TEST(a_congested_port_is_waited_for)
{
	open_all();
	guest_side.congested = true;
	host_writes("hello", 5);
	guest_sends("up", 2);
	bed_turn();
	host_reads("up");
	ck_assert_uint_eq(seen_next()->len, 0); /* the ACK alone */
	ck_assert(seen_none());
	bed_pass(10 * USEC_PER_SEC);
	ck_assert(seen_none());
	guest_side.congested = false;
	tcp_port_drained(&guest_side);
	bed_turn();
	ck_assert_uint_eq(seen_next()->len, 5);
}
END_TEST

START_TEST(another_port_that_drains_wakes_nobody)
{
	struct port other;

	open_all();
	port_init(&other, guest_side.ops, NULL, "other");
	guest_side.congested = true;
	host_writes("hello", 5);
	bed_turn();
	ck_assert(!list_empty(&guest_side.tcp_held));
	tcp_port_drained(&other);
	ck_assert(!list_empty(&guest_side.tcp_held));
	tcp_port_drained(&guest_side);
	ck_assert(list_empty(&guest_side.tcp_held));
	port_fini(&other);
}
END_TEST

/* Timers must not fire while the segment is still in the port's queue. */
START_TEST(a_congested_port_is_no_loss)
{
	open_all();
	host_writes("hello", 5);
	bed_turn();
	seen_next();
	guest_side.congested = true;
	bed_pass(300 * USEC_PER_SEC);
	ck_assert(seen_none());
	ck_assert_ptr_nonnull(conn->tcp);
	guest_side.congested = false;
	tcp_port_drained(&guest_side);
	bed_pass(120 * USEC_PER_SEC);
	ck_assert_uint_eq(seen_next()->len, 5);
}
END_TEST

START_TEST(connections_take_turns)
{
	enum { N = 6 };
	struct conn *all[N];
	int hosts[N];
	uint8_t *bytes = pattern(200000);
	uint32_t most = 0, least = UINT32_MAX;

	for (int i = 0; i < N; i++) {
		guest_init(false);
		guest.window = 65535 << 7;
		guest.ends.sport = (uint16_t)(6000 + i);
		host_pair();
		guest_opens(opt_all, sizeof(opt_all));
		hosts[i] = host_fd;
		all[i] = conn;
		conn->tcp->cwnd = TCP_INFLIGHT_MAX;
		conn->tcp->snd_wnd = 4 << 20;
		host_fd = -1;
	}
	for (int i = 0; i < N; i++)
		ck_assert_int_gt(send(hosts[i], bytes, 200000, MSG_DONTWAIT), 100000);
	/* one turn reads TCP_TURN_BYTES */
	g_main_context_iteration(NULL, FALSE);
	for (int i = 0; i < N; i++)
		most += down_out(all[i]->tcp);
	ck_assert_uint_gt(most, TCP_TURN_BYTES / 2);
	ck_assert_uint_le(most, TCP_TURN_BYTES + N * TCP_QUIET_BYTES);
	for (int turn = 0; turn < 8; turn++)
		g_main_context_iteration(NULL, FALSE);
	for (int i = 0; i < N; i++)
		least = MIN(least, down_out(all[i]->tcp));
	ck_assert_uint_gt(least, 100000);
	for (int i = 0; i < N; i++)
		close(hosts[i]);
	g_free(bytes);
}
END_TEST

START_TEST(bytes_under_way_are_bounded)
{
	const uint32_t bound = _i ? TCP_INFLIGHT_TAP : TCP_INFLIGHT_MAX;
	uint8_t *bytes = pattern(1 << 20);
	uint32_t most = 0;

	guest_side.takes_offload = _i;
	open_mss(1460, true, false);
	for (int i = 0; i < 200; i++) {
		/* more than the socket holds */
		for (int part = 0; part < 4; part++) {
			host_fills(bytes, (1 << 20));
			bed_turn();
		}
		if (down_out(conn->tcp) == most && i > 20)
			break;
		most = MAX(most, down_out(conn->tcp));
		/* half is acknowledged, so the window grows */
		guest_acks(conn->tcp->snd_una + down_out(conn->tcp) / 2);
		seen_clear();
	}
	ck_assert_uint_le(most, bound);
	ck_assert_uint_ge(most, bound / 5 * 4);
	g_free(bytes);
}
END_TEST

START_TEST(a_tap_is_left_the_sums)
{
	uint8_t *bytes = pattern(3001);
	uint32_t seq;

	guest_side.takes_offload = true;
	open_mss(1000, false, _i);
	host_writes(bytes, 3001);
	bed_turn();
	ck_assert_uint_eq(bed_n_partial, 4);
	for (int i = 0; i < 4; i++) {
		ck_assert_uint_eq(seen_next()->len, i < 3 ? 1000 : 1);
		ck_assert_mem_eq(last_seen->payload, bytes + 1000 * i, last_seen->len);
	}
	/* What is sent again reaches another kind of port whole. */
	seq = conn->tcp->snd_una;
	guest_side.takes_offload = false;
	bed_pass(4 * USEC_PER_SEC);
	ck_assert_uint_eq(bed_n_partial, 4);
	ck_assert_uint_eq(seen_next()->seq, conn->tcp->snd_nxt - 1); /* the probe */
	ck_assert_uint_eq(seen_next()->seq, seq);
	ck_assert_mem_eq(last_seen->payload, bytes, 1000);
	g_free(bytes);
}
END_TEST

static void ignore_frames(struct tap *tap, const struct port *port, enum tap_way way,
			  const struct frame *frames, size_t n, enum drop_reason why)
{
}

START_TEST(a_capture_sees_right_sums)
{
	struct tap tap = {.frames = ignore_frames};
	struct port *port = _i ? &guest_side : &gateway_side;

	guest_side.takes_offload = true;
	open_all();
	port->tap = &tap;
	host_writes("a", 1);
	bed_turn();
	ck_assert_uint_eq(seen_next()->len, 1);
	ck_assert_uint_eq(bed_n_partial, 0);
	port->tap = NULL;
	host_writes("b", 1);
	bed_turn();
	ck_assert_uint_eq(bed_n_partial, 1);
}
END_TEST

START_TEST(a_guest_that_moved_is_sent_to_its_new_address)
{
	open_all();
	host_writes("a", 1);
	bed_turn();
	ck_assert_uint_eq(mac_read(seen_next()->frame + 6), user_config_mac(&config));
	conn_move(conns, conn, GUEST_MAC, 77);
	ck_assert_uint_eq(charge_held(conn->charge, CHARGE_FDS), 1);
	host_writes("b", 1);
	bed_turn();
	ck_assert_uint_eq(seen_next()->len, 1);
	tcp_reset(tcp, conn);
	ck_assert_uint_eq(charge_held(conn->charge, CHARGE_FDS), 0);
	ck_assert_uint_eq(charge_held(conn->charge, CHARGE_BYTES), 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("tcp_down");
	TCase *tc = tcase_create("down");

	tcase_add_checked_fixture(tc, bed_setup, bed_teardown);
	tcase_add_test(tc, segments_are_as_large_as_the_guest_takes);
	tcase_add_test(tc, full_frames_lie_in_one_run);
	tcase_add_test(tc, a_quiet_connection_holds_little);
	tcase_add_test(tc, a_read_ends_with_push);
	tcase_add_test(tc, data_carries_the_ack);
	tcase_add_test(tc, a_closed_window_is_probed_until_it_opens);
	tcase_add_test(tc, probes_that_nobody_answers_are_given_up);
	tcase_add_test(tc, a_window_that_opens_a_little_is_not_used_at_once);
	tcase_add_test(tc, a_guest_of_small_windows_is_served);
	tcase_add_test(tc, without_memory_a_segment_at_a_time_goes_on);
	tcase_add_test(tc, a_congested_port_is_waited_for);
	tcase_add_test(tc, another_port_that_drains_wakes_nobody);
	tcase_add_test(tc, a_congested_port_is_no_loss);
	tcase_add_test(tc, connections_take_turns);
	tcase_add_loop_test(tc, bytes_under_way_are_bounded, 0, 2);
	tcase_add_loop_test(tc, a_tap_is_left_the_sums, 0, 2);
	tcase_add_loop_test(tc, a_capture_sees_right_sums, 0, 2);
	tcase_add_test(tc, a_guest_that_moved_is_sent_to_its_new_address);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
