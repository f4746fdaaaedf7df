/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet/echo.h"

#include "base/checksum.h"
#include "packet/ip_header.h"

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
		ip[7] = IP_HOP_LIMIT;
	} else {
		ip[8] = IP_HOP_LIMIT;
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

void echo_put_reply(uint8_t *frame, const struct icmp_echo *echo, size_t len)
{
	bool v6 = !address_is_v4(&echo->dst);
	uint8_t *ip = frame + ETH_HEADER, *icmp = frame + echo_headers_len(v6);
	const struct ip_header header = {
		.src = echo->src,
		.dst = echo->dst,
		.proto = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
		.tos = echo->tos,
		.hops = echo->ttl,
	};
	uint16_t check;
	csum_t sum;

	ip_header_put_ethernet(frame, echo->eth_dst, echo->eth_src, v6);
	sum = ip_header_put(ip, &header, len);
	packet_put16(icmp + 2, 0);
	packet_put16(icmp + 4, echo->ident);
	check = csum_fold(csum_add(sum, icmp, len));
	memcpy(icmp + 2, &check, 2);
}
