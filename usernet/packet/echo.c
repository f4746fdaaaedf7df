/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet/echo.h"

#include "base/checksum.h"

#define HOP_LIMIT 64

void echo_reply(const struct packet *request, mac_t mac, uint8_t *out)
{
	uint8_t *ip = out + ETH_HEADER, *icmp = out + request->l4;
	unsigned addresses = request->v6 ? 8 : 12, addr_len = request->v6 ? 16 : 4;
	uint16_t from, to, check;

	memcpy(out, request->frame, request->len);
	memcpy(out, request->frame + MAC_LEN, MAC_LEN);
	mac_write(out + MAC_LEN, mac);
	memcpy(ip + addresses, request->frame + ETH_HEADER + addresses + addr_len, addr_len);
	memcpy(ip + addresses + addr_len, request->frame + ETH_HEADER + addresses, addr_len);
	if (request->v6) {
		ip[7] = HOP_LIMIT;
	} else {
		ip[8] = HOP_LIMIT;
		memset(ip + 10, 0, 2);
		check = csum_fold(csum_add(0, ip, 20));
		memcpy(ip + 10, &check, 2);
	}
	/* Swapped addresses leave the checksum as it is; the new type changes it. */
	memcpy(&from, icmp, 2);
	icmp[0] = request->v6 ? 129 : 0;
	memcpy(&to, icmp, 2);
	csum_update16(icmp + 2, from, to);
}

bool echo_is_intact(const struct packet *packet)
{
	uint32_t len = packet->len - packet->l4;
	csum_t sum = packet->v6 ? csum_pseudo6(&packet->src, &packet->dst, IPPROTO_ICMPV6, len) : 0;

	return csum_fold(csum_add(sum, packet->frame + packet->l4, len)) == 0;
}

static void put_ip4(uint8_t *ip, const struct icmp_echo *echo, size_t len)
{
	struct in_addr src = address_v4(&echo->src), dst = address_v4(&echo->dst);
	static uint16_t id; /* RFC 6864 4: fragments need it */
	uint16_t check;

	memset(ip, 0, 20);
	ip[0] = 0x45;
	ip[1] = echo->tos;
	packet_put16(ip + 2, (uint16_t)(20 + len));
	packet_put16(ip + 4, id++);
	ip[8] = echo->ttl;
	ip[9] = IPPROTO_ICMP;
	memcpy(ip + 12, &src, 4);
	memcpy(ip + 16, &dst, 4);
	check = csum_fold(csum_add(0, ip, 20));
	memcpy(ip + 10, &check, 2);
}

static void put_ip6(uint8_t *ip, const struct icmp_echo *echo, size_t len)
{
	packet_put32(ip, UINT32_C(6) << 28 | (uint32_t)echo->tos << 20);
	packet_put16(ip + 4, (uint16_t)len);
	ip[6] = IPPROTO_ICMPV6;
	ip[7] = echo->ttl;
	memcpy(ip + 8, &echo->src, 16);
	memcpy(ip + 24, &echo->dst, 16);
}

void echo_put_reply(uint8_t *frame, const struct icmp_echo *echo, size_t len)
{
	bool v6 = !address_is_v4(&echo->dst);
	uint8_t *ip = frame + ETH_HEADER, *icmp = frame + echo_headers_len(v6);
	csum_t sum = 0;
	uint16_t check;

	mac_write(frame, echo->eth_dst);
	mac_write(frame + MAC_LEN, echo->eth_src);
	packet_put16(frame + 12, v6 ? ETHERTYPE_V6 : ETHERTYPE_V4);
	if (v6)
		put_ip6(ip, echo, len);
	else
		put_ip4(ip, echo, len);
	packet_put16(icmp + 2, 0);
	packet_put16(icmp + 4, echo->ident);
	if (v6)
		sum = csum_pseudo6(&echo->src, &echo->dst, IPPROTO_ICMPV6, (uint32_t)len);
	check = csum_fold(csum_add(sum, icmp, len));
	memcpy(icmp + 2, &check, 2);
}
