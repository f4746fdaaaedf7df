/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet/ip_header.h"

#include <string.h>

#include "packet/packet.h"

#define DONT_FRAGMENT 0x4000

void ip_header_put_ethernet(uint8_t *frame, mac_t eth_dst, mac_t eth_src, bool v6)
{
	mac_write(frame, eth_dst);
	mac_write(frame + MAC_LEN, eth_src);
	packet_put16(frame + 12, v6 ? ETHERTYPE_V6 : ETHERTYPE_V4);
}

static csum_t put6(uint8_t *ip, const struct ip_header *header, size_t len)
{
	packet_put32(ip, UINT32_C(6) << 28 | (uint32_t)header->tos << 20);
	packet_put16(ip + 4, (uint16_t)len);
	ip[6] = header->proto;
	ip[7] = header->hops;
	memcpy(ip + 8, &header->src, 16);
	memcpy(ip + 24, &header->dst, 16);
	return csum_pseudo6(&header->src, &header->dst, header->proto, (uint32_t)len);
}

static csum_t put4(uint8_t *ip, const struct ip_header *header, size_t len)
{
	static uint16_t id; /* RFC 6864 4: fragments need it */
	struct in_addr src = address_v4(&header->src), dst = address_v4(&header->dst);
	uint16_t check;

	ip[0] = 0x45;
	ip[1] = header->tos;
	packet_put16(ip + 2, (uint16_t)(20 + len));
	packet_put16(ip + 4, header->whole ? 0 : id++);
	packet_put16(ip + 6, header->whole ? DONT_FRAGMENT : 0);
	ip[8] = header->hops;
	ip[9] = header->proto;
	packet_put16(ip + 10, 0);
	memcpy(ip + 12, &src, 4);
	memcpy(ip + 16, &dst, 4);
	check = csum_fold(csum_add(0, ip, 20));
	memcpy(ip + 10, &check, 2);
	return header->proto == IPPROTO_ICMP
		       ? 0
		       : csum_pseudo4(src.s_addr, dst.s_addr, header->proto, (uint16_t)len);
}

csum_t ip_header_put(uint8_t *ip, const struct ip_header *header, size_t len)
{
	return address_is_v4(&header->dst) ? put4(ip, header, len) : put6(ip, header, len);
}
