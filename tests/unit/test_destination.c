/* SPDX-License-Identifier: BSD-3-Clause */
#include "packets.h"

#include "base/address.h"
#include "fakeport.h"
#include "net/network.h"
#include "net/user_config.h"
#include "policy/destination.h"
#include "policy/table.h"
#include "run_suite.h"

static uint8_t frame[2000];
static struct user_config config;

static void setup(void)
{
	user_config_defaults(&config);
	ck_assert(user_config_resolve(&config, NULL));
}

enum kind { SYN, UDP, ECHO_REQUEST };

/*
 * The verdict on a packet of @kind to @dst, port @dport: DROP_N_REASONS for allowed, or the
 * reason.
 */
static enum drop_reason verdict(enum kind kind, const char *dst, uint16_t dport)
{
	struct ends flow = {strchr(dst, ':') != NULL, "10.0.2.15", dst, 40000, dport};
	enum drop_reason why = DROP_N_REASONS;
	struct packet packet;
	size_t len = 0;

	if (flow.v6)
		flow.src = "fec0::15";
	switch (kind) {
	case SYN:
		len = put_tcp(frame, &flow, 1, 0, TCP_FLAG_SYN, NULL, 0, NULL, 0);
		break;
	case UDP:
		len = put_udp(frame, &flow, "x", 1);
		break;
	case ECHO_REQUEST:
		len = put_echo(frame, &flow, 8);
		break;
	}
	packet = parsed(frame, len);
	return destination_allows(&config, &packet, &why) ? DROP_N_REASONS : why;
}

static const char *const detours[] = {
	"127.0.0.1",
	"127.255.255.254",
	"0.0.0.0",
	"0.1.2.3",
	"10.0.2.3",
	"10.0.2.4",
	"10.0.2.255",
	"224.0.0.1",
	"240.0.0.1",
	"255.255.255.255",
	"::",
	"::1",
	"::127.0.0.1",
	"::ffff:127.0.0.1",
	"::ffff:0.0.0.0",
	"fec0::4",
	"fec0::ffff",
	"fe80::2",
	"fe80::1",
	"ff02::1",
};

START_TEST(no_detour_leads_to_loopback)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(detours); i++) {
		ck_assert_int_eq(verdict(SYN, detours[i], 8000), DROP_POLICY);
		ck_assert_int_eq(verdict(UDP, detours[i], 8000), DROP_POLICY);
		if (!strchr(detours[i], ':'))
			ck_assert_int_eq(verdict(ECHO_REQUEST, detours[i], 0), DROP_POLICY);
	}
}
END_TEST

START_TEST(the_world_is_reached)
{
	ck_assert_int_eq(verdict(SYN, "192.0.2.1", 80), DROP_N_REASONS);
	ck_assert_int_eq(verdict(UDP, "198.51.100.7", 53), DROP_N_REASONS);
	ck_assert_int_eq(verdict(ECHO_REQUEST, "192.0.2.1", 0), DROP_N_REASONS);
	ck_assert_int_eq(verdict(SYN, "2001:db8::1", 80), DROP_N_REASONS);
	ck_assert_int_eq(verdict(UDP, "2001:db8::1", 443), DROP_N_REASONS);
	ck_assert_int_eq(verdict(ECHO_REQUEST, "2001:db8::1", 0), DROP_N_REASONS);
}
END_TEST

START_TEST(host_loopback_opens_just_what_it_says)
{
	static const struct port_range ports[] = {{8000, 8001}, {9000, 9000}, {0, 0}};

	ck_assert_int_eq(verdict(SYN, "10.0.2.2", 22), DROP_N_REASONS);
	ck_assert_int_eq(verdict(UDP, "fec0::2", 22), DROP_N_REASONS);
	config.loopback = LOOPBACK_OFF;
	ck_assert_int_eq(verdict(SYN, "10.0.2.2", 22), DROP_POLICY);
	ck_assert_int_eq(verdict(UDP, "10.0.2.2", 22), DROP_POLICY);
	ck_assert_int_eq(verdict(SYN, "fec0::2", 22), DROP_POLICY);
	config.loopback = LOOPBACK_PORTS;
	config.loopback_ports = ports;
	ck_assert_int_eq(verdict(SYN, "10.0.2.2", 8001), DROP_N_REASONS);
	ck_assert_int_eq(verdict(UDP, "fec0::2", 8000), DROP_N_REASONS);
	ck_assert_int_eq(verdict(SYN, "10.0.2.2", 9000), DROP_N_REASONS);
	ck_assert_int_eq(verdict(SYN, "10.0.2.2", 7999), DROP_POLICY);
	ck_assert_int_eq(verdict(SYN, "10.0.2.2", 8002), DROP_POLICY);
	ck_assert_int_eq(verdict(UDP, "fec0::2", 0), DROP_POLICY);
}
END_TEST

START_TEST(the_name_server_is_not_libslirps)
{
	ck_assert_int_eq(verdict(UDP, "10.0.2.3", 53), DROP_POLICY);
	ck_assert_int_eq(verdict(SYN, "10.0.2.3", 53), DROP_POLICY);
	ck_assert_int_eq(verdict(UDP, "fec0::3", 53), DROP_POLICY);
	ck_assert_int_eq(verdict(SYN, "fec0::3", 53), DROP_POLICY);
}
END_TEST

START_TEST(tftp_never_reaches_libslirp)
{
	ck_assert_int_eq(verdict(UDP, "10.0.2.2", 69), DROP_POLICY);
	ck_assert_int_eq(verdict(UDP, "192.0.2.1", 69), DROP_POLICY);
	ck_assert_int_eq(verdict(UDP, "fec0::2", 69), DROP_POLICY);
	config.tftp = "/srv/tftp";
	config.loopback = LOOPBACK_OFF;
	ck_assert_int_eq(verdict(UDP, "10.0.2.2", 69), DROP_POLICY);
	ck_assert_int_eq(verdict(UDP, "192.0.2.1", 69), DROP_POLICY);
}
END_TEST

START_TEST(the_answer_of_a_forwarded_connection_passes)
{
	struct packet packet;
	enum drop_reason why;
	size_t len;

	len = put_tcp(frame, &flow4, 1, 2, TCP_FLAG_SYN | TCP_FLAG_ACK, NULL, 0, NULL, 0);
	packet = parsed(frame, len);
	ck_assert(destination_allows(&config, &packet, &why));
}
END_TEST

START_TEST(urgent_data_is_made_plain_and_the_checksum_mended)
{
	const struct ends *flows[] = {&flow4, &flow6};

	for (unsigned i = 0; i < 2; i++) {
		size_t len = put_tcp(frame, flows[i], 1, 2, TCP_FLAG_ACK | TCP_FLAG_URG, NULL, 0,
				     "abc", 3);
		size_t l4 = ETH_HEADER + (flows[i]->v6 ? 40 : 20);
		uint8_t copy[2000];
		struct packet packet;
		uint16_t before = 0, after;

		memcpy(&after, (uint8_t[]){0, 1}, 2);
		packet_put16(frame + l4 + 18, 1);
		csum_update16(frame + l4 + 16, before, after);
		ck_assert(l4_right(frame, len, flows[i]->v6, IPPROTO_TCP));
		packet = parsed(frame, len);
		ck_assert(destination_has_urgent(&packet));
		destination_urgent(&packet, copy);
		ck_assert(!destination_has_urgent(&packet));
		ck_assert(l4_right(packet.frame, packet.len, flows[i]->v6, IPPROTO_TCP));
		ck_assert_mem_eq(packet.frame + packet.payload, "abc", 3);
	}
}
END_TEST

START_TEST(a_pointer_without_its_flag_is_cleared_too)
{
	size_t len = put_tcp(frame, &flow4, 1, 2, TCP_FLAG_ACK, NULL, 0, "abc", 3);
	struct packet packet;

	packet_put16(frame + ETH_HEADER + 20 + 18, 9);
	packet = parsed(frame, len);
	ck_assert(destination_has_urgent(&packet));
}
END_TEST

START_TEST(no_ipv6_form_of_an_ipv4_address_leads_where_that_does_not)
{
	static const char *const closed[] = {
		"64:ff9b::127.0.0.1", "64:ff9b::10.0.2.15", "64:ff9b:1::169.254.1.1",
		"2002:7f00:1::1",     "2002:a00:203::1",    "2001:0:1:2:3:4:80ff:fffe",
		"64:ff9b::224.0.0.1", "64:ff9b::0.0.0.0",
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(closed); i++)
		ck_assert_int_eq(verdict(SYN, closed[i], 80),
				 strstr(closed[i], "169.") ? DROP_N_REASONS : DROP_POLICY);
	ck_assert_int_eq(verdict(SYN, "64:ff9b::192.0.2.1", 80), DROP_N_REASONS);
	ck_assert_int_eq(verdict(SYN, "2002:c000:201::1", 80), DROP_N_REASONS);
}
END_TEST

static bool table_allows(struct policy_table *table, const char *dst)
{
	struct policy_table_target target = {.proto = IPPROTO_TCP, .port = 80};

	if (inet_pton(AF_INET6, dst, &target.dst) != 1)
		target.dst = address_map4(inet_addr(dst));
	return policy_table_look(table, 1, &target).allow;
}

/* One address in all the forms that lead to it: 192.0.2.1. */
static const char *const forms[] = {
	"192.0.2.1",   "64:ff9b::192.0.2.1",       "64:ff9b:1::192.0.2.1", "2002:c000:201::5",
	"::192.0.2.1", "2001:0:1:2:3:4:3fff:fdfe", "::ffff:0:c000:201",
};

START_TEST(ipv6_forms_are_judged_as_the_ipv4_they_carry)
{
	struct loop *loop = new_test_loop();
	struct network *network = network_new(loop, "test");
	struct policy_table *deny = policy_table_new(network, &config);
	struct policy_table *allow = policy_table_new(network, &config);

	ck_assert(policy_table_add(deny, NULL, false, "192.0.2.0/24", NULL));
	ck_assert(policy_table_add(allow, NULL, false, "*", NULL));
	ck_assert(policy_table_add(allow, NULL, true, "192.0.2.1:80", NULL));
	for (unsigned i = 0; i < G_N_ELEMENTS(forms); i++) {
		ck_assert_msg(!table_allows(deny, forms[i]), "%s is open", forms[i]);
		ck_assert_msg(table_allows(allow, forms[i]), "%s is closed", forms[i]);
	}
	ck_assert(table_allows(deny, "64:ff9b::192.0.3.1"));
	ck_assert(table_allows(deny, "2001:db8::192.0.2.1"));
	/* A rule about the IPv6 network closes it too. */
	ck_assert(policy_table_add(allow, NULL, false, "[64:ff9b::/96]", NULL));
	ck_assert(!table_allows(allow, "64:ff9b::192.0.2.1"));
	ck_assert(table_allows(allow, "192.0.2.1"));
	policy_table_free(deny);
	policy_table_free(allow);
	network_free(network);
	loop_free(loop);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("destination");
	TCase *tcase = tcase_create("destination");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, no_detour_leads_to_loopback);
	tcase_add_test(tcase, the_world_is_reached);
	tcase_add_test(tcase, host_loopback_opens_just_what_it_says);
	tcase_add_test(tcase, the_name_server_is_not_libslirps);
	tcase_add_test(tcase, tftp_never_reaches_libslirp);
	tcase_add_test(tcase, the_answer_of_a_forwarded_connection_passes);
	tcase_add_test(tcase, urgent_data_is_made_plain_and_the_checksum_mended);
	tcase_add_test(tcase, a_pointer_without_its_flag_is_cleared_too);
	tcase_add_test(tcase, no_ipv6_form_of_an_ipv4_address_leads_where_that_does_not);
	tcase_add_test(tcase, ipv6_forms_are_judged_as_the_ipv4_they_carry);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
