/* SPDX-License-Identifier: BSD-3-Clause */
#include "packets.h"

#include "conntrack/conn.h"
#include "run_suite.h"

static struct conn conn;

/* A segment of the one conn; sequence numbers of the guest from 100, of the peer from 500. */
static void pass(enum conn_way way, uint8_t flags, uint32_t seq, uint32_t ack, size_t len)
{
	static const struct ends out = {false, "10.0.2.15", "192.0.2.1", 40000, 80},
				 in = {false, "192.0.2.1", "10.0.2.15", 80, 40000};
	static const uint8_t data[1000];
	uint8_t frame[2000];
	size_t n = put_tcp(frame, way == CONN_FROM_GUEST ? &out : &in, seq, ack, flags, NULL, 0,
			   data, len);
	struct packet packet = parsed(frame, n);
	struct conn_key key;

	ck_assert(conn_key_of(&key, &packet, way));
	ck_assert_uint_eq(key.guest_port, 40000);
	ck_assert_uint_eq(key.peer_port, 80);
	ck_assert_uint_eq(address_v4(&key.guest).s_addr, inet_addr("10.0.2.15"));
	conn_tcp_seen(&conn, &packet, way);
}

static void guest(uint8_t flags, uint32_t seq, uint32_t ack, size_t len)
{
	pass(CONN_FROM_GUEST, flags, seq, ack, len);
}

static void peer(uint8_t flags, uint32_t seq, uint32_t ack, size_t len)
{
	pass(CONN_TO_GUEST, flags, seq, ack, len);
}

static void assert_state(const char *name)
{
	ck_assert_str_eq(conn_state_name((enum conn_state)conn.state), name);
}

enum { S = TCP_FLAG_SYN, A = TCP_FLAG_ACK, F = TCP_FLAG_FIN, R = TCP_FLAG_RST };

static void by_guest(void)
{
	conn = (struct conn){.key.proto = IPPROTO_TCP, .state = CONN_SYN_SENT};
	guest(S, 99, 0, 0);
	assert_state("SYN_SENT");
	peer(S | A, 499, 100, 0);
	assert_state("ESTABLISHED");
	guest(A, 100, 500, 0);
	assert_state("ESTABLISHED");
}

static void by_forward(void)
{
	conn = (struct conn){.key.proto = IPPROTO_TCP, .state = CONN_SYN_RECEIVED};
	peer(S, 499, 0, 0);
	assert_state("SYN_RECEIVED");
	guest(S | A, 99, 500, 0);
	assert_state("SYN_RECEIVED");
	peer(A, 500, 100, 0);
	assert_state("ESTABLISHED");
}

START_TEST(the_guest_ends_first)
{
	by_guest();
	guest(A, 100, 500, 10);
	guest(F | A, 110, 500, 0);
	assert_state("FIN_WAIT_1");
	peer(A, 500, 110, 0); /* acknowledges the data, not the FIN */
	assert_state("FIN_WAIT_1");
	peer(A, 500, 111, 0);
	assert_state("FIN_WAIT_2");
	ck_assert_int_eq(conn_class_of(&conn), CONN_CLASS_HELD);
	peer(A, 500, 111, 1000);
	assert_state("FIN_WAIT_2");
	peer(F | A, 1500, 111, 0);
	assert_state("TIME_WAIT");
	ck_assert(conn_is_closed(&conn));
}
END_TEST

START_TEST(the_peer_ends_first)
{
	by_forward();
	peer(F | A, 500, 100, 0);
	assert_state("CLOSE_WAIT");
	guest(A, 100, 501, 50);
	assert_state("CLOSE_WAIT");
	ck_assert_int_eq(conn_class_of(&conn), CONN_CLASS_CLOSING);
	guest(F | A, 150, 501, 0);
	assert_state("LAST_ACK");
	peer(A, 501, 150, 0);
	assert_state("LAST_ACK");
	peer(A, 501, 151, 0);
	assert_state("CLOSED");
}
END_TEST

START_TEST(it_is_over_when_the_guest_has_answered_the_peers_end_and_both_know)
{
	by_forward();
	peer(A, 500, 100, 900);
	peer(F | A, 1400, 100, 0);
	guest(F | A, 100, 1400, 0); /* it has the data, not the FIN */
	peer(A, 1401, 101, 0);
	assert_state("CLOSED");
	ck_assert(!conn_is_over(&conn));
	guest(A, 101, 1401, 0);
	ck_assert(conn_is_over(&conn));
	by_guest();
	guest(F | A, 100, 500, 0);
	peer(F | A, 500, 101, 0);
	guest(A, 101, 501, 0);
	assert_state("TIME_WAIT"); /* libslirp has none */
	ck_assert(!conn_is_over(&conn));
}
END_TEST

START_TEST(what_the_peer_wants_is_known_from_its_first_acknowledgement)
{
	by_forward();
	ck_assert_uint_eq(conn.ends.peer_ack, 100);
	conn = (struct conn){.key.proto = IPPROTO_TCP, .state = CONN_SYN_RECEIVED};
	peer(S, 499, 0, 0); /* no ACK, so the number 0 is not one */
	guest(S | A, 0xf0000000, 500, 0);
	peer(A, 500, 0xf0000001, 0);
	ck_assert_uint_eq(conn.ends.peer_ack, 0xf0000001);
}
END_TEST

START_TEST(both_end_at_once)
{
	by_guest();
	guest(F | A, 100, 500, 0);
	peer(F | A, 500, 100, 0);
	assert_state("CLOSING");
	peer(A, 501, 101, 0);
	assert_state("TIME_WAIT");
}
END_TEST

START_TEST(sequence_numbers_wrap)
{
	conn = (struct conn){.key.proto = IPPROTO_TCP, .state = CONN_SYN_SENT};
	guest(S, UINT32_MAX - 5, 0, 0);
	peer(S | A, UINT32_MAX, UINT32_MAX - 4, 0);
	guest(A | F, UINT32_MAX - 4, 0, 10);
	assert_state("FIN_WAIT_1");
	peer(A, 0, UINT32_MAX - 4, 0);
	assert_state("FIN_WAIT_1");
	peer(A, 0, 6, 0);
	assert_state("FIN_WAIT_2");
}
END_TEST

START_TEST(a_reset_ends_it)
{
	by_guest();
	peer(R | A, 500, 100, 0);
	assert_state("CLOSED");
	by_guest();
	guest(R, 100, 0, 0);
	assert_state("CLOSED");
	/* Refused. */
	conn = (struct conn){.key.proto = IPPROTO_TCP, .state = CONN_SYN_SENT};
	guest(S, 99, 0, 0);
	peer(R | A, 0, 100, 0);
	assert_state("CLOSED");
}
END_TEST

START_TEST(a_reset_that_libslirp_does_not_believe_ends_nothing)
{
	by_guest();
	guest(R, 100 + 0x40000000, 0, 0);
	assert_state("ESTABLISHED");
	/* A reset that it might have accepted, but did not. */
	guest(R, 100 + 0x10000, 0, 0);
	assert_state("CLOSED");
	peer(A, 500, 100, 10);
	assert_state("ESTABLISHED");
}
END_TEST

START_TEST(a_handshake_sent_again_changes_nothing)
{
	by_guest();
	guest(S, 99, 0, 0);
	assert_state("ESTABLISHED");
	peer(S | A, 499, 100, 0);
	assert_state("ESTABLISHED");
	by_forward();
	peer(S, 499, 0, 0);
	guest(S | A, 99, 500, 0);
	assert_state("ESTABLISHED");
}
END_TEST

START_TEST(pings_are_told_apart_by_their_identifier_and_answers_belong_to_them)
{
	static const struct ends out = {false, "10.0.2.15", "192.0.2.1", 0, 0},
				 in = {false, "192.0.2.1", "10.0.2.15", 0, 0};
	uint8_t frame[200];
	size_t len = put_echo(frame, &out, 8);
	struct packet packet = parsed(frame, len);
	struct conn_key request, reply;

	ck_assert(conn_key_of(&request, &packet, CONN_FROM_GUEST));
	ck_assert_uint_eq(request.guest_port, 7);
	len = put_echo(frame, &in, 8);
	frame[ETH_HEADER + 20] = 0; /* a reply */
	packet = parsed(frame, len);
	ck_assert(conn_key_of(&reply, &packet, CONN_TO_GUEST));
	ck_assert(conn_key_equal(&request, &reply));
	/* Neither a guest's reply nor an error belongs to a conn. */
	ck_assert(!conn_key_of(&reply, &packet, CONN_FROM_GUEST));
	frame[ETH_HEADER + 20] = 3;
	packet = parsed(frame, len);
	ck_assert(!conn_key_of(&reply, &packet, CONN_TO_GUEST));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conn");
	TCase *tcase = tcase_create("conn");

	tcase_add_test(tcase, the_guest_ends_first);
	tcase_add_test(tcase, the_peer_ends_first);
	tcase_add_test(tcase, it_is_over_when_the_guest_has_answered_the_peers_end_and_both_know);
	tcase_add_test(tcase, what_the_peer_wants_is_known_from_its_first_acknowledgement);
	tcase_add_test(tcase, both_end_at_once);
	tcase_add_test(tcase, sequence_numbers_wrap);
	tcase_add_test(tcase, a_reset_ends_it);
	tcase_add_test(tcase, a_reset_that_libslirp_does_not_believe_ends_nothing);
	tcase_add_test(tcase, a_handshake_sent_again_changes_nothing);
	tcase_add_test(tcase, pings_are_told_apart_by_their_identifier_and_answers_belong_to_them);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
