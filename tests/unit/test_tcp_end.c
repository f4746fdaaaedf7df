/* SPDX-License-Identifier: BSD-3-Clause */
#include "run_suite.h"
#include "tcpbed.h"

/* Ends: FIN and RST, both ways, and the state that remains. */

static bool host_was_reset(void)
{
	char byte;

	return recv(host_fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == ECONNRESET;
}

static void open_inet(void)
{
	guest_init(false);
	host_tcp();
	guest_opens(opt_all, sizeof(opt_all));
}

/* As when a program dies: its peer sees RST. */
static void host_resets(void)
{
	const struct linger at_once = {.l_onoff = 1};

	setsockopt(host_fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	bed_close_host();
	bed_turn();
}

START_TEST(the_guest_closes_first)
{
	open_all();
	guest_sends("bye", 3);
	guest_fins();
	bed_turn();
	host_reads("bye");
	ck_assert(host_at_end());
	ck_assert_uint_eq(seen_next()->ack, guest.nxt);
	ck_assert_int_eq(conn->state, CONN_FIN_WAIT_2);
	/* the other way stays open for as long as it takes */
	bed_pass(600 * USEC_PER_SEC);
	host_writes("still", 5);
	bed_turn();
	ck_assert_uint_eq(seen_next()->len, 5);
	guest_acks(guest.rcv_nxt + 5);
	bed_close_host();
	bed_turn();
	ck_assert_uint_eq(seen_next()->flags, TCP_FLAG_ACK | TCP_FLAG_FIN);
	guest_acks(guest.rcv_nxt + 1);
	bed_turn();
	ck_assert_ptr_null(conn->tcp);
	ck_assert_int_eq(conn->state, CONN_TIME_WAIT);
	ck_assert(conn->ends.guest_ended_first);
	ck_assert(conn->ends.guest_ended && conn->ends.peer_ended);
	ck_assert_uint_eq(conn->ends.guest_fin, guest.nxt);
	ck_assert_uint_eq(conn->ends.peer_next, guest.rcv_nxt);
	ck_assert_uint_eq(tcp_count(tcp), 0);
}
END_TEST

START_TEST(the_host_closes_first)
{
	open_all();
	host_writes("bye", 3);
	shutdown(host_fd, SHUT_WR);
	bed_turn();
	ck_assert_uint_eq(seen_next()->len, 3);
	ck_assert_uint_eq(seen_next()->flags, TCP_FLAG_ACK | TCP_FLAG_FIN);
	guest_acks(guest.rcv_nxt + 4);
	bed_turn();
	ck_assert_int_eq(conn->state, CONN_CLOSE_WAIT);
	guest_sends("more", 4);
	bed_turn();
	host_reads("more");
	seen_clear();
	guest_fins();
	bed_turn();
	ck_assert(host_at_end());
	ck_assert_uint_eq(seen_next()->ack, guest.nxt);
	ck_assert_ptr_null(conn->tcp);
	ck_assert_int_eq(conn->state, CONN_CLOSED);
	ck_assert(conn_is_over(conn));
	/* its FIN repeated: the last ACK was lost */
	guest_says(TCP_FLAG_ACK | TCP_FLAG_FIN, guest.nxt - 1, guest.rcv_nxt, NULL, 0);
	bed_turn();
	ck_assert_uint_eq(seen_next()->ack, guest.nxt);
	ck_assert_uint_eq(last_seen->seq, guest.rcv_nxt);
}
END_TEST

START_TEST(both_close_at_once)
{
	open_all();
	shutdown(host_fd, SHUT_WR);
	bed_turn();
	ck_assert_uint_eq(seen_next()->flags, TCP_FLAG_ACK | TCP_FLAG_FIN);
	guest_fins(); /* without ours in its ACK */
	bed_turn();
	ck_assert_uint_eq(seen_next()->ack, guest.nxt);
	ck_assert_ptr_nonnull(conn->tcp);
	guest_acks(guest.rcv_nxt + 1);
	bed_turn();
	ck_assert_ptr_null(conn->tcp);
	ck_assert(conn_is_closed(conn));
}
END_TEST

START_TEST(a_fin_out_of_order_waits)
{
	open_all();
	guest_says(TCP_FLAG_ACK | TCP_FLAG_FIN, guest.nxt + 2, guest.rcv_nxt, "cd", 2);
	bed_turn();
	ck_assert(host_has_nothing());
	ck_assert_int_eq(conn->state, CONN_ESTABLISHED);
	seen_clear();
	guest_sends("ab", 2);
	bed_turn();
	host_reads("abcd");
	ck_assert(host_at_end());
	ck_assert_uint_eq(seen_next()->ack, guest.nxt + 3);
}
END_TEST

START_TEST(our_fin_is_sent_again)
{
	open_all();
	shutdown(host_fd, SHUT_WR);
	bed_turn();
	seen_clear();
	bed_pass(TCP_RTO_FIRST + 10 * USEC_PER_MSEC);
	ck_assert_uint_eq(seen_next()->flags, TCP_FLAG_ACK | TCP_FLAG_FIN);
	ck_assert_uint_eq(last_seen->seq, guest.rcv_nxt);
}
END_TEST

START_TEST(a_reset_of_the_guest_resets_the_host)
{
	open_inet();
	guest_says(TCP_FLAG_RST, guest.nxt, 0, NULL, 0);
	bed_turn();
	ck_assert(seen_none());
	ck_assert_ptr_null(conn->tcp);
	ck_assert_int_eq(conn->state, CONN_CLOSED);
	ck_assert(conn->ends.reset);
	ck_assert(host_was_reset());
}
END_TEST

/* RFC 5961 3.2 */
START_TEST(a_reset_beside_its_place_is_challenged)
{
	open_inet();
	guest_says(TCP_FLAG_RST, guest.nxt + 1, 0, NULL, 0);
	bed_turn();
	ck_assert_uint_eq(seen_next()->flags, TCP_FLAG_ACK);
	ck_assert_uint_eq(last_seen->ack, guest.nxt);
	ck_assert_uint_eq(last_seen->seq, guest.rcv_nxt);
	ck_assert_ptr_nonnull(conn->tcp);
	/* outside the window it is ignored */
	bed_pass(USEC_PER_SEC);
	guest_says(TCP_FLAG_RST, guest.nxt - 1, 0, NULL, 0);
	guest_says(TCP_FLAG_RST, guest.nxt + (4 << 20), 0, NULL, 0);
	bed_turn();
	ck_assert(seen_none());
	ck_assert_ptr_nonnull(conn->tcp);
}
END_TEST

/* RFC 5961 4.2 */
START_TEST(a_syn_is_challenged)
{
	open_all();
	guest_says(TCP_FLAG_SYN, guest.nxt + 5, 0, NULL, 0);
	bed_turn();
	ck_assert_uint_eq(seen_next()->flags, TCP_FLAG_ACK);
	ck_assert_uint_eq(last_seen->ack, guest.nxt);
	/* a flood of them is not */
	for (int i = 0; i < 50; i++)
		guest_says(TCP_FLAG_SYN, guest.nxt + 5, 0, NULL, 0);
	bed_turn();
	ck_assert(seen_none());
	ck_assert_ptr_nonnull(conn->tcp);
}
END_TEST

/* RFC 5961 5.2 */
START_TEST(acks_out_of_range_are_challenged)
{
	open_all();
	guest_says(TCP_FLAG_ACK, guest.nxt, guest.rcv_nxt + 1000, "ab", 2);
	bed_turn();
	ck_assert_uint_eq(seen_next()->ack, guest.nxt);
	ck_assert(host_has_nothing());
	bed_pass(USEC_PER_SEC);
	guest_says(TCP_FLAG_ACK, guest.nxt, guest.rcv_nxt - (8 << 20), "ab", 2);
	bed_turn();
	ck_assert_uint_eq(seen_next()->ack, guest.nxt);
	ck_assert(host_has_nothing());
	/* an old one within the window is accepted, with its data */
	guest_says(TCP_FLAG_ACK, guest.nxt, guest.rcv_nxt - 100, "ab", 2);
	bed_turn();
	host_reads("ab");
}
END_TEST

START_TEST(a_reset_of_the_host_resets_the_guest)
{
	open_inet();
	host_resets();
	ck_assert(seen_next()->flags & TCP_FLAG_RST);
	ck_assert_uint_eq(last_seen->seq, guest.rcv_nxt);
	ck_assert_uint_eq(last_seen->ack, guest.nxt);
	ck_assert_ptr_null(conn->tcp);
	ck_assert_int_eq(conn->state, CONN_CLOSED);
}
END_TEST

START_TEST(what_came_before_the_hosts_reset_is_delivered)
{
	open_inet();
	host_writes("last words", 10);
	bed_turn();
	ck_assert_uint_eq(seen_next()->len, 10);
	host_resets();
	ck_assert(seen_none());
	guest_acks(guest.rcv_nxt + 10);
	bed_turn();
	ck_assert(seen_next()->flags & TCP_FLAG_RST);
	ck_assert_uint_eq(last_seen->seq, guest.rcv_nxt);
}
END_TEST

START_TEST(a_guest_that_takes_nothing_is_reset_after_a_while)
{
	open_inet();
	host_writes("last words", 10);
	bed_turn();
	host_resets();
	bed_pass(TCP_RESET_LINGER + USEC_PER_SEC);
	while (!(seen_next()->flags & TCP_FLAG_RST))
		;
	ck_assert_ptr_null(conn->tcp);
}
END_TEST

START_TEST(writing_to_a_host_that_is_gone_resets_the_guest)
{
	open_inet();
	bed_close_host();
	bed_turn();
	ck_assert_uint_eq(seen_next()->flags, TCP_FLAG_ACK | TCP_FLAG_FIN);
	guest_acks(guest.rcv_nxt + 1);
	guest_sends("anyone?", 7);
	bed_turn();
	bed_turn();
	while (!(seen_next()->flags & TCP_FLAG_RST))
		;
	ck_assert_ptr_null(conn->tcp);
}
END_TEST

/* A command or server that has ended: its data arrives, and the guest may end. */
START_TEST(a_unix_socket_that_takes_no_more_only_ends)
{
	open_all();
	host_writes("done", 4);
	bed_close_host();
	bed_turn();
	ck_assert_uint_eq(seen_next()->len, 4);
	ck_assert_uint_eq(seen_next()->flags, TCP_FLAG_ACK | TCP_FLAG_FIN);
	guest_acks(guest.rcv_nxt + 5);
	guest_sends("anyone?", 7);
	bed_turn();
	ck_assert_uint_eq(seen_next()->flags, TCP_FLAG_ACK);
	ck_assert_uint_eq(last_seen->ack, guest.nxt);
	ck_assert_ptr_nonnull(conn->tcp);
	bed_pass(TCP_DEAF_LINGER + USEC_PER_SEC);
	while (!(seen_next()->flags & TCP_FLAG_RST))
		;
	ck_assert_ptr_null(conn->tcp);
}
END_TEST

START_TEST(the_table_ends_a_conn_and_all_is_given_back)
{
	uint8_t *bytes = pattern(100000);

	open_inet();
	host_writes(bytes, 100000);
	guest_says(TCP_FLAG_ACK, guest.nxt + 10, guest.rcv_nxt, "ahead", 5);
	bed_turn();
	ck_assert_uint_gt(tcp_bytes(tcp), 0);
	seen_clear();
	conn_end(conns, conn);
	conn = NULL;
	ck_assert_uint_eq(tcp_bytes(tcp), 0);
	ck_assert_uint_eq(tcp_count(tcp), 0);
	ck_assert_uint_eq(charge_book_held(charges, CHARGE_BYTES), 0);
	ck_assert_uint_eq(charge_book_held(charges, CHARGE_FDS), 0);
	bed_turn();
	ck_assert(seen_next()->flags & TCP_FLAG_RST);
	ck_assert(host_was_reset());
	g_free(bytes);
}
END_TEST

START_TEST(policy_resets_both_ends)
{
	open_inet();
	tcp_reset(tcp, conn);
	ck_assert_ptr_null(conn->tcp);
	ck_assert_int_eq(conn->state, CONN_CLOSED);
	bed_turn();
	ck_assert_uint_eq(seen_next()->flags, TCP_FLAG_RST | TCP_FLAG_ACK);
	ck_assert_uint_eq(last_seen->seq, guest.rcv_nxt);
	ck_assert(host_was_reset());
}
END_TEST

START_TEST(a_silent_guest_is_asked_and_given_up)
{
	open_inet();
	bed_pass(TCP_KEEPALIVE_IDLE - 60 * USEC_PER_SEC);
	ck_assert(seen_none());
	bed_pass(120 * USEC_PER_SEC);
	ck_assert_uint_eq(seen_next()->seq, guest.rcv_nxt - 1);
	ck_assert_uint_eq(last_seen->len, 0);
	guest_acks(guest.rcv_nxt); /* it is there */
	bed_pass(TCP_KEEPALIVE_IDLE + 60 * USEC_PER_SEC);
	for (int i = 0; i < TCP_KEEPALIVE_TRIES; i++) {
		ck_assert_uint_eq(seen_next()->seq, guest.rcv_nxt - 1);
		ck_assert(seen_none());
		bed_pass(TCP_KEEPALIVE_EVERY);
	}
	ck_assert(seen_next()->flags & TCP_FLAG_RST);
	ck_assert_ptr_null(conn->tcp);
	ck_assert(host_was_reset());
}
END_TEST

START_TEST(keep_alives_of_the_guest_are_answered)
{
	open_all();
	guest_says(TCP_FLAG_ACK, guest.nxt - 1, guest.rcv_nxt, NULL, 0);
	bed_turn();
	ck_assert_uint_eq(seen_next()->ack, guest.nxt);
	guest_says(TCP_FLAG_ACK, guest.nxt - 1, guest.rcv_nxt, "x", 1);
	bed_turn();
	ck_assert_uint_eq(seen_next()->ack, guest.nxt);
	ck_assert(host_has_nothing());
}
END_TEST

START_TEST(a_half_closed_guest_that_is_silent_is_let_go)
{
	open_all();
	shutdown(host_fd, SHUT_WR);
	bed_turn();
	guest_acks(guest.rcv_nxt + 1);
	bed_turn();
	seen_clear();
	bed_pass(TCP_HALF_CLOSED_IDLE - 10 * USEC_PER_SEC);
	ck_assert_ptr_nonnull(conn->tcp);
	bed_pass(20 * USEC_PER_SEC);
	ck_assert(seen_next()->flags & TCP_FLAG_RST);
}
END_TEST

START_TEST(queues_and_descriptor_are_shown)
{
	unsigned recvq, sendq;

	open_all();
	host_writes("hello", 5);
	bed_turn();
	tcp_queues(conn, &recvq, &sendq);
	ck_assert_uint_eq(recvq, 0);
	ck_assert_uint_eq(sendq, 5);
	ck_assert_int_ge(tcp_fd(conn), 0);
	tcp_reset(tcp, conn);
	ck_assert_int_eq(tcp_fd(conn), -1);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("tcp_end");
	TCase *tc = tcase_create("end");

	tcase_add_checked_fixture(tc, bed_setup, bed_teardown);
	tcase_add_test(tc, the_guest_closes_first);
	tcase_add_test(tc, the_host_closes_first);
	tcase_add_test(tc, both_close_at_once);
	tcase_add_test(tc, a_fin_out_of_order_waits);
	tcase_add_test(tc, our_fin_is_sent_again);
	tcase_add_test(tc, a_reset_of_the_guest_resets_the_host);
	tcase_add_test(tc, a_reset_beside_its_place_is_challenged);
	tcase_add_test(tc, a_syn_is_challenged);
	tcase_add_test(tc, acks_out_of_range_are_challenged);
	tcase_add_test(tc, a_reset_of_the_host_resets_the_guest);
	tcase_add_test(tc, what_came_before_the_hosts_reset_is_delivered);
	tcase_add_test(tc, a_guest_that_takes_nothing_is_reset_after_a_while);
	tcase_add_test(tc, writing_to_a_host_that_is_gone_resets_the_guest);
	tcase_add_test(tc, a_unix_socket_that_takes_no_more_only_ends);
	tcase_add_test(tc, the_table_ends_a_conn_and_all_is_given_back);
	tcase_add_test(tc, policy_resets_both_ends);
	tcase_add_test(tc, a_silent_guest_is_asked_and_given_up);
	tcase_add_test(tc, keep_alives_of_the_guest_are_answered);
	tcase_add_test(tc, a_half_closed_guest_that_is_silent_is_let_go);
	tcase_add_test(tc, queues_and_descriptor_are_shown);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
