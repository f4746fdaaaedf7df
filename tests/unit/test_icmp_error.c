/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet/icmp_error.h"

#include "packets.h"
#include "run_suite.h"

static uint8_t original[70000], frame[ICMP_ERROR_FRAME_MAX];
static uint8_t data[2000];

static struct icmp_error error_of(const struct ends *flow, const char *from, uint8_t type,
				  uint8_t code, uint32_t info)
{
	struct icmp_error error = {.eth_src = 0x52550a000202,
				   .eth_dst = 0x525400123456,
				   .type = type,
				   .code = code,
				   .info = info};

	if (flow->v6) {
		inet_pton(AF_INET6, from, &error.from);
		inet_pton(AF_INET6, flow->src, &error.to);
	} else {
		error.from = address_map4(inet_addr(from));
		error.to = address_map4(inet_addr(flow->src));
	}
	return error;
}

START_TEST(ipv4_quotes_what_576_bytes_hold)
{
	struct icmp_error error = error_of(&flow4, "198.51.100.7", ICMP_ERROR_UNREACHABLE,
					   ICMP_ERROR_CODE_TOO_BIG, 1300);
	size_t whole = put_udp(original, &flow4, data, sizeof(data)) - ETH_HEADER;
	size_t len = icmp_error_build(frame, &error, original + ETH_HEADER, whole);
	struct packet packet = parsed(frame, len);

	ck_assert_uint_eq(len, ETH_HEADER + 576);
	ck_assert(ip_right(frame));
	ck_assert(csum_fold(csum_add(0, frame + packet.l4, len - packet.l4)) == 0);
	ck_assert_uint_eq(packet.proto, IPPROTO_ICMP);
	ck_assert_uint_eq(frame[packet.l4], 3);
	ck_assert_uint_eq(frame[packet.l4 + 1], 4);
	ck_assert_uint_eq(packet_u32(frame + packet.l4 + 4), 1300);
	ck_assert(IN6_ARE_ADDR_EQUAL(&packet.src, &error.from));
	ck_assert(IN6_ARE_ADDR_EQUAL(&packet.dst, &error.to));
	ck_assert_mem_eq(frame + packet.payload, original + ETH_HEADER, 548);
}
END_TEST

START_TEST(ipv6_quotes_what_1280_bytes_hold)
{
	struct icmp_error error = error_of(&flow6, "2001:db8::7", ICMP6_ERROR_TIME_EXCEEDED, 0, 0);
	size_t whole = put_udp(original, &flow6, data, sizeof(data)) - ETH_HEADER;
	size_t len = icmp_error_build(frame, &error, original + ETH_HEADER, whole);
	struct packet packet = parsed(frame, len);

	ck_assert_uint_eq(len, ICMP_ERROR_FRAME_MAX);
	ck_assert(l4_right(frame, len, true, IPPROTO_ICMPV6));
	ck_assert_uint_eq(frame[packet.l4], 3);
	ck_assert_uint_eq(packet_u32(frame + packet.l4 + 4), 0);
	ck_assert_mem_eq(frame + packet.payload, original + ETH_HEADER, 1232);
}
END_TEST

START_TEST(short_packets_are_quoted_whole)
{
	const struct ends *flows[] = {&flow4, &flow6};

	for (unsigned i = 0; i < G_N_ELEMENTS(flows); i++) {
		struct icmp_error error =
			error_of(flows[i], flows[i]->dst, ICMP_ERROR_UNREACHABLE, 1, 0);
		/* An odd length, which the checksum must survive. */
		size_t whole = put_udp(original, flows[i], "odd", 3) - ETH_HEADER;
		size_t len = icmp_error_build(frame, &error, original + ETH_HEADER, whole);
		struct packet packet = parsed(frame, len);

		ck_assert_uint_eq(len - packet.payload, whole);
		ck_assert_mem_eq(frame + packet.payload, original + ETH_HEADER, whole);
		if (flows[i]->v6)
			ck_assert(l4_right(frame, len, true, IPPROTO_ICMPV6));
		else
			ck_assert(csum_fold(csum_add(0, frame + packet.l4, len - packet.l4)) == 0);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("icmp_error");
	TCase *tests = tcase_create("icmp_error");

	tcase_add_test(tests, ipv4_quotes_what_576_bytes_hold);
	tcase_add_test(tests, ipv6_quotes_what_1280_bytes_hold);
	tcase_add_test(tests, short_packets_are_quoted_whole);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
