/* SPDX-License-Identifier: BSD-3-Clause */
#include <glib.h>

#include "base/checksum.h"
#include "harness.h"
#include "net/dissect.h"
#include "net/user_config.h"
#include "packet/arp.h"
#include "packet/echo.h"
#include "packet/ndp.h"
#include "policy/destination.h"

/*
 * A guest's frame for everything that parses it: the guard, ARP, neighbour discovery, the
 * destination check. Answers must be valid. If the input's first byte is odd the ICMPv6 checksum is
 * corrected, so that the rest is parsed.
 */
#define GATEWAY UINT64_C(0x52550a000202)

static void mend_icmp6(uint8_t *frame, size_t len)
{
	uint8_t *ip = frame + ETH_HEADER, *icmp = ip + 40;
	size_t icmp_len;
	uint16_t sum;

	if (len < ETH_HEADER + 44 || packet_u16(frame + 12) != ETHERTYPE_V6 ||
	    ip[6] != IPPROTO_ICMPV6)
		return;
	icmp_len = packet_u16(ip + 4);
	if (icmp_len < 4 || icmp_len > len - ETH_HEADER - 40)
		return;
	memset(icmp + 2, 0, 2);
	sum = csum_fold(csum_add(csum_pseudo6(ip + 8, ip + 24, IPPROTO_ICMPV6, (uint32_t)icmp_len),
				 icmp, icmp_len));
	memcpy(icmp + 2, &sum, 2);
}

static void check_guard(const struct frame *frame)
{
	struct dissect d = dissect_frame(frame);

	g_assert_cmpint(d.kind, <=, DISSECT_GATEWAY);
	if (d.kind == DISSECT_BAD)
		g_assert_cmpint(d.why, <, DROP_N_REASONS);
}

static void check_arp(const struct frame *frame)
{
	uint8_t out[ARP_FRAME_LEN];
	struct frame answer = {out, ARP_FRAME_LEN};
	struct arp arp, back;

	if (!arp_parse(frame, &arp))
		return;
	arp_build_reply(out, &arp, GATEWAY);
	g_assert_true(arp_parse(&answer, &back));
	g_assert_cmpuint(back.op, ==, ARP_OP_REPLY);
	g_assert_cmpuint(back.target_mac, ==, arp.sender_mac);
	g_assert_cmpuint(back.sender_ip.s_addr, ==, arp.target_ip.s_addr);
}

static void check_ndp(const struct user_config *config, const struct frame *frame)
{
	uint8_t out[NDP_FRAME_MAX];
	struct ndp_message msg, back;
	struct ndp ndp;
	size_t n;

	ndp_init(&ndp, config, GATEWAY, NULL);
	if (ndp_parse(frame, &msg) <= NDP_BAD)
		return;
	n = ndp_answer(&ndp, &msg, out);
	g_assert_cmpuint(n, <=, NDP_FRAME_MAX);
	if (n) {
		struct frame answer = {out, (uint32_t)n};

		g_assert_cmpint(ndp_parse(&answer, &back), >, NDP_BAD);
	}
	if (msg.kind == NDP_NEIGHBOUR_SOLICIT) {
		struct frame answer = {out, (uint32_t)ndp_build_na(out, &msg, GATEWAY, true)};

		g_assert_cmpint(ndp_parse(&answer, &back), ==, NDP_NEIGHBOUR_ADVERT);
	}
}

static void check_echo(const struct packet *packet)
{
	g_autofree uint8_t *out = g_malloc(packet->len);
	struct frame frame = {out, packet->len};
	struct packet reply;
	enum drop_reason why;

	if (!echo_is_request(packet))
		return;
	echo_reply(packet, GATEWAY, out);
	g_assert_true(packet_parse(&reply, &frame, &why));
	g_assert_true(IN6_ARE_ADDR_EQUAL(&reply.dst, &packet->src));
	g_assert_true(IN6_ARE_ADDR_EQUAL(&reply.src, &packet->dst));
}

static void check_packet(const struct user_config *config, const struct frame *frame)
{
	g_autofree uint8_t *copy = NULL;
	struct packet packet;
	enum drop_reason why = DROP_N_REASONS;

	if (!packet_parse(&packet, frame, &why)) {
		g_assert_cmpint(why, <, DROP_N_REASONS);
		return;
	}
	g_assert_cmpuint(packet.len, <=, frame->len);
	g_assert_cmpuint(packet.l4, <=, packet.payload);
	g_assert_cmpuint(packet.payload, <=, packet.len);
	if (packet.fragment)
		return;
	check_echo(&packet);
	if (!destination_allows(config, &packet, &why) || !destination_has_urgent(&packet))
		return;
	copy = g_malloc(packet.len);
	destination_urgent(&packet, copy);
	g_assert_true(packet.frame == copy && !destination_has_urgent(&packet));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree uint8_t *bytes = NULL;
	struct user_config config;
	struct frame frame;

	if (size < 1 + FRAME_MIN || size > 1 + FRAME_MAX)
		return 0;
	user_config_defaults(&config);
	g_assert_true(user_config_resolve(&config, NULL));
	/* In a buffer of its own, so that reads past its end are seen. */
	bytes = g_memdup2(data + 1, size - 1);
	if (data[0] & 1)
		mend_icmp6(bytes, size - 1);
	frame = (struct frame){bytes, (uint32_t)(size - 1)};
	check_guard(&frame);
	check_arp(&frame);
	check_ndp(&config, &frame);
	check_packet(&config, &frame);
	return 0;
}
