/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "dhcpbed.h"
#include "run_suite.h"

START_TEST(discover_and_request_give_a_lease)
{
	begin(1, DHCP_DISCOVER);
	ck_assert(deliver(1));
	assert_answer(DHCP_OFFER, "10.0.2.15");
	ck_assert_int_eq(outcome.kind, DHCP_NOTHING);
	ck_assert_uint_eq(msg.xid, 0xcafe0001);
	ck_assert_uint_eq(mac_read(msg.chaddr), MAC(1));
	assert_route(MAC(1), "10.0.2.15", 68);

	begin(1, DHCP_REQUEST);
	sent_addr(&m, DHCP_OPT_REQUESTED_ADDR, "10.0.2.15");
	sent_addr(&m, DHCP_OPT_SERVER_ID, "10.0.2.2");
	sent_option(&m, DHCP_OPT_HOSTNAME, "Web_1.lan", 9);
	ck_assert(deliver(1));
	assert_answer(DHCP_ACK, "10.0.2.15");
	ck_assert_uint_eq(dhcp_option_u32(&msg, DHCP_OPT_LEASE_TIME, 0), 86400);
	ck_assert_uint_eq(dhcp_option_u32(&msg, DHCP_OPT_T1, 0), 43200);
	ck_assert_uint_eq(dhcp_option_u32(&msg, DHCP_OPT_T2, 0), 75600);
	ck_assert_int_eq(outcome.kind, DHCP_GRANTED);
	ck_assert_uint_eq(outcome.mac, MAC(1));
	assert_ip(outcome.addr, "10.0.2.15");
	ck_assert_str_eq(outcome.hostname, "web-1");
	ck_assert_int_eq(lease_by_addr(dhcp_leases(dhcp), outcome.addr)->expires,
			 now + 86400 * USEC_PER_SEC);
}
END_TEST

START_TEST(broadcast_flag_is_heeded)
{
	begin(1, DHCP_DISCOVER);
	m.bytes[10] = 0x80;
	ck_assert(deliver(1));
	assert_route(MAC_BROADCAST, "255.255.255.255", 68);
	ck_assert_uint_eq(msg.flags, DHCP_FLAG_BROADCAST);
}
END_TEST

START_TEST(offer_taken_elsewhere_is_free_again)
{
	begin(1, DHCP_DISCOVER);
	ck_assert(deliver(1));
	begin(1, DHCP_REQUEST);
	sent_addr(&m, DHCP_OPT_REQUESTED_ADDR, "10.0.2.99");
	sent_addr(&m, DHCP_OPT_SERVER_ID, "10.0.2.98");
	ck_assert(!deliver(1));
	ck_assert_int_eq(lease_by_addr(dhcp_leases(dhcp), ip("10.0.2.15"))->state, LEASE_EXPIRED);
	/* But a stray message does not end a lease in use. */
	get_lease(1, &port, "10.0.2.15");
	begin(1, DHCP_REQUEST);
	sent_addr(&m, DHCP_OPT_REQUESTED_ADDR, "10.0.2.99");
	sent_addr(&m, DHCP_OPT_SERVER_ID, "10.0.2.98");
	ck_assert(!deliver(1));
	ck_assert_int_eq(lease_by_addr(dhcp_leases(dhcp), ip("10.0.2.15"))->state, LEASE_BOUND);
}
END_TEST

START_TEST(renewal_is_answered_to_the_clients_address)
{
	get_lease(1, &port, "10.0.2.15");
	now += 43200 * USEC_PER_SEC;
	begin(1, DHCP_REQUEST);
	sent_ciaddr(&m, "10.0.2.15");
	ck_assert(deliver_from(&port, MAC(1), "10.0.2.15"));
	assert_answer(DHCP_ACK, "10.0.2.15");
	assert_ip(msg.ciaddr, "10.0.2.15");
	assert_route(MAC(1), "10.0.2.15", 68);
	ck_assert_int_eq(lease_by_addr(dhcp_leases(dhcp), ip("10.0.2.15"))->expires,
			 now + 86400 * USEC_PER_SEC);
}
END_TEST

START_TEST(rebooted_client_is_confirmed)
{
	get_lease(1, &port, "10.0.2.15");
	begin(1, DHCP_REQUEST);
	sent_addr(&m, DHCP_OPT_REQUESTED_ADDR, "10.0.2.15");
	ck_assert(deliver(1));
	assert_answer(DHCP_ACK, "10.0.2.15");
}
END_TEST

START_TEST(client_older_than_the_server_keeps_its_address)
{
	begin(1, DHCP_REQUEST);
	sent_ciaddr(&m, "10.0.2.40");
	ck_assert(deliver_from(&port, MAC(1), "10.0.2.40"));
	assert_answer(DHCP_ACK, "10.0.2.40");
	begin(2, DHCP_REQUEST);
	sent_addr(&m, DHCP_OPT_REQUESTED_ADDR, "10.0.2.41");
	ck_assert(deliver(2));
	assert_answer(DHCP_ACK, "10.0.2.41");
}
END_TEST

START_TEST(wrong_address_is_refused_to_all)
{
	/* off the network; another's; the gateway's; outside the pool */
	static const char *const wrong[] = {"192.168.1.7", "10.0.2.15", "10.0.2.2", "10.0.2.5"};

	get_lease(1, &port, "10.0.2.15");
	for (unsigned i = 0; i < G_N_ELEMENTS(wrong); i++) {
		begin(2, DHCP_REQUEST);
		sent_addr(&m, DHCP_OPT_REQUESTED_ADDR, wrong[i]);
		ck_assert(deliver(2));
		assert_answer(DHCP_NAK, "0.0.0.0");
		assert_route(MAC_BROADCAST, "255.255.255.255", 68);
		ck_assert(msg.present[DHCP_OPT_MESSAGE]);
		ck_assert(!msg.present[DHCP_OPT_LEASE_TIME]);
		ck_assert_int_eq(outcome.kind, DHCP_NOTHING);
		begin(2, DHCP_REQUEST);
		sent_ciaddr(&m, wrong[i]);
		ck_assert(deliver(2));
		assert_answer(DHCP_NAK, "0.0.0.0");
		assert_ip(msg.ciaddr, "0.0.0.0");
		assert_route(MAC_BROADCAST, "255.255.255.255", 68);
	}
}
END_TEST

START_TEST(request_that_names_no_or_two_addresses_is_malformed)
{
	begin(1, DHCP_REQUEST);
	ck_assert(!deliver(1));
	begin(1, DHCP_REQUEST);
	sent_ciaddr(&m, "10.0.2.15");
	sent_addr(&m, DHCP_OPT_REQUESTED_ADDR, "10.0.2.16");
	ck_assert(!deliver(1));
	ck_assert_uint_eq(port.count.drops[DROP_MALFORMED], 2);
}
END_TEST

START_TEST(release_frees_the_address)
{
	get_lease(1, &port, "10.0.2.15");
	begin(1, DHCP_RELEASE);
	sent_ciaddr(&m, "10.0.2.15");
	sent_addr(&m, DHCP_OPT_SERVER_ID, "10.0.2.98");
	ck_assert(!deliver(1)); /* to another server */
	ck_assert_int_eq(outcome.kind, DHCP_NOTHING);
	begin(1, DHCP_RELEASE);
	sent_ciaddr(&m, "10.0.2.15");
	sent_addr(&m, DHCP_OPT_SERVER_ID, "10.0.2.2");
	ck_assert(!deliver(1));
	ck_assert_int_eq(outcome.kind, DHCP_RELEASED);
	assert_ip(outcome.addr, "10.0.2.15");
	ck_assert_uint_eq(lease_pool_bound(dhcp_leases(dhcp)), 0);
}
END_TEST

START_TEST(nobody_releases_or_declines_for_another)
{
	get_lease(1, &port, "10.0.2.15");
	begin(2, DHCP_RELEASE);
	sent_ciaddr(&m, "10.0.2.15");
	ck_assert(!deliver(2));
	ck_assert_int_eq(outcome.kind, DHCP_NOTHING);
	begin(2, DHCP_DECLINE);
	sent_addr(&m, DHCP_OPT_REQUESTED_ADDR, "10.0.2.15");
	ck_assert(!deliver(2));
	ck_assert_int_eq(outcome.kind, DHCP_NOTHING);
	/* With the other's MAC in the message only. */
	begin(1, DHCP_RELEASE);
	sent_ciaddr(&m, "10.0.2.15");
	ck_assert(!deliver_from(&other, MAC(2), "10.0.2.16"));
	ck_assert_uint_eq(other.count.drops[DROP_SPOOFED], 1);
	/* Nor through an unexpected relay. */
	begin(1, DHCP_RELEASE);
	sent_ciaddr(&m, "10.0.2.15");
	sent_giaddr(&m, "10.0.2.16");
	ck_assert(!deliver_from(&other, MAC(2), "10.0.2.16"));
	ck_assert_uint_eq(other.count.drops[DROP_SPOOFED], 2);
	ck_assert_uint_eq(lease_pool_bound(dhcp_leases(dhcp)), 1);
}
END_TEST

START_TEST(declined_address_is_not_given_again)
{
	get_lease(1, &port, "10.0.2.15");
	begin(1, DHCP_DECLINE);
	sent_addr(&m, DHCP_OPT_REQUESTED_ADDR, "10.0.2.15");
	sent_addr(&m, DHCP_OPT_SERVER_ID, "10.0.2.2");
	ck_assert(!deliver(1));
	ck_assert_int_eq(outcome.kind, DHCP_DECLINED);
	get_lease(1, &port, "10.0.2.16");
	get_lease(2, &port, "10.0.2.17");
}
END_TEST

START_TEST(inform_is_answered_without_a_lease)
{
	begin(1, DHCP_INFORM);
	sent_ciaddr(&m, "10.0.2.9");
	ck_assert(deliver_from(&port, MAC(1), "10.0.2.9"));
	assert_answer(DHCP_ACK, "0.0.0.0");
	assert_ip(msg.ciaddr, "10.0.2.9");
	assert_route(MAC(1), "10.0.2.9", 68);
	ck_assert(!msg.present[DHCP_OPT_LEASE_TIME]);
	assert_ip(dhcp_option_addr(&msg, DHCP_OPT_DNS), "10.0.2.3");
	ck_assert_int_eq(outcome.kind, DHCP_NOTHING);
	/* A client that left its address out, and one that is not of this network. */
	begin(1, DHCP_INFORM);
	ck_assert(deliver_from(&port, MAC(1), "10.0.2.9"));
	assert_route(MAC(1), "10.0.2.9", 68);
	begin(1, DHCP_INFORM);
	sent_ciaddr(&m, "192.0.2.1");
	ck_assert(!deliver(1));
}
END_TEST

START_TEST(plain_bootp_client_gets_an_address)
{
	begin(1, DHCP_BOOTP);
	ck_assert(deliver(1));
	ck_assert_int_eq(msg.type, DHCP_BOOTP);
	assert_ip(msg.yiaddr, "10.0.2.15");
	assert_ip(dhcp_option_addr(&msg, DHCP_OPT_NETMASK), "255.255.255.0");
	ck_assert(!msg.present[DHCP_OPT_LEASE_TIME]);
	ck_assert(!msg.present[DHCP_OPT_SERVER_ID]);
	ck_assert_int_eq(outcome.kind, DHCP_GRANTED);
	/* Without the cookie. */
	sent_begin(&m, MAC(2), 5);
	m.len = 300;
	memset(m.bytes + DHCP_FIXED_LEN, 0, 64);
	ck_assert(deliver(2));
	assert_ip(msg.yiaddr, "10.0.2.16");
}
END_TEST

START_TEST(relayed_message_is_answered_to_the_relay)
{
	begin(5, DHCP_DISCOVER);
	sent_giaddr(&m, "10.0.2.20");
	ck_assert(deliver_from(&port, MAC(9), "10.0.2.20"));
	assert_answer(DHCP_OFFER, "10.0.2.15");
	assert_route(MAC(9), "10.0.2.20", 67);
	assert_ip(msg.giaddr, "10.0.2.20");
	begin(5, DHCP_REQUEST);
	sent_giaddr(&m, "10.0.2.20");
	sent_addr(&m, DHCP_OPT_REQUESTED_ADDR, "192.168.7.7");
	ck_assert(deliver_from(&port, MAC(9), "10.0.2.20"));
	assert_answer(DHCP_NAK, "0.0.0.0");
	assert_route(MAC(9), "10.0.2.20", 67);
	ck_assert_uint_eq(msg.flags, DHCP_FLAG_BROADCAST);
	/* For another subnet there are no addresses. */
	begin(5, DHCP_DISCOVER);
	sent_giaddr(&m, "192.168.7.1");
	ck_assert(!deliver_from(&port, MAC(9), "10.0.2.20"));
	ck_assert_uint_eq(port.count.drops[DROP_POLICY], 1);
}
END_TEST

START_TEST(what_is_not_a_request_is_dropped_and_counted)
{
	begin(1, DHCP_DISCOVER);
	m.bytes[0] = BOOTP_REPLY;
	ck_assert(!deliver(1));
	begin(1, DHCP_OFFER);
	ck_assert(!deliver(1));
	ck_assert_uint_eq(port.count.drops[DROP_ROGUE_SERVER], 2);
	begin(1, DHCP_DISCOVER);
	m.bytes[1] = 6;
	ck_assert(!deliver(1));
	begin(1, 10); /* lease query */
	ck_assert(!deliver(1));
	begin(1, 255);
	ck_assert(!deliver(1));
	ck_assert_uint_eq(port.count.drops[DROP_UNSUPPORTED], 3);
	begin(1, DHCP_DISCOVER);
	memset(m.bytes + 28, 0xff, 6);
	ck_assert(!deliver_from(&port, MAC_BROADCAST, "0.0.0.0"));
	ck_assert_uint_eq(port.count.drops[DROP_BAD_SOURCE], 1);
}
END_TEST

START_TEST(every_truncation_is_survived)
{
	unsigned answered = 0, dropped = 0;
	struct sent whole;

	begin(1, DHCP_REQUEST);
	sent_addr(&m, DHCP_OPT_REQUESTED_ADDR, "10.0.2.15");
	sent_addr(&m, DHCP_OPT_SERVER_ID, "10.0.2.2");
	sent_option(&m, DHCP_OPT_CLIENT_ID, "\377some-duid", 10);
	sent_option(&m, DHCP_OPT_FQDN, "\5\0\0\3WEB\7example\0", 16);
	sent_option(&m, DHCP_OPT_PARAMETERS, "\1\3\6\17\32", 5);
	sent_u8(&m, DHCP_OPT_OVERLOAD, 3);
	sent_end(&m);
	whole = m;
	for (size_t len = 0; len <= whole.len; len++) {
		uint8_t *copy = malloc(len + !len); /* exact, for ASan to see a read too far */
		uint64_t before = 0, after = 0;
		size_t answer;

		memcpy(copy, whole.bytes, len);
		for (unsigned i = 0; i < DROP_N_REASONS; i++)
			before += port.count.drops[i];
		answer = dhcp_input(dhcp, &port, MAC(1), ip("0.0.0.0"), copy, len, now, out,
				    &outcome);
		for (unsigned i = 0; i < DROP_N_REASONS; i++)
			after += port.count.drops[i];
		/* Each is answered or counted; those shorter than the fixed part are dropped. */
		ck_assert_uint_eq(after - before, answer ? 0 : 1);
		ck_assert(!answer || len >= DHCP_FIXED_LEN);
		answered += answer != 0;
		dropped += answer == 0;
		free(copy);
	}
	ck_assert_uint_ge(dropped, DHCP_FIXED_LEN + 20);
	ck_assert_uint_ge(answered, 1);
}
END_TEST

START_TEST(full_pool_does_not_answer)
{
	config.dhcp_end = config.dhcp_start;
	restart();
	get_lease(1, &port, "10.0.2.15");
	begin(2, DHCP_DISCOVER);
	ck_assert(!deliver(2));
	ck_assert_uint_eq(port.count.drops[DROP_BUDGET], 1);
}
END_TEST

START_TEST(own_addresses_are_never_given)
{
	config.net_len = 30;
	config.net = ip("10.0.2.0");
	config.host = ip("10.0.2.1");
	config.dns = ip("10.0.2.1");
	config.dhcp_start = ip("10.0.2.0");
	config.dhcp_end = ip("10.0.2.3");
	restart();
	begin(1, DHCP_DISCOVER);
	ck_assert(deliver(1));
	assert_ip(msg.yiaddr, "10.0.2.2");
	begin(2, DHCP_DISCOVER);
	ck_assert(!deliver(2));
}
END_TEST

START_TEST(hundreds_of_clients_on_two_ports_get_their_own)
{
	bool given[256] = {false};

	config.leases_per_port = 120;
	restart();
	for (unsigned i = 0; i < 240; i++) {
		struct port *from = i % 2 ? &other : &port;
		uint8_t last;

		begin(i, DHCP_DISCOVER);
		ck_assert(deliver_from(from, MAC(i), "0.0.0.0"));
		last = (uint8_t)ntohl(msg.yiaddr.s_addr);
		ck_assert(!given[last]);
		given[last] = true;
		begin(i, DHCP_REQUEST);
		sent_option(&m, DHCP_OPT_REQUESTED_ADDR, &msg.yiaddr, 4);
		sent_addr(&m, DHCP_OPT_SERVER_ID, "10.0.2.2");
		ck_assert(deliver_from(from, MAC(i), "0.0.0.0"));
		ck_assert_int_eq(msg.type, DHCP_ACK);
	}
	ck_assert_uint_eq(lease_pool_bound(dhcp_leases(dhcp)), 240);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dhcp");
	TCase *tcase = tcase_create("dhcp");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, discover_and_request_give_a_lease);
	tcase_add_test(tcase, broadcast_flag_is_heeded);
	tcase_add_test(tcase, offer_taken_elsewhere_is_free_again);
	tcase_add_test(tcase, renewal_is_answered_to_the_clients_address);
	tcase_add_test(tcase, rebooted_client_is_confirmed);
	tcase_add_test(tcase, client_older_than_the_server_keeps_its_address);
	tcase_add_test(tcase, wrong_address_is_refused_to_all);
	tcase_add_test(tcase, request_that_names_no_or_two_addresses_is_malformed);
	tcase_add_test(tcase, release_frees_the_address);
	tcase_add_test(tcase, nobody_releases_or_declines_for_another);
	tcase_add_test(tcase, declined_address_is_not_given_again);
	tcase_add_test(tcase, inform_is_answered_without_a_lease);
	tcase_add_test(tcase, plain_bootp_client_gets_an_address);
	tcase_add_test(tcase, relayed_message_is_answered_to_the_relay);
	tcase_add_test(tcase, what_is_not_a_request_is_dropped_and_counted);
	tcase_add_test(tcase, every_truncation_is_survived);
	tcase_add_test(tcase, full_pool_does_not_answer);
	tcase_add_test(tcase, own_addresses_are_never_given);
	tcase_add_test(tcase, hundreds_of_clients_on_two_ports_get_their_own);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
