/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <check.h>
#include <stdlib.h>

#include "base/checksum.h"
#include "net/user_config.h"
#include "packet/ndp.h"
#include "run_suite.h"

#define GUEST   UINT64_C(0x525400123401)
#define GATEWAY UINT64_C(0x52550a000202)
#define IP6     ETH_HEADER
#define ICMP    (ETH_HEADER + 40)

static struct user_config config;
static struct ndp ndp;
static uint8_t out[NDP_FRAME_MAX];

static struct in6_addr ip6(const char *text)
{
	struct in6_addr addr;

	ck_assert_int_eq(inet_pton(AF_INET6, text, &addr), 1);
	return addr;
}

static void assert_addr(const void *addr, const char *text)
{
	char is[INET6_ADDRSTRLEN];

	inet_ntop(AF_INET6, addr, is, sizeof is);
	ck_assert_str_eq(is, text);
}

static void setup(void)
{
	config = (struct user_config){
		.ipv6 = true,
		.net6 = ip6("fec0::"),
		.net6_len = 64,
		.host6 = ip6("fec0::2"),
		.dns6 = ip6("fec0::3"),
	};
	ndp_init(&ndp, &config, GATEWAY, NULL);
	memset(out, 0xee, sizeof out);
}

static void teardown(void)
{
}

static void mend_checksum(uint8_t *frame, size_t len)
{
	uint16_t n = (uint16_t)(len - ICMP), sum;

	frame[IP6 + 4] = (uint8_t)(n >> 8);
	frame[IP6 + 5] = (uint8_t)n;
	memset(frame + ICMP + 2, 0, 2);
	sum = csum_fold(
		csum_add(csum_pseudo6(frame + IP6 + 8, frame + IP6 + 24, 58, n), frame + ICMP, n));
	memcpy(frame + ICMP + 2, &sum, 2);
}

/* Parses the frame in @out, which checks its checksum and lengths. */
static struct ndp_message parsed(size_t len)
{
	struct frame frame = {out, (uint32_t)len};
	struct ndp_message msg;

	ck_assert_int_ge(ndp_parse(&frame, &msg), NDP_ROUTER_SOLICIT);
	return msg;
}

static enum ndp_kind kind_of(const uint8_t *data, size_t len)
{
	struct frame frame = {data, (uint32_t)len};
	struct ndp_message msg;

	return ndp_parse(&frame, &msg);
}

static size_t solicit(const char *src, const char *target)
{
	struct in6_addr from = ip6(src), to = ip6(target);

	return ndp_build_ns(out, GUEST, &from, &to);
}

static size_t router_solicit(const char *src, bool lladdr)
{
	struct in6_addr from = ip6(src), to = ip6("ff02::2");
	size_t len = ICMP + 8;

	memset(out, 0, sizeof out);
	mac_write(out, UINT64_C(0x333300000002));
	mac_write(out + 6, GUEST);
	out[12] = 0x86;
	out[13] = 0xdd;
	out[IP6] = 0x60;
	out[IP6 + 6] = 58;
	out[IP6 + 7] = 255;
	memcpy(out + IP6 + 8, &from, 16);
	memcpy(out + IP6 + 24, &to, 16);
	out[ICMP] = 133;
	if (lladdr) {
		out[len] = 1;
		out[len + 1] = 1;
		mac_write(out + len + 2, GUEST);
		len += 8;
	}
	mend_checksum(out, len);
	return len;
}

START_TEST(solicitation_goes_to_the_solicited_node_group)
{
	struct ndp_message msg = parsed(solicit("fec0::15", "fec0::12:3456"));

	ck_assert_int_eq(msg.kind, NDP_NEIGHBOUR_SOLICIT);
	ck_assert_uint_eq(msg.eth_dst, UINT64_C(0x3333ff123456));
	assert_addr(&msg.dst, "ff02::1:ff12:3456");
	assert_addr(&msg.src, "fec0::15");
	assert_addr(&msg.target, "fec0::12:3456");
	ck_assert(msg.has_lladdr);
	ck_assert_uint_eq(msg.lladdr, GUEST);
}
END_TEST

START_TEST(gateway_answers_for_its_four_addresses)
{
	static const char *const own[] = {"fec0::2", "fec0::3", "fe80::2", "fe80::3"};

	for (unsigned i = 0; i < 4; i++) {
		struct ndp_message msg = parsed(solicit("fec0::15", own[i]));
		size_t len = ndp_answer(&ndp, &msg, out);

		ck_assert_uint_eq(len, ICMP + 32);
		msg = parsed(len);
		ck_assert_int_eq(msg.kind, NDP_NEIGHBOUR_ADVERT);
		ck_assert_uint_eq(msg.eth_dst, GUEST);
		ck_assert_uint_eq(msg.eth_src, GATEWAY);
		ck_assert_uint_eq(msg.lladdr, GATEWAY);
		ck_assert(msg.router && msg.solicited && msg.override);
		assert_addr(&msg.target, own[i]);
		assert_addr(&msg.src, own[i]);
		assert_addr(&msg.dst, "fec0::15");
	}
}
END_TEST

START_TEST(gateway_is_silent_about_others)
{
	struct ndp_message msg = parsed(solicit("fec0::15", "fec0::16"));

	ck_assert_uint_eq(ndp_answer(&ndp, &msg, out), 0);
}
END_TEST

START_TEST(address_probe_is_answered_to_all)
{
	size_t len = solicit("::", "fec0::2");
	struct ndp_message msg;

	/* A probe must not carry a link-layer address. */
	ck_assert_int_eq(kind_of(out, len), NDP_BAD);
	mend_checksum(out, len - 8);
	msg = parsed(len - 8);
	len = ndp_answer(&ndp, &msg, out);
	msg = parsed(len);
	ck_assert_uint_eq(msg.eth_dst, UINT64_C(0x333300000001));
	assert_addr(&msg.dst, "ff02::1");
	ck_assert(!msg.solicited);
}
END_TEST

START_TEST(advertisement_for_a_guest_answers_a_solicitation)
{
	struct ndp_message msg = parsed(solicit("fe80::2", "fec0::15"));
	size_t len = ndp_build_na(out, &msg, GUEST + 1, false);

	msg = parsed(len);
	ck_assert_uint_eq(msg.lladdr, GUEST + 1);
	ck_assert(!msg.router && msg.solicited);
	assert_addr(&msg.target, "fec0::15");
}
END_TEST

START_TEST(router_solicitation_is_answered_to_the_asker)
{
	struct ndp_message msg = parsed(router_solicit("fe80::15", true));
	size_t len = ndp_answer(&ndp, &msg, out);

	msg = parsed(len);
	ck_assert_int_eq(msg.kind, NDP_ROUTER_ADVERT);
	ck_assert_uint_eq(msg.eth_dst, GUEST);
	ck_assert_uint_eq(msg.lladdr, GATEWAY);
	assert_addr(&msg.src, "fe80::2");
	assert_addr(&msg.dst, "fe80::15");
}
END_TEST

START_TEST(router_solicitation_without_address_is_answered_to_all)
{
	struct ndp_message msg = parsed(router_solicit("::", false));

	msg = parsed(ndp_answer(&ndp, &msg, out));
	ck_assert_uint_eq(msg.eth_dst, UINT64_C(0x333300000001));
	router_solicit("::", true);
	ck_assert_int_eq(kind_of(out, ICMP + 16), NDP_BAD);
}
END_TEST

/* The option's bytes in the advertisement in @out. */
static const uint8_t *option(size_t len, uint8_t type)
{
	for (size_t at = ICMP + 16; at < len; at += out[at + 1] * 8u)
		if (out[at] == type)
			return out + at;
	return NULL;
}

START_TEST(router_advertisement_says_prefix_and_name_server)
{
	size_t len;
	const uint8_t *p;

	config.net6 = ip6("fec0::dead"); /* host bits are not advertised */
	len = ndp_build_ra(&ndp, out);
	ck_assert_int_eq(parsed(len).kind, NDP_ROUTER_ADVERT);
	ck_assert_uint_eq(out[ICMP + 4], 64);
	ck_assert_uint_eq(out[ICMP + 5], 0x40); /* DHCPv6 for all but addresses */
	ck_assert_uint_eq(out[ICMP + 6] << 8 | out[ICMP + 7], NDP_ROUTER_LIFETIME);
	p = option(len, 3);
	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq(p[2], 64);
	ck_assert_uint_eq(p[3], 0xc0);
	assert_addr(p + 16, "fec0::");
	p = option(len, 25);
	ck_assert_ptr_nonnull(p);
	assert_addr(p + 8, "fec0::3");
	ck_assert_ptr_null(option(len, 5));
	ck_assert_ptr_null(option(len, 31));
}
END_TEST

START_TEST(router_advertisement_sends_guests_to_dhcpv6_for_addresses_where_configured)
{
	config.dhcp6_managed = true;
	ndp_build_ra(&ndp, out);
	ck_assert_uint_eq(out[ICMP + 5], 0xc0);
}
END_TEST

START_TEST(router_advertisement_says_mtu_and_search_list)
{
	static const char *const search[] = {"example.org", "LAN", NULL};
	static const char *const host[] = {"lan", "corp", NULL};
	static const uint8_t names[] = "\3lan\0\7example\3org\0\4corp";
	size_t len;
	const uint8_t *p;

	config.mtu = 1400;
	config.domainname = "lan";
	config.dnssearch = search;
	config.host_search = host;
	len = ndp_build_ra(&ndp, out);
	parsed(len);
	p = option(len, 5);
	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq(p[6] << 8 | p[7], 1400);
	p = option(len, 31);
	ck_assert_ptr_nonnull(p);
	ck_assert_mem_eq(p + 8, names, sizeof names);
	ck_assert_uint_eq(p[1], 4);
}
END_TEST

START_TEST(search_list_never_overflows_the_frame)
{
	static char name[200];
	const char *search[41] = {NULL};
	size_t len;

	for (unsigned i = 0; i < sizeof name - 1; i++)
		name[i] = i % 50 == 49 ? '.' : 'a';
	name[198] = 'a';
	for (unsigned i = 0; i < 40; i++)
		search[i] = name;
	config.dnssearch = search;
	config.mtu = 1500;
	len = ndp_build_ra(&ndp, out);
	ck_assert_uint_le(len, NDP_FRAME_MAX);
	ck_assert_uint_gt(len, 1000);
	parsed(len);
}
END_TEST

START_TEST(other_prefix_lengths_are_on_link_without_slaac)
{
	config.net6_len = 80;
	ck_assert_uint_eq(option(ndp_build_ra(&ndp, out), 3)[3], 0x80);
}
END_TEST

START_TEST(restricted_network_offers_a_name_server_and_no_route)
{
	size_t len;

	config.restricted = true;
	len = ndp_build_ra(&ndp, out);
	parsed(len);
	ck_assert_uint_eq(out[ICMP + 6] << 8 | out[ICMP + 7], 0);
	ck_assert_ptr_nonnull(option(len, 25));
	ck_assert_ptr_nonnull(option(len, 3));
}
END_TEST

START_TEST(every_truncation_is_refused)
{
	size_t len = solicit("fec0::15", "fec0::2");

	for (size_t n = 0; n < len; n++) {
		uint8_t *copy = malloc(n + !n);

		memcpy(copy, out, n);
		ck_assert_int_le(kind_of(copy, n), NDP_BAD);
		free(copy);
	}
	/* With lengths and checksum right for each shorter one. */
	for (size_t n = ICMP + 4; n < ICMP + 24; n++) {
		solicit("fec0::15", "fec0::2");
		mend_checksum(out, n);
		ck_assert_int_eq(kind_of(out, n), NDP_BAD);
	}
}
END_TEST

START_TEST(forged_messages_are_refused)
{
	/* hop limit, checksum, code, option length 0, option too long, multicast target */
	static const struct {
		unsigned at;
		uint8_t value;
		bool mend;
	} changes[] = {
		{IP6 + 7, 254, true},    {ICMP + 3, 0x55, false}, {ICMP + 1, 1, true},
		{ICMP + 25, 0, true},    {ICMP + 25, 2, true},    {ICMP + 8, 0xff, true},
		{ICMP + 26, 0x53, true}, {IP6 + 8, 0xff, true},
	};

	for (unsigned i = 0; i < sizeof changes / sizeof *changes; i++) {
		size_t len = solicit("fec0::15", "fec0::2");

		out[changes[i].at] = changes[i].value;
		if (changes[i].mend)
			mend_checksum(out, len);
		ck_assert_msg(kind_of(out, len) == NDP_BAD, "change %u passed", i);
	}
}
END_TEST

START_TEST(other_traffic_is_not_ours)
{
	size_t len = solicit("fec0::15", "fec0::2");

	out[ICMP] = 128; /* echo request */
	mend_checksum(out, len);
	ck_assert_int_eq(kind_of(out, len), NDP_NONE);
	out[ICMP] = 135;
	out[IP6 + 6] = IPPROTO_UDP;
	ck_assert_int_eq(kind_of(out, len), NDP_NONE);
	out[IP6 + 6] = 58;
	out[13] = 0xdc;
	ck_assert_int_eq(kind_of(out, len), NDP_NONE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ndp");
	TCase *tcase = tcase_create("ndp");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, solicitation_goes_to_the_solicited_node_group);
	tcase_add_test(tcase, gateway_answers_for_its_four_addresses);
	tcase_add_test(tcase, gateway_is_silent_about_others);
	tcase_add_test(tcase, address_probe_is_answered_to_all);
	tcase_add_test(tcase, advertisement_for_a_guest_answers_a_solicitation);
	tcase_add_test(tcase, router_solicitation_is_answered_to_the_asker);
	tcase_add_test(tcase, router_solicitation_without_address_is_answered_to_all);
	tcase_add_test(tcase, router_advertisement_says_prefix_and_name_server);
	tcase_add_test(tcase,
		       router_advertisement_sends_guests_to_dhcpv6_for_addresses_where_configured);
	tcase_add_test(tcase, router_advertisement_says_mtu_and_search_list);
	tcase_add_test(tcase, search_list_never_overflows_the_frame);
	tcase_add_test(tcase, other_prefix_lengths_are_on_link_without_slaac);
	tcase_add_test(tcase, restricted_network_offers_a_name_server_and_no_route);
	tcase_add_test(tcase, every_truncation_is_refused);
	tcase_add_test(tcase, forged_messages_are_refused);
	tcase_add_test(tcase, other_traffic_is_not_ours);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
