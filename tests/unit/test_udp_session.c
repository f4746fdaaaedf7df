/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <check.h>

#include "net/user_config.h"
#include "packet/packet.h"
#include "run_suite.h"
#include "udp/hold.h"
#include "udp/peer.h"
#include "udp/session.h"

#define ALL_MAX  16
#define RULE_MAX 10
#define START    (1000 * USEC_PER_SEC)

static struct udp_sessions *table;
static struct udp_session_list a, b;
static unsigned n_ended;
static struct user_config config;

static void on_ended(void *data, const struct udp_session *session)
{
	ck_assert(session->owner == &a || session->owner == &b);
	n_ended++;
}

static void setup(void)
{
	n_ended = 0;
	table = udp_sessions_new(ALL_MAX, RULE_MAX, on_ended, NULL);
	udp_session_list_init(&a);
	udp_session_list_init(&b);
	user_config_defaults(&config);
	ck_assert(user_config_resolve(&config, NULL));
}

static void teardown(void)
{
	udp_session_list_clear(table, &a);
	udp_session_list_clear(table, &b);
	udp_sessions_free(table);
}

static struct in6_addr v4(uint32_t addr)
{
	return address_map4(htonl(addr));
}

/* The client with this number: one address each, all at the same port. */
static struct udp_client client(unsigned n)
{
	return (struct udp_client){.addr = v4(0xc0000200 + n), .port = 5000};
}

static struct udp_flow flow_of(const struct udp_session_list *owner, const struct udp_client *who)
{
	return (struct udp_flow){.guest = v4(0x0a00020f),
				 .guest_port = owner == &a ? 53 : 54,
				 .peer = who->addr,
				 .peer_port = who->port};
}

static struct udp_session *open_one(struct udp_session_list *owner, unsigned n, usec_t now)
{
	struct udp_client who = client(n);
	struct udp_flow flow = flow_of(owner, &who);

	return udp_session_open(table, owner, &who, &flow, now);
}

static bool is_there(const struct udp_session_list *owner, unsigned n)
{
	struct udp_client who = client(n);
	struct udp_flow flow = flow_of(owner, &who);
	struct udp_session *session = udp_session_by_client(table, owner, &who);

	/* From both sides it is the same one. */
	ck_assert_ptr_eq(session, udp_session_by_flow(table, &flow));
	return session != NULL;
}

START_TEST(a_session_is_found_from_both_sides)
{
	struct udp_session *session = open_one(&a, 1, START);
	struct udp_client who = client(1);
	struct udp_flow flow = flow_of(&a, &who);

	ck_assert_ptr_eq(udp_session_by_client(table, &a, &who), session);
	ck_assert_ptr_eq(udp_session_by_flow(table, &flow), session);
	/* Another rule, port, host's address or interface is another client. */
	ck_assert_ptr_null(udp_session_by_client(table, &b, &who));
	who.port++;
	ck_assert_ptr_null(udp_session_by_client(table, &a, &who));
	who = client(1);
	who.local = v4(0x7f000001);
	ck_assert_ptr_null(udp_session_by_client(table, &a, &who));
	who = client(1);
	who.scope = 1;
	ck_assert_ptr_null(udp_session_by_client(table, &a, &who));
	/* And so is each part of what the guest sees. */
	flow.peer_port++;
	ck_assert_ptr_null(udp_session_by_flow(table, &flow));
	flow.peer_port--;
	flow.guest_port++;
	ck_assert_ptr_null(udp_session_by_flow(table, &flow));
	flow.guest_port--;
	flow.guest = v4(0x0a000210);
	ck_assert_ptr_null(udp_session_by_flow(table, &flow));
}
END_TEST

START_TEST(an_idle_one_expires_and_a_used_one_does_not)
{
	struct udp_session *used = open_one(&a, 1, START);

	open_one(&a, 2, START + 1);
	ck_assert_int_eq(udp_sessions_expire(table, START + 1), START + UDP_SESSION_IDLE);
	udp_session_use(table, used, START + USEC_PER_SEC);
	ck_assert_int_eq(udp_sessions_expire(table, START + UDP_SESSION_IDLE),
			 START + 1 + UDP_SESSION_IDLE);
	ck_assert_uint_eq(udp_sessions_count(table), 2);
	ck_assert_int_eq(udp_sessions_expire(table, START + 1 + UDP_SESSION_IDLE),
			 START + USEC_PER_SEC + UDP_SESSION_IDLE);
	ck_assert(is_there(&a, 1));
	ck_assert(!is_there(&a, 2));
	ck_assert_int_eq(udp_sessions_expire(table, START + USEC_PER_SEC + UDP_SESSION_IDLE), 0);
	ck_assert_uint_eq(udp_sessions_count(table), 0);
	ck_assert_uint_eq(udp_sessions_evicted(table), 0);
}
END_TEST

START_TEST(a_session_lives_as_long_as_rfc_4787_says)
{
	ck_assert_int_ge(UDP_SESSION_IDLE, 120 * USEC_PER_SEC);
}
END_TEST

START_TEST(the_longest_idle_of_a_full_rule_gives_way)
{
	open_one(&b, 99, START); /* older, but not of this rule */
	for (unsigned n = 0; n < RULE_MAX; n++)
		open_one(&a, n, START + n);
	udp_session_use(table, list_first(&a.sessions, struct udp_session, owner_link),
			START + 100);
	open_one(&a, 50, START + 101);
	ck_assert_uint_eq(a.n, RULE_MAX);
	ck_assert(is_there(&a, 0));
	ck_assert(!is_there(&a, 1));
	ck_assert(is_there(&a, 2));
	ck_assert(is_there(&a, 50));
	ck_assert(is_there(&b, 99));
	ck_assert_uint_eq(udp_sessions_evicted(table), 1);
}
END_TEST

START_TEST(the_longest_idle_of_all_gives_way)
{
	for (unsigned n = 0; n < RULE_MAX; n++)
		open_one(&a, n, START + n);
	for (unsigned n = 0; n < 9; n++)
		open_one(&b, n, START + 100 + n);
	ck_assert_uint_eq(udp_sessions_count(table), ALL_MAX);
	ck_assert_uint_eq(n_ended, 3);
	ck_assert_uint_eq(a.n, ALL_MAX - 9);
	ck_assert_uint_eq(b.n, 9);
	for (unsigned n = 0; n < RULE_MAX; n++)
		ck_assert_int_eq(is_there(&a, n), n >= 3);
}
END_TEST

START_TEST(a_rule_takes_its_sessions_with_it)
{
	for (unsigned n = 0; n < 5; n++) {
		open_one(&a, n, START);
		open_one(&b, n, START);
	}
	udp_session_list_clear(table, &a);
	ck_assert_uint_eq(a.n, 0);
	ck_assert_uint_eq(udp_sessions_count(table), 5);
	ck_assert_uint_eq(n_ended, 5);
	for (unsigned n = 0; n < 5; n++) {
		ck_assert(!is_there(&a, n));
		ck_assert(is_there(&b, n));
	}
}
END_TEST

/* --- the client that the guest sees --- */

static struct udp_flow choose(const char *address, uint16_t port, bool v6, bool masquerade)
{
	struct udp_client who = {.port = port};
	struct udp_flow flow = {.guest_port = 53};
	struct in_addr addr;

	if (inet_pton(AF_INET, address, &addr) == 1)
		who.addr = address_map4(addr.s_addr);
	else
		ck_assert_int_eq(inet_pton(AF_INET6, address, &who.addr), 1);
	if (v6)
		inet_pton(AF_INET6, "fec0::15", &flow.guest);
	else
		flow.guest = v4(0x0a00020f);
	ck_assert(udp_peer_choose(table, &config, &who, masquerade, &flow));
	udp_session_open(table, &a, &who, &flow, START);
	return flow;
}

static void assert_peer(const struct udp_flow *flow, const char *address, unsigned port)
{
	char text[INET6_ADDRSTRLEN];
	struct in_addr addr = address_v4(&flow->peer);

	if (IN6_IS_ADDR_V4MAPPED(&flow->peer))
		inet_ntop(AF_INET, &addr, text, sizeof(text));
	else
		inet_ntop(AF_INET6, &flow->peer, text, sizeof(text));
	ck_assert_str_eq(text, address);
	if (port)
		ck_assert_uint_eq(flow->peer_port, port);
}

START_TEST(a_client_that_the_guest_can_answer_is_seen_as_itself)
{
	static const char *const those[] = {"192.0.2.1",   "10.0.3.1",     "172.16.0.1",
					    "169.253.1.1", "223.1.1.1",    "2001:db8::1",
					    "fd00::1",     "fec0:0:0:1::5"};

	for (unsigned i = 0; i < G_N_ELEMENTS(those); i++) {
		struct udp_flow flow = choose(those[i], 53, strchr(those[i], ':') != NULL, false);

		assert_peer(&flow, those[i], 53);
	}
}
END_TEST

START_TEST(any_other_is_seen_as_the_gateway)
{
	static const char *const those[] = {"127.0.0.1", "127.9.9.9",    "10.0.2.1", "10.0.2.254",
					    "0.1.2.3",   "169.254.1.1",  "::1",      "fe80::1",
					    "fec0::99",  "fec0::1:2:3:4"};

	for (unsigned i = 0; i < G_N_ELEMENTS(those); i++) {
		bool v6 = strchr(those[i], ':') != NULL;
		struct udp_flow flow = choose(those[i], (uint16_t)(2000 + i), v6, false);

		assert_peer(&flow, v6 ? "fec0::2" : "10.0.2.2", 2000 + i);
	}
}
END_TEST

START_TEST(masquerade_and_another_family_are_seen_as_the_gateway)
{
	struct udp_flow flow = choose("192.0.2.1", 5000, false, true);

	assert_peer(&flow, "10.0.2.2", 5000);
	flow = choose("192.0.2.1", 5000, true, false);
	assert_peer(&flow, "fec0::2", 5000);
	flow = choose("2001:db8::1", 5001, false, false);
	assert_peer(&flow, "10.0.2.2", 5001);
}
END_TEST

START_TEST(clients_at_the_same_port_do_not_collide)
{
	struct udp_flow one = choose("127.0.0.1", 5000, false, false);
	struct udp_flow two = choose("127.0.0.2", 5000, false, false);
	struct udp_flow low = choose("127.0.0.3", 53, false, false);

	assert_peer(&one, "10.0.2.2", 5000);
	assert_peer(&two, "10.0.2.2", 0);
	ck_assert_uint_ne(two.peer_port, 5000);
	ck_assert_uint_ge(two.peer_port, 1024);
	/* The gateway's own services keep their ports. */
	assert_peer(&low, "10.0.2.2", 0);
	ck_assert_uint_ge(low.peer_port, 1024);
}
END_TEST

START_TEST(a_client_that_is_there_already_is_seen_as_the_gateway_the_second_time)
{
	struct udp_flow one = choose("192.0.2.1", 5000, false, false);
	struct udp_flow two = {.guest = one.guest, .guest_port = one.guest_port};
	struct udp_client who = client(1);

	who.local = v4(0xc0000264); /* asks at another address of the host */
	ck_assert(udp_peer_choose(table, &config, &who, false, &two));
	assert_peer(&one, "192.0.2.1", 5000);
	assert_peer(&two, "10.0.2.2", 5000);
}
END_TEST

/* --- held datagrams --- */

START_TEST(a_few_datagrams_wait_in_order_and_not_for_long)
{
	struct udp_client who = client(1);
	struct udp_hold hold;
	struct udp_hold_list rule, other;
	struct udp_held *held;
	usec_t next;

	udp_hold_init(&hold);
	udp_hold_list_init(&rule);
	udp_hold_list_init(&other);
	for (unsigned i = 0; i < UDP_HOLD_RULE; i++)
		ck_assert(udp_hold_add(&hold, &rule, &who, &i, sizeof(i), START + i));
	ck_assert(!udp_hold_add(&hold, &rule, &who, "no", 2, START));
	ck_assert(udp_hold_add(&hold, &other, &who, "", 0, START + 50));
	held = udp_hold_take(&hold, &rule);
	ck_assert_uint_eq(held->len, sizeof(unsigned));
	ck_assert_uint_eq(held->data[0], 0);
	g_free(held);
	ck_assert_uint_eq(udp_hold_expire(&hold, START + UDP_HOLD_TIME, &next), 0);
	ck_assert_int_eq(next, START + 1 + UDP_HOLD_TIME);
	ck_assert_uint_eq(udp_hold_expire(&hold, START + 2 + UDP_HOLD_TIME, &next), 2);
	udp_hold_clear(&hold, &rule);
	ck_assert_uint_eq(hold.bytes, 0);
	ck_assert_ptr_null(udp_hold_take(&hold, &rule));
	ck_assert_uint_eq(udp_hold_expire(&hold, START + 50 + UDP_HOLD_TIME, &next), 1);
	ck_assert_int_eq(next, 0);
}
END_TEST

START_TEST(what_waits_is_bounded_for_all_rules_together)
{
	static uint8_t large[65507];
	struct udp_hold_list rules[10];
	struct udp_client who = client(1);
	struct udp_hold hold;
	unsigned n = 0;

	udp_hold_init(&hold);
	for (unsigned i = 0; i < G_N_ELEMENTS(rules); i++) {
		udp_hold_list_init(&rules[i]);
		while (udp_hold_add(&hold, &rules[i], &who, large, sizeof(large), START))
			n++;
	}
	ck_assert_uint_eq(n, UDP_HOLD_BYTES / sizeof(large));
	ck_assert_uint_le(hold.bytes, UDP_HOLD_BYTES);
	for (unsigned i = 0; i < G_N_ELEMENTS(rules); i++)
		udp_hold_clear(&hold, &rules[i]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("udp_session");
	TCase *sessions = tcase_create("sessions"), *peers = tcase_create("peers");
	TCase *held = tcase_create("held");

	tcase_add_checked_fixture(sessions, setup, teardown);
	tcase_add_test(sessions, a_session_is_found_from_both_sides);
	tcase_add_test(sessions, an_idle_one_expires_and_a_used_one_does_not);
	tcase_add_test(sessions, a_session_lives_as_long_as_rfc_4787_says);
	tcase_add_test(sessions, the_longest_idle_of_a_full_rule_gives_way);
	tcase_add_test(sessions, the_longest_idle_of_all_gives_way);
	tcase_add_test(sessions, a_rule_takes_its_sessions_with_it);
	tcase_add_checked_fixture(peers, setup, teardown);
	tcase_add_test(peers, a_client_that_the_guest_can_answer_is_seen_as_itself);
	tcase_add_test(peers, any_other_is_seen_as_the_gateway);
	tcase_add_test(peers, masquerade_and_another_family_are_seen_as_the_gateway);
	tcase_add_test(peers, clients_at_the_same_port_do_not_collide);
	tcase_add_test(peers,
		       a_client_that_is_there_already_is_seen_as_the_gateway_the_second_time);
	tcase_add_test(held, a_few_datagrams_wait_in_order_and_not_for_long);
	tcase_add_test(held, what_waits_is_bounded_for_all_rules_together);
	suite_add_tcase(suite, sessions);
	suite_add_tcase(suite, peers);
	suite_add_tcase(suite, held);
	return run_suite(suite);
}
