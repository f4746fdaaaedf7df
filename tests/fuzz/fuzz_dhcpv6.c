/* SPDX-License-Identifier: BSD-3-Clause */
#include <glib.h>

#include "base/checksum.h"
#include "dhcp/dhcpv6.h"
#include "harness.h"
#include "net/user_config.h"

/*
 * The input's first byte chooses the destination, the rest is a message; its headers are valid, so
 * that the message is parsed. Every answer must be a valid datagram.
 */
#define GATEWAY UINT64_C(0x52550a000202)
#define HEADERS (ETH_HEADER + 40 + 8)

static void put_headers(uint8_t *frame, bool multicast, const struct dhcpv6 *dhcpv6, size_t len)
{
	static const uint8_t all_agents[16] = {0xff, 0x02, [13] = 1, [15] = 2};
	static const uint8_t guest[16] = {0xfe, 0x80, [8] = 0x50, [15] = 0x56};
	uint8_t *ip = frame + ETH_HEADER, *udp = ip + 40;
	uint16_t udp_len = (uint16_t)(8 + len), sum;

	memset(frame, 0, HEADERS);
	mac_write(frame, GATEWAY);
	mac_write(frame + MAC_LEN, 0x525400123456);
	packet_put16(frame + 12, ETHERTYPE_V6);
	ip[0] = 0x60;
	packet_put16(ip + 4, udp_len);
	ip[6] = IPPROTO_UDP;
	ip[7] = 1;
	memcpy(ip + 8, guest, 16);
	memcpy(ip + 24, multicast ? all_agents : (const uint8_t *)&dhcpv6->link_local, 16);
	packet_put16(udp, DHCPV6_CLIENT_PORT);
	packet_put16(udp + 2, DHCPV6_SERVER_PORT);
	packet_put16(udp + 4, udp_len);
	sum = csum_fold(
		csum_add(csum_pseudo6(ip + 8, ip + 24, IPPROTO_UDP, udp_len), udp, udp_len));
	if (sum == 0)
		sum = 0xffff;
	memcpy(udp + 6, &sum, 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const search[] = {"lan", "example.org", NULL};
	static uint8_t frame[HEADERS + 2048], out[DHCPV6_FRAME_MAX];
	struct user_config config;
	struct dhcpv6 dhcpv6;
	struct packet packet;
	struct dhcpv6_outcome outcome;
	struct port port = {.id = 1};
	enum drop_reason why;
	struct frame f;
	size_t n;

	if (size < 1 || size > 2049)
		return 0;
	user_config_defaults(&config);
	g_assert_true(user_config_resolve(&config, NULL));
	config.domainname = "lan";
	config.dnssearch = search;
	dhcpv6_init(&dhcpv6, &config, GATEWAY);
	memcpy(frame + HEADERS, data + 1, size - 1);
	put_headers(frame, data[0] & 1, &dhcpv6, size - 1);
	f = (struct frame){frame, (uint32_t)(HEADERS + size - 1)};
	g_assert_true(packet_parse(&packet, &f, &why));
	g_assert_true(dhcpv6_is_for_us(&dhcpv6, &packet));
	n = dhcpv6_answer(&dhcpv6, &port, &packet, 1000, out, &outcome);
	g_assert_cmpuint(n, <=, DHCPV6_FRAME_MAX);
	if (n) {
		f = (struct frame){out, (uint32_t)n};
		g_assert_true(packet_parse(&packet, &f, &why));
		g_assert_cmpuint(packet.len, ==, n);
	}
	dhcpv6_clear(&dhcpv6);
	return 0;
}
