/* SPDX-License-Identifier: BSD-3-Clause */
#include "packets.h"

#include <time.h>

#include "conntrack/charge.h"
#include "conntrack/conn_table.h"
#include "run_suite.h"

#define SECOND USEC_PER_SEC

static struct loop *loop;
static struct charge_book *charges;
static struct conn_table *table;

static void setup(void)
{
	loop = loop_new(NULL);
	ck_assert(loop != NULL);
	charges = charge_book_new(64);
	table = conn_table_new(loop, charges);
}

static void teardown(void)
{
	conn_table_free(table);
	ck_assert_uint_eq(charge_book_held(charges, CHARGE_CONNS), 0);
	charge_book_free(charges);
	loop_free(loop);
}

static struct conn_key key_of(uint8_t proto, unsigned guest, uint16_t port, uint16_t peer_port)
{
	return (struct conn_key){
		.guest = address_map4(htonl(0x0a000200 + guest)),
		.peer = address_map4(inet_addr("192.0.2.1")),
		.guest_port = port,
		.peer_port = peer_port,
		.proto = proto,
	};
}

static struct conn *open_at(uint8_t proto, uint16_t port, unsigned port_id, usec_t now)
{
	struct conn_key key = key_of(proto, 15, port, 80);
	struct conn_origin origin = {.opener = CONN_BY_GUEST, .port_id = port_id};

	return conn_open(table, &key, &origin, now);
}

static bool is_there(uint8_t proto, uint16_t port)
{
	struct conn_key key = key_of(proto, 15, port, 80);

	return conn_find(table, &key) != NULL;
}

static void pass_tcp(struct conn *conn, enum conn_way way, uint8_t flags, usec_t now)
{
	const struct ends out = {false, "10.0.2.15", "192.0.2.1", conn->key.guest_port, 80},
			  in = {false, "192.0.2.1", "10.0.2.15", 80, conn->key.guest_port};
	uint8_t frame[200];
	struct packet packet = parsed(frame, put_tcp(frame, way == CONN_FROM_GUEST ? &out : &in, 1,
						     1, flags, NULL, 0, "12345", 5));

	conn_pass(table, conn, &packet, way, now);
}

static struct conn *established(uint16_t port, unsigned port_id, usec_t now)
{
	struct conn *conn = open_at(IPPROTO_TCP, port, port_id, now);

	pass_tcp(conn, CONN_FROM_GUEST, TCP_FLAG_SYN, now);
	pass_tcp(conn, CONN_TO_GUEST, TCP_FLAG_SYN | TCP_FLAG_ACK, now);
	ck_assert_int_eq(conn->state, CONN_ESTABLISHED);
	return conn;
}

START_TEST(each_way_is_counted)
{
	struct conn *conn = established(1, 1, 0);

	pass_tcp(conn, CONN_FROM_GUEST, TCP_FLAG_ACK, 3 * SECOND);
	ck_assert_uint_eq(conn->count[CONN_FROM_GUEST].packets, 2);
	ck_assert_uint_eq(conn->count[CONN_FROM_GUEST].bytes, 10);
	ck_assert_uint_eq(conn->count[CONN_TO_GUEST].bytes, 5);
	ck_assert_int_eq(conn->since, 0);
	ck_assert_int_eq(conn->seen, 3 * SECOND);
}
END_TEST

START_TEST(what_was_quiet_for_its_time_goes_and_no_sooner)
{
	static const uint8_t protos[] = {IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_TCP};
	static const usec_t times[] = {CONN_DATAGRAMS, CONN_DATAGRAMS, CONN_OPENING};

	for (unsigned i = 0; i < 3; i++) {
		open_at(protos[i], 1, 1, SECOND);
		conn_table_expire(table, SECOND + times[i] - 1);
		ck_assert(is_there(protos[i], 1));
		conn_table_expire(table, SECOND + times[i]);
		ck_assert(!is_there(protos[i], 1));
	}
	ck_assert_uint_eq(conn_count_all(table), 0);
}
END_TEST

START_TEST(a_packet_in_time_keeps_it_and_others_of_its_kind_go_before)
{
	struct conn_key key = key_of(IPPROTO_UDP, 15, 1, 80);
	struct conn_origin origin = {.opener = CONN_BY_FORWARD};

	ck_assert(conn_seen_to_guest(table, &key, 5, &origin, 0));
	open_at(IPPROTO_UDP, 2, 1, 1 * SECOND);
	ck_assert(conn_seen_from_guest(table, &key, 7, 200 * SECOND));
	conn_table_expire(table, 300 * SECOND);
	ck_assert(is_there(IPPROTO_UDP, 1));
	ck_assert(!is_there(IPPROTO_UDP, 2));
	ck_assert_uint_eq(conn_find(table, &key)->count[CONN_FROM_GUEST].bytes, 7);
	ck_assert_uint_eq(conn_find(table, &key)->count[CONN_TO_GUEST].bytes, 5);
}
END_TEST

START_TEST(a_question_of_the_guest_is_no_forwards)
{
	struct conn_key key = key_of(IPPROTO_UDP, 15, 1, 80);

	open_at(IPPROTO_UDP, 1, 1, 0);
	ck_assert(!conn_seen_from_guest(table, &key, 7, 0));
	ck_assert_uint_eq(conn_find(table, &key)->count[CONN_FROM_GUEST].bytes, 0);
}
END_TEST

START_TEST(an_answered_name_goes_soon)
{
	struct conn_key key = key_of(IPPROTO_UDP, 15, 1, 53);
	struct conn_origin origin = {.opener = CONN_BY_GUEST};
	struct conn *conn = conn_open(table, &key, &origin, 0);
	static const struct ends in = {false, "192.0.2.1", "10.0.2.15", 53, 1};
	uint8_t frame[200];
	struct packet packet = parsed(frame, put_udp(frame, &in, "answer", 6));

	conn_table_expire(table, 100 * SECOND);
	ck_assert_uint_eq(conn_count_all(table), 1);
	conn_pass(table, conn, &packet, CONN_TO_GUEST, 100 * SECOND);
	conn_table_expire(table, 100 * SECOND + CONN_ANSWERED);
	ck_assert_uint_eq(conn_count_all(table), 0);
}
END_TEST

START_TEST(a_connection_that_is_held_never_goes_by_itself)
{
	struct conn *conn = established(1, 1, 0);

	conn_table_expire(table, 1000000 * SECOND);
	ck_assert(is_there(IPPROTO_TCP, 1));
	pass_tcp(conn, CONN_TO_GUEST, TCP_FLAG_RST, 1000001 * SECOND);
	conn_table_expire(table, 1000001 * SECOND + CONN_LINGER - 1);
	ck_assert(is_there(IPPROTO_TCP, 1));
	conn_table_expire(table, 1000001 * SECOND + CONN_LINGER);
	ck_assert(!is_there(IPPROTO_TCP, 1));
}
END_TEST

START_TEST(a_new_connection_takes_the_place_of_one_that_lingers)
{
	struct conn *conn = established(1, 1, 0);

	pass_tcp(conn, CONN_TO_GUEST, TCP_FLAG_RST, SECOND);
	ck_assert(conn_is_closed(conn));
	conn = open_at(IPPROTO_TCP, 1, 1, 2 * SECOND);
	ck_assert_uint_eq(conn->count[CONN_FROM_GUEST].packets, 0);
	ck_assert_int_eq(conn->state, CONN_SYN_SENT);
	ck_assert_uint_eq(conn_count_all(table), 1);
}
END_TEST

/* One port takes all it can; then it must reuse its own conns, and others get theirs. */
START_TEST(a_greedy_port_leaves_room_for_the_others)
{
	const unsigned most = CONN_MAX - CONN_MAX / CONN_DENOMINATOR;

	for (unsigned i = 0; i < most; i++) {
		struct conn_key key = key_of(IPPROTO_TCP, i >> 16, (uint16_t)i, 80);
		struct conn_origin origin = {.opener = CONN_BY_GUEST, .port_id = 1};

		ck_assert(conn_open(table, &key, &origin, i) != NULL);
	}
	ck_assert_uint_eq(conn_count_port(table, 1), most);
	ck_assert(open_at(IPPROTO_TCP, 1, 1, 0) == NULL);
	ck_assert(open_at(IPPROTO_UDP, 1, 1, 0) == NULL);
	for (unsigned i = 0; i < CONN_FEW; i++)
		ck_assert(open_at(IPPROTO_UDP, (uint16_t)(100 + i), 2, i) != NULL);
	/* The second now has many: its own oldest is evicted. */
	ck_assert(open_at(IPPROTO_UDP, 50, 2, CONN_FEW) != NULL);
	ck_assert(!is_there(IPPROTO_UDP, 100));
	ck_assert(is_there(IPPROTO_UDP, 101));
	ck_assert_uint_eq(conn_count_port(table, 2), CONN_FEW);
	ck_assert_uint_eq(conn_count_port(table, 1), most);
}
END_TEST

START_TEST(what_is_over_gives_way_first_and_connections_never)
{
	const unsigned most = CONN_MAX - CONN_MAX / CONN_DENOMINATOR;
	struct conn *held = established(1, 1, 0), *closed = established(2, 1, 0);

	open_at(IPPROTO_UDP, 1, 1, 0);
	pass_tcp(closed, CONN_TO_GUEST, TCP_FLAG_RST, SECOND);
	for (unsigned i = conn_count_all(table); i < most; i++) {
		struct conn_key key = key_of(IPPROTO_TCP, 20 + (i >> 16), (uint16_t)i, 80);
		struct conn_origin origin = {.opener = CONN_BY_GUEST, .port_id = 1};

		ck_assert(conn_open(table, &key, &origin, 0) != NULL);
	}
	ck_assert(open_at(IPPROTO_TCP, 3, 1, 0) != NULL);
	ck_assert(!is_there(IPPROTO_TCP, 2));
	ck_assert(is_there(IPPROTO_UDP, 1));
	ck_assert(open_at(IPPROTO_TCP, 4, 1, 0) != NULL);
	ck_assert(!is_there(IPPROTO_UDP, 1));
	ck_assert(open_at(IPPROTO_TCP, 5, 1, 0) == NULL);
	ck_assert_int_eq(held->state, CONN_ESTABLISHED);
	ck_assert(is_there(IPPROTO_TCP, 1));
}
END_TEST

START_TEST(a_guests_flows_go_with_it_and_nobody_elses)
{
	struct conn_key other = key_of(IPPROTO_TCP, 16, 1, 80);
	struct conn_origin origin = {.opener = CONN_BY_GUEST, .port_id = 1};
	struct conn_key key = key_of(IPPROTO_TCP, 15, 1, 80);

	for (uint16_t port = 1; port <= 300; port++) {
		open_at(IPPROTO_TCP, port, 1, 0);
		open_at(IPPROTO_UDP, port, 1, 0);
	}
	conn_open(table, &other, &origin, 0);
	conn_end_slirp(table, &key.guest, true);
	ck_assert_uint_eq(conn_count_all(table), 301);
	ck_assert(is_there(IPPROTO_UDP, 300));
	ck_assert(!is_there(IPPROTO_TCP, 300));
	conn_end_slirp(table, &key.guest, false);
	ck_assert_uint_eq(conn_count_all(table), 1);
	ck_assert_uint_eq(conn_count_port(table, 1), 1);
	ck_assert(conn_find(table, &other) != NULL);
	conn_end_slirp(table, &key.guest, false);
	conn_end_slirp(table, &other.guest, false);
	ck_assert_uint_eq(conn_count_all(table), 0);
	ck_assert_uint_eq(conn_count_port(table, 1), 0);
}
END_TEST

static void on_ended(struct conn *conn)
{
	conn->ops = NULL;
}

START_TEST(a_guest_that_went_loses_its_conns_after_a_grace_unless_it_is_back)
{
	static const struct conn_ops ops = {.ended = on_ended};
	struct conn_key key = key_of(IPPROTO_TCP, 15, 1, 80);
	struct conn_origin origin = {.opener = CONN_BY_GUEST, .mac = 0x525400000001, .port_id = 1};
	struct conn *conn = conn_open(table, &key, &origin, 0);

	conn->ops = &ops;
	ck_assert_uint_eq(conn_holder(table, &key.guest), origin.mac);
	conn_guest_gone(table, origin.mac, SECOND);
	ck_assert_uint_eq(conn_holder(table, &key.guest), 0);
	conn_guest_back(table, &key.guest, origin.mac);
	conn_table_expire(table, SECOND + CONN_GUEST_GRACE);
	ck_assert_uint_eq(conn_count_all(table), 1);
	conn_guest_gone(table, origin.mac, 10 * SECOND);
	conn_table_expire(table, 10 * SECOND + CONN_GUEST_GRACE - 1);
	ck_assert_uint_eq(conn_count_all(table), 1);
	conn_table_expire(table, 10 * SECOND + CONN_GUEST_GRACE);
	ck_assert_uint_eq(conn_count_all(table), 0);
}
END_TEST

static clock_t time_to_go(mac_t first, unsigned n)
{
	clock_t began = clock();

	for (unsigned i = 0; i < n; i++)
		conn_guest_gone(table, first + i, SECOND);
	return clock() - began;
}

/* One port can have a guest that routes many addresses, and many others that leave with it. */
START_TEST(a_guest_that_went_costs_by_its_own_addresses)
{
	struct conn_origin origin = {.opener = CONN_BY_GUEST, .mac = 0x525400000001, .port_id = 1};
	clock_t own, others;

	for (unsigned i = 1; i <= 20000; i++) {
		struct conn_key key = key_of(IPPROTO_UDP, i, 1, 80);

		ck_assert_ptr_nonnull(conn_open(table, &key, &origin, 0));
	}
	others = time_to_go(0x525400010000, 500);
	own = time_to_go(origin.mac, 1);
	ck_assert_msg(others < 50 * MAX(own, 20), "%ld, %ld", (long)others, (long)own);
	conn_table_expire(table, SECOND + CONN_GUEST_GRACE);
	ck_assert_uint_eq(conn_count_all(table), 0);
}
END_TEST

START_TEST(a_conn_that_moves_is_charged_to_its_new_port)
{
	struct conn *conn = open_at(IPPROTO_TCP, 1, 1, 0);
	struct charge *first = charge_get(charges, 1), *second = charge_get(charges, 2);

	ck_assert_uint_eq(charge_held(first, CHARGE_CONNS), 1);
	conn_move(table, conn, 0x525400000002, 2);
	ck_assert_uint_eq(charge_held(first, CHARGE_CONNS), 0);
	ck_assert_uint_eq(charge_held(second, CHARGE_CONNS), 1);
	ck_assert_uint_eq(conn_count_port(table, 1), 0);
	ck_assert_uint_eq(conn_count_port(table, 2), 1);
	ck_assert_ptr_eq(conn->charge, second);
	charge_put(first);
	charge_put(second);
}
END_TEST

START_TEST(the_rule_stays_readable_when_it_is_gone)
{
	char *rule = g_ref_string_new("allow=tcp:*:443");
	struct conn_key key = key_of(IPPROTO_TCP, 15, 1, 443);
	struct conn_origin origin = {.opener = CONN_BY_GUEST, .rule = rule};
	struct conn *conn = conn_open(table, &key, &origin, 0);

	g_ref_string_release(rule);
	ck_assert_str_eq(conn->rule, "allow=tcp:*:443");
	conn_admit(table, conn, NULL, 0);
	ck_assert_ptr_null(conn->rule);
}
END_TEST

START_TEST(what_is_cut_passes_nothing_and_may_be_admitted_again)
{
	struct conn *conn = open_at(IPPROTO_UDP, 1, 1, 0);

	conn_cut(table, conn, SECOND);
	ck_assert(conn->cut && !conn->admitted);
	conn_admit(table, conn, NULL, 2 * SECOND);
	ck_assert(!conn->cut && conn->admitted);
	conn_table_expire(table, 100 * SECOND);
	ck_assert(is_there(IPPROTO_UDP, 1));
	conn_cut(table, conn, 100 * SECOND);
	conn_table_expire(table, 100 * SECOND + CONN_LINGER);
	ck_assert(!is_there(IPPROTO_UDP, 1));
}
END_TEST

static void count_and_end_udp(void *data, struct conn *conn)
{
	unsigned *n = data;

	(*n)++;
	if (conn->key.proto == IPPROTO_UDP)
		conn_end(table, conn);
}

START_TEST(each_is_shown_once_and_may_end_then)
{
	unsigned n = 0;

	for (uint16_t port = 0; port < 10; port++) {
		established(port, 1, 0);
		open_at(IPPROTO_UDP, port, 1, 0);
	}
	conn_foreach(table, count_and_end_udp, &n);
	ck_assert_uint_eq(n, 20);
	ck_assert_uint_eq(conn_count_all(table), 10);
	n = 0;
	conn_foreach(table, count_and_end_udp, &n);
	ck_assert_uint_eq(n, 10);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conn_table");
	TCase *tcase = tcase_create("conn_table");

	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, each_way_is_counted);
	tcase_add_test(tcase, what_was_quiet_for_its_time_goes_and_no_sooner);
	tcase_add_test(tcase, a_packet_in_time_keeps_it_and_others_of_its_kind_go_before);
	tcase_add_test(tcase, a_question_of_the_guest_is_no_forwards);
	tcase_add_test(tcase, an_answered_name_goes_soon);
	tcase_add_test(tcase, a_connection_that_is_held_never_goes_by_itself);
	tcase_add_test(tcase, a_new_connection_takes_the_place_of_one_that_lingers);
	tcase_add_test(tcase, a_greedy_port_leaves_room_for_the_others);
	tcase_add_test(tcase, what_is_over_gives_way_first_and_connections_never);
	tcase_add_test(tcase, a_guests_flows_go_with_it_and_nobody_elses);
	tcase_add_test(tcase, a_guest_that_went_loses_its_conns_after_a_grace_unless_it_is_back);
	tcase_add_test(tcase, a_guest_that_went_costs_by_its_own_addresses);
	tcase_add_test(tcase, a_conn_that_moves_is_charged_to_its_new_port);
	tcase_add_test(tcase, the_rule_stays_readable_when_it_is_gone);
	tcase_add_test(tcase, what_is_cut_passes_nothing_and_may_be_admitted_again);
	tcase_add_test(tcase, each_is_shown_once_and_may_end_then);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
