/* SPDX-License-Identifier: BSD-3-Clause */
#include "run_suite.h"
#include "tcpbed.h"

/* Data from the guest: order, windows, acknowledgements. */

static void guest_sends_at(uint32_t offset, const void *data, size_t len)
{
	guest_says(TCP_FLAG_ACK, guest.nxt + offset, guest.rcv_nxt, data, len);
}

/* Fills the host's socket until the room buffers data. */
static uint32_t fill_host(const uint8_t *bytes, size_t size)
{
	uint32_t sent = 0;

	while (!up_waiting(conn->tcp)) {
		guest_sends(bytes + sent % (size - 60000), 60000);
		sent += 60000;
		bed_turn();
	}
	seen_clear();
	return sent;
}

static size_t host_drains(void)
{
	static char buffer[1 << 20];
	size_t total = 0;
	ssize_t n;

	while ((n = recv(host_fd, buffer, sizeof(buffer), MSG_DONTWAIT)) > 0)
		total += (size_t)n;
	return total;
}

START_TEST(segments_of_a_turn_are_acknowledged_once)
{
	open_all();
	guest_sends("ab", 2);
	guest_sends("cd", 2);
	guest_sends("ef", 2);
	bed_turn();
	host_reads("abcdef");
	ck_assert_uint_eq(seen_next()->ack, guest.nxt);
	ck_assert(seen_none());
	ck_assert_uint_eq(conn->count[CONN_FROM_GUEST].bytes, 6);
}
END_TEST

/* As a guest sends much; returns how many ACKs came. */
static unsigned guest_sends_much(const uint8_t *bytes, uint32_t segments)
{
	unsigned acks = 0;

	for (uint32_t i = 0; i < segments; i++) {
		guest_sends(bytes, 1460);
		bed_turn();
		host_drains();
		for (; !seen_none(); acks++)
			seen_next();
	}
	return acks;
}

START_TEST(steady_data_is_acknowledged_by_the_kilobyte)
{
	uint8_t *bytes = pattern(1460);
	const uint32_t steady = TCP_ACK_STEADY / 1460 + 1, each = TCP_ACK_BYTES / 1460 + 1;

	open_all();
	/* each segment at first, when the guest's window is small */
	ck_assert_uint_eq(guest_sends_much(bytes, steady), steady);
	ck_assert_uint_eq(guest_sends_much(bytes, 4 * each), 4);
	/* the rest is acknowledged after a while */
	ck_assert_uint_eq(guest_sends_much(bytes, 2), 0);
	bed_now += TCP_ACK_WAIT;
	bed_turn();
	ck_assert_uint_eq(seen_next()->ack, guest.nxt);
	ck_assert(seen_none());
	/* a gap and a pause are acknowledged at once, and what follows them */
	guest_sends_at(1460, bytes, 1460);
	bed_turn();
	ck_assert_uint_eq(seen_next()->options.n_sacks, 1);
	guest_sends_at(0, bytes, 1460);
	guest.nxt += 2 * 1460;
	bed_turn();
	ck_assert_uint_eq(seen_next()->ack, guest.nxt);
	ck_assert_uint_eq(guest_sends_much(bytes, 4), 4);
	guest_sends_much(bytes, steady);
	ck_assert_uint_eq(guest_sends_much(bytes, 2 * each), 2);
	bed_now += TCP_RTO_MIN + 1;
	ck_assert_uint_eq(guest_sends_much(bytes, 4), 4);
	g_free(bytes);
}
END_TEST

START_TEST(segments_out_of_order_wait_and_are_sacked)
{
	open_all();
	guest_sends_at(2, "cd", 2);
	bed_turn();
	ck_assert(host_has_nothing());
	ck_assert_uint_eq(seen_next()->ack, guest.nxt);
	ck_assert_uint_eq(last_seen->options.n_sacks, 1);
	ck_assert_uint_eq(last_seen->options.sacks[0].from, guest.nxt + 2);
	ck_assert_uint_eq(last_seen->options.sacks[0].to, guest.nxt + 4);
	guest_sends_at(8, "ij", 2);
	bed_turn();
	/* the newest first (RFC 2018 4) */
	ck_assert_uint_eq(seen_next()->options.n_sacks, 2);
	ck_assert_uint_eq(last_seen->options.sacks[0].from, guest.nxt + 8);
	ck_assert_uint_eq(last_seen->options.sacks[1].from, guest.nxt + 2);
	guest_sends_at(4, "ef", 2);
	bed_turn();
	ck_assert_uint_eq(seen_next()->options.n_sacks, 2);
	ck_assert_uint_eq(last_seen->options.sacks[0].from, guest.nxt + 2);
	ck_assert_uint_eq(last_seen->options.sacks[0].to, guest.nxt + 6);
	guest_sends_at(0, "ab", 2);
	bed_turn();
	host_reads("abcdef");
	ck_assert_uint_eq(seen_next()->ack, guest.nxt + 6);
	ck_assert_uint_eq(last_seen->options.n_sacks, 1);
	guest_sends_at(6, "gh", 2);
	bed_turn();
	host_reads("ghij");
	ck_assert_uint_eq(tcp_bytes(tcp), 0);
}
END_TEST

START_TEST(a_gap_that_is_filled_in_the_same_turn_costs_nothing)
{
	open_all();
	guest_sends_at(0, "ab", 2);
	guest_sends_at(4, "ef", 2);
	guest_sends_at(2, "cd", 2);
	guest_sends_at(6, "gh", 2);
	bed_turn();
	host_reads("abcdefgh");
	ck_assert_uint_eq(seen_next()->ack, guest.nxt + 8);
	ck_assert_uint_eq(tcp_bytes(tcp), 0);
}
END_TEST

START_TEST(overlapping_segments_are_trimmed)
{
	open_all();
	guest_sends_at(0, "abcd", 4);
	guest_sends_at(2, "cdef", 4);
	guest_sends_at(0, "abcdefgh", 8);
	bed_turn();
	host_reads("abcdefgh");
}
END_TEST

START_TEST(islands_are_bounded)
{
	open_all();
	for (uint32_t i = 1; i < 3 * RING_SPANS_MAX; i++)
		guest_sends_at(2 * i, "x", 1);
	bed_turn();
	ck_assert_uint_eq(conn->tcp->ring->n_spans, RING_SPANS_MAX);
	for (uint32_t i = 0; i < 6 * RING_SPANS_MAX; i++)
		guest_sends_at(i, "x", 1);
	bed_turn();
	ck_assert_uint_eq(host_drains(), 6 * RING_SPANS_MAX);
	ck_assert_uint_eq(tcp_bytes(tcp), 0);
}
END_TEST

START_TEST(a_guest_without_sack_is_sent_duplicates)
{
	guest_init(false);
	host_pair();
	guest_opens(opt_mss, sizeof(opt_mss));
	for (uint32_t i = 1; i <= 3; i++)
		guest_sends_at(2 * i, "xy", 2);
	bed_turn();
	for (int i = 0; i < 3; i++) {
		ck_assert_uint_eq(seen_next()->ack, guest.nxt);
		ck_assert_uint_eq(last_seen->options.n_sacks, 0);
	}
	ck_assert(seen_none());
}
END_TEST

START_TEST(what_came_before_is_acknowledged_again)
{
	open_all();
	guest_sends("ab", 2);
	bed_turn();
	host_reads("ab");
	seen_clear();
	guest_sends_at((uint32_t)-2, "ab", 2);
	bed_turn();
	ck_assert(host_has_nothing());
	ck_assert_uint_eq(seen_next()->ack, guest.nxt);
}
END_TEST

/* RFC 7323 5 */
START_TEST(old_timestamps_are_refused)
{
	open_all();
	guest.stamp = 5000;
	guest_sends("ab", 2);
	bed_turn();
	host_reads("ab");
	seen_clear();
	guest.stamp = 4000;
	guest_sends_at(0, "cd", 2);
	bed_turn();
	ck_assert(host_has_nothing());
	ck_assert_uint_eq(seen_next()->ack, guest.nxt);
	ck_assert_uint_eq(last_seen->options.echo, 5000);
	guest.stamp = 5000;
	guest_sends_at(0, "cd", 2);
	bed_turn();
	host_reads("cd");
}
END_TEST

START_TEST(urgent_data_is_in_line)
{
	open_all();
	guest_says(TCP_FLAG_ACK | TCP_FLAG_URG, guest.nxt, guest.rcv_nxt, "urgent", 6);
	bed_turn();
	host_reads("urgent");
}
END_TEST

START_TEST(a_slow_host_closes_the_window_and_opens_it)
{
	uint8_t *bytes = pattern(200000);
	uint32_t edge = 0, window;

	open_all();
	fill_host(bytes, 200000);
	/* all that the window allows */
	for (int i = 0; i < 100; i++) {
		window = conn->tcp->rcv_edge - guest.nxt;
		if (!window)
			break;
		window = MIN(window, 60000);
		guest_sends(bytes, window);
		bed_turn();
		while (!seen_none()) {
			seen_next();
			window = last_seen->ack + (last_seen->window << guest.peer_shift);
			ck_assert(!edge || !seq_before(window, edge));
			edge = window;
		}
	}
	ck_assert_uint_eq(last_seen->window, 0);
	ck_assert_uint_ge(up_waiting(conn->tcp), TCP_WINDOW_MAX - 65536);
	/* a probe of one byte is refused and answered */
	guest_sends_at(0, "x", 1);
	bed_turn();
	ck_assert_uint_eq(seen_next()->ack, guest.nxt);
	ck_assert_uint_eq(last_seen->window, 0);
	ck_assert_uint_gt(host_drains(), 0);
	for (int i = 0; i < 100 && up_waiting(conn->tcp); i++) {
		bed_turn();
		host_drains();
	}
	seen_next();
	ck_assert_uint_eq(last_seen->ack, guest.nxt);
	ck_assert_uint_gt(last_seen->window, 0);
	ck_assert_uint_eq(tcp_bytes(tcp), 0);
	g_free(bytes);
}
END_TEST

START_TEST(what_waits_arrives_in_order)
{
	uint8_t *bytes = pattern(3 << 20), *got = g_malloc(3 << 20);
	size_t sent = 0, read = 0;
	ssize_t n;

	open_all();
	while (sent < 3 << 20 || read < sent) {
		size_t len = MIN(50000, (3 << 20) - sent);

		len = MIN(len, conn->tcp->rcv_edge - guest.nxt);
		if (len)
			guest_sends(bytes + sent, len);
		sent += len;
		bed_turn();
		n = recv(host_fd, got + read, MIN(20000, (3 << 20) - read), MSG_DONTWAIT);
		read += n > 0 ? (size_t)n : 0;
	}
	ck_assert_int_eq(memcmp(bytes, got, 3 << 20), 0);
	g_free(bytes);
	g_free(got);
}
END_TEST

START_TEST(without_memory_segments_are_dropped_and_taken_later)
{
	struct charge *charge = charge_get(charges, guest_side.id);
	uint8_t *bytes = pattern(200000);
	uint32_t before;
	size_t total;

	open_all();
	charge_force(charge, CHARGE_BYTES, CHARGE_BYTES_MAX);
	for (int i = 0; i < 20; i++) {
		guest_says(TCP_FLAG_ACK, conn->tcp->rcv_nxt, guest.rcv_nxt, bytes, 60000);
		bed_turn();
	}
	before = conn->tcp->rcv_nxt;
	ck_assert_uint_eq(up_waiting(conn->tcp), 0);
	total = host_drains();
	ck_assert_uint_eq(before, guest.nxt + total);
	ck_assert_uint_le(conn->tcp->rcv_edge - before, TCP_WINDOW_MAX);
	charge_give(charge, CHARGE_BYTES, CHARGE_BYTES_MAX);
	bed_turn();
	guest_says(TCP_FLAG_ACK, before, guest.rcv_nxt, "more", 4);
	bed_turn();
	host_reads("more");
	charge_put(charge);
	g_free(bytes);
}
END_TEST

START_TEST(the_window_is_smaller_when_memory_is_scarce)
{
	struct charge *other = charge_get(charges, 4711);

	charge_force(other, CHARGE_BYTES, CHARGE_BYTES_MAX / 8 * 7);
	open_all();
	guest_sends("x", 1);
	bed_turn();
	ck_assert_uint_le(seen_next()->window << guest.peer_shift, TCP_WINDOW_SCARCE + 32);
	charge_give(other, CHARGE_BYTES, CHARGE_BYTES_MAX / 8 * 7);
	charge_put(other);
}
END_TEST

START_TEST(checksums_are_verified_where_wires_corrupt)
{
	uint8_t *frame;

	for (int i = 0; i < 3; i++) {
		bool drops = i > 0;

		guest_init(false);
		guest.ends.sport = (uint16_t)(5000 + i);
		bed_close_host();
		bed_turn();
		seen_clear();
		host_pair();
		guest_opens(opt_mss, sizeof(opt_mss));
		guest_side.unreliable = i == 1;
		config.verify_checksums = i == 2;
		guest_sends("ab", 2);
		frame = (uint8_t *)((struct frame *)g_queue_peek_tail(&inbox))->data;
		frame[ETH_HEADER + 40] ^= 1;
		bed_turn();
		ck_assert_int_eq(host_has_nothing(), drops);
		ck_assert_uint_eq(guest_side.count.drops[DROP_MALFORMED], (unsigned)i);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("tcp_up");
	TCase *tc = tcase_create("up");

	tcase_add_checked_fixture(tc, bed_setup, bed_teardown);
	tcase_add_test(tc, segments_of_a_turn_are_acknowledged_once);
	tcase_add_test(tc, steady_data_is_acknowledged_by_the_kilobyte);
	tcase_add_test(tc, segments_out_of_order_wait_and_are_sacked);
	tcase_add_test(tc, a_gap_that_is_filled_in_the_same_turn_costs_nothing);
	tcase_add_test(tc, overlapping_segments_are_trimmed);
	tcase_add_test(tc, islands_are_bounded);
	tcase_add_test(tc, a_guest_without_sack_is_sent_duplicates);
	tcase_add_test(tc, what_came_before_is_acknowledged_again);
	tcase_add_test(tc, old_timestamps_are_refused);
	tcase_add_test(tc, urgent_data_is_in_line);
	tcase_add_test(tc, a_slow_host_closes_the_window_and_opens_it);
	tcase_add_test(tc, what_waits_arrives_in_order);
	tcase_add_test(tc, without_memory_segments_are_dropped_and_taken_later);
	tcase_add_test(tc, the_window_is_smaller_when_memory_is_scarce);
	tcase_add_test(tc, checksums_are_verified_where_wires_corrupt);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
