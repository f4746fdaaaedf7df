/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet/echo.h"
#include "packets.h"
#include "run_suite.h"

static uint8_t frame[70000];

START_TEST(every_truncation_is_refused)
{
	const struct ends *flows[] = {&flow4, &flow6};
	static const uint8_t mss[4] = {2, 4, 5, 0xb4};

	for (unsigned i = 0; i < G_N_ELEMENTS(flows); i++) {
		size_t lens[3] = {
			put_tcp(frame, flows[i], 1, 2, TCP_FLAG_SYN, mss, 4, NULL, 0),
			put_udp(frame, flows[i], "hello", 5),
			put_echo(frame, flows[i], 12),
		};
		for (unsigned kind = 0; kind < 3; kind++) {
			if (kind == 0)
				put_tcp(frame, flows[i], 1, 2, TCP_FLAG_SYN, mss, 4, NULL, 0);
			else if (kind == 1)
				put_udp(frame, flows[i], "hello", 5);
			else
				put_echo(frame, flows[i], 12);
			for (size_t len = 0; len < lens[kind]; len++) {
				/*
				 * In a buffer of exactly that size, so that a sanitizer sees reads
				 * past it.
				 */
				uint8_t *cut = g_memdup2(frame, MAX(len, 1));
				struct frame f = {cut, (uint32_t)len};
				struct packet packet;
				enum drop_reason why = DROP_N_REASONS;

				ck_assert(!packet_parse(&packet, &f, &why));
				ck_assert_int_eq(why, DROP_TRUNCATED);
				g_free(cut);
			}
			parsed(frame, lens[kind]);
		}
	}
}
END_TEST

START_TEST(ethernet_padding_is_cut_off)
{
	size_t len = put_udp(frame, &flow4, "x", 1);

	ck_assert_uint_eq(parsed(frame, 60).len, len);
}
END_TEST

START_TEST(absurd_headers_are_malformed)
{
	static const struct {
		unsigned at;
		uint8_t value;
		enum drop_reason why;
	} spoil[] = {
		{ETH_HEADER, 0x44, DROP_MALFORMED},           /* IHL 4 */
		{ETH_HEADER, 0x46, DROP_UNSUPPORTED},         /* IP options */
		{ETH_HEADER, 0x65, DROP_MALFORMED},           /* version 6 in an IPv4 frame */
		{ETH_HEADER + 3, 19, DROP_MALFORMED},         /* total length below its header */
		{ETH_HEADER + 20 + 12, 0x40, DROP_MALFORMED}, /* TCP offset 4 */
		{ETH_HEADER + 20 + 12, 0xf0, DROP_TRUNCATED}, /* TCP offset past the end */
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(spoil); i++) {
		struct frame f = {frame, (uint32_t)put_tcp(frame, &flow4, 1, 2, TCP_FLAG_ACK, NULL,
							   0, "abc", 3)};
		struct packet packet;
		enum drop_reason why = DROP_N_REASONS;

		frame[spoil[i].at] = spoil[i].value;
		ck_assert(!packet_parse(&packet, &f, &why));
		ck_assert_int_eq(why, spoil[i].why);
	}
}
END_TEST

START_TEST(udp_length_must_fit)
{
	struct frame f = {frame, (uint32_t)put_udp(frame, &flow6, "abc", 3)};
	struct packet packet;
	enum drop_reason why;

	packet_put16(frame + ETH_HEADER + 40 + 4, 7);
	ck_assert(!packet_parse(&packet, &f, &why));
	ck_assert_int_eq(why, DROP_MALFORMED);
	packet_put16(frame + ETH_HEADER + 40 + 4, 12);
	ck_assert(!packet_parse(&packet, &f, &why));
	ck_assert_int_eq(why, DROP_TRUNCATED);
}
END_TEST

START_TEST(extension_headers_are_unsupported)
{
	struct frame f = {frame, (uint32_t)put_udp(frame, &flow6, "abc", 3)};
	struct packet packet;
	enum drop_reason why;

	frame[ETH_HEADER + 6] = IPPROTO_DSTOPTS;
	ck_assert(!packet_parse(&packet, &f, &why));
	ck_assert_int_eq(why, DROP_UNSUPPORTED);
}
END_TEST

START_TEST(an_ipv6_fragment_is_seen_as_one)
{
	struct frame f = {frame, (uint32_t)put_udp(frame, &flow6, "abc", 3)};
	struct packet packet;
	enum drop_reason why;

	frame[ETH_HEADER + 6] = IPPROTO_FRAGMENT;
	frame[ETH_HEADER + 40] = IPPROTO_UDP;
	ck_assert(packet_parse(&packet, &f, &why));
	ck_assert(packet.fragment);
	ck_assert_uint_eq(packet.proto, IPPROTO_UDP);
	ck_assert_uint_eq(packet.len - packet.l4, 3);
	packet_put16(frame + ETH_HEADER + 4, IP6_FRAGMENT_HEADER - 1);
	ck_assert(!packet_parse(&packet, &f, &why));
	ck_assert_int_eq(why, DROP_TRUNCATED);
}
END_TEST

START_TEST(a_ping_is_answered_with_its_data_and_a_right_checksum)
{
	const struct ends *flows[] = {&flow4, &flow6};
	static uint8_t reply[200];

	for (unsigned i = 0; i < G_N_ELEMENTS(flows); i++) {
		size_t len = put_echo(frame, flows[i], 12);
		struct packet request = parsed(frame, len), answer;

		ck_assert(echo_is_request(&request));
		ck_assert(echo_is_intact(&request));
		echo_reply(&request, UINT64_C(0x525500000002), reply);
		answer = parsed(reply, len);
		ck_assert(echo_is_intact(&answer));
		ck_assert(!echo_is_request(&answer));
		ck_assert(IN6_ARE_ADDR_EQUAL(&answer.dst, &request.src));
		ck_assert(IN6_ARE_ADDR_EQUAL(&answer.src, &request.dst));
		ck_assert_mem_eq(reply + len - 12, frame + len - 12, 12);
		frame[len - 1] ^= 1;
		ck_assert(!echo_is_intact(&request));
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("packet");
	TCase *tcase = tcase_create("packet");

	tcase_add_test(tcase, every_truncation_is_refused);
	tcase_add_test(tcase, ethernet_padding_is_cut_off);
	tcase_add_test(tcase, absurd_headers_are_malformed);
	tcase_add_test(tcase, udp_length_must_fit);
	tcase_add_test(tcase, extension_headers_are_unsupported);
	tcase_add_test(tcase, an_ipv6_fragment_is_seen_as_one);
	tcase_add_test(tcase, a_ping_is_answered_with_its_data_and_a_right_checksum);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
