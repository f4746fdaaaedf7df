/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <check.h>
#include <stdlib.h>

#include "packet/arp.h"
#include "run_suite.h"

#define GUEST   UINT64_C(0x525400123401)
#define GATEWAY UINT64_C(0x52550a000202)

static struct in_addr ip(const char *text)
{
	return (struct in_addr){inet_addr(text)};
}

/* Who has 10.0.2.2? Tell 10.0.2.15 */
static const uint8_t request[] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0x54, 0x00, 0x12, 0x34, 0x01, 0x08, 0x06,
	0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x01, 0x52, 0x54, 0x00, 0x12, 0x34, 0x01,
	10,   0,    2,    15,   0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 10,   0,    2,    2,
};

START_TEST(request_is_read)
{
	struct frame frame = {request, sizeof request};
	struct arp arp;

	ck_assert(arp_parse(&frame, &arp));
	ck_assert_uint_eq(arp.op, ARP_OP_REQUEST);
	ck_assert_uint_eq(arp.eth_dst, MAC_BROADCAST);
	ck_assert_uint_eq(arp.eth_src, GUEST);
	ck_assert_uint_eq(arp.sender_mac, GUEST);
	ck_assert_uint_eq(arp.sender_ip.s_addr, ip("10.0.2.15").s_addr);
	ck_assert_uint_eq(arp.target_ip.s_addr, ip("10.0.2.2").s_addr);
}
END_TEST

START_TEST(request_built_is_the_very_bytes)
{
	uint8_t out[ARP_FRAME_LEN];

	ck_assert_uint_eq(arp_build_request(out, GUEST, ip("10.0.2.15"), ip("10.0.2.2")),
			  sizeof request);
	ck_assert_mem_eq(out, request, sizeof request);
}
END_TEST

START_TEST(reply_goes_to_the_asker_alone)
{
	struct frame frame = {request, sizeof request}, answer;
	struct arp arp, back;
	uint8_t out[ARP_FRAME_LEN];

	ck_assert(arp_parse(&frame, &arp));
	answer = (struct frame){out, (uint32_t)arp_build_reply(out, &arp, GATEWAY)};
	ck_assert(arp_parse(&answer, &back));
	ck_assert_uint_eq(back.op, ARP_OP_REPLY);
	ck_assert_uint_eq(back.eth_dst, GUEST);
	ck_assert_uint_eq(back.eth_src, GATEWAY);
	ck_assert_uint_eq(back.sender_mac, GATEWAY);
	ck_assert_uint_eq(back.sender_ip.s_addr, ip("10.0.2.2").s_addr);
	ck_assert_uint_eq(back.target_mac, GUEST);
	ck_assert_uint_eq(back.target_ip.s_addr, ip("10.0.2.15").s_addr);
}
END_TEST

START_TEST(every_truncation_is_refused)
{
	for (uint32_t len = 0; len < sizeof request; len++) {
		uint8_t *copy = malloc(len + !len); /* exact, for ASan to see a read too far */
		struct frame frame = {copy, len};
		struct arp arp;

		memcpy(copy, request, len);
		ck_assert(!arp_parse(&frame, &arp));
		free(copy);
	}
}
END_TEST

START_TEST(padding_behind_is_ignored)
{
	uint8_t padded[60] = {0};
	struct frame frame = {padded, sizeof padded};
	struct arp arp;

	memcpy(padded, request, sizeof request);
	ck_assert(arp_parse(&frame, &arp));
}
END_TEST

START_TEST(other_kinds_are_refused)
{
	/* ethertype, hardware, protocol, hlen, plen, op 0, RARP's op 3 */
	static const struct {
		unsigned at;
		uint8_t value;
	} changes[] = {{13, 0x00}, {15, 6}, {17, 1}, {18, 8}, {19, 16}, {21, 0}, {21, 3}, {20, 1}};

	for (unsigned i = 0; i < sizeof changes / sizeof *changes; i++) {
		uint8_t copy[sizeof request];
		struct frame frame = {copy, sizeof copy};
		struct arp arp;

		memcpy(copy, request, sizeof request);
		copy[changes[i].at] = changes[i].value;
		ck_assert_msg(!arp_parse(&frame, &arp), "byte %u = %u passed", changes[i].at,
			      changes[i].value);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("arp");
	TCase *tcase = tcase_create("arp");

	tcase_add_test(tcase, request_is_read);
	tcase_add_test(tcase, request_built_is_the_very_bytes);
	tcase_add_test(tcase, reply_goes_to_the_asker_alone);
	tcase_add_test(tcase, every_truncation_is_refused);
	tcase_add_test(tcase, padding_behind_is_ignored);
	tcase_add_test(tcase, other_kinds_are_refused);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
