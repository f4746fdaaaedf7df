/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet/udp.h"

#include <glib.h>

#include "base/checksum.h"
#include "packet/segment.h"

#define HOP_LIMIT 64

void udp_send(struct outbox *outbox, const struct udp_address *address, const void *payload,
	      size_t len, unsigned mtu)
{
	static uint16_t id; /* RFC 6864 4: matters for what is fragmented */
	size_t l4 = ETH_HEADER + (address->v6 ? 40 : 20), total = l4 + 8 + len;
	bool whole = total <= ETH_HEADER + mtu;
	g_autofree uint8_t *large = NULL;
	uint8_t *frame, *ip, *udp;
	uint16_t check;
	csum_t sum;

	if (len > UDP_SEND_MAX)
		return;
	frame = whole ? outbox_reserve(outbox, total) : (large = g_malloc(total));
	if (!frame)
		return;
	mac_write(frame, address->eth_dst);
	mac_write(frame + MAC_LEN, address->eth_src);
	packet_put16(frame + 12, address->v6 ? ETHERTYPE_V6 : ETHERTYPE_V4);
	ip = frame + ETH_HEADER;
	udp = frame + l4;
	if (address->v6) {
		memset(ip, 0, 40);
		ip[0] = 0x60;
		packet_put16(ip + 4, (uint16_t)(8 + len));
		ip[6] = IPPROTO_UDP;
		ip[7] = HOP_LIMIT;
		memcpy(ip + 8, &address->src, 16);
		memcpy(ip + 24, &address->dst, 16);
		sum = csum_pseudo6(&address->src, &address->dst, IPPROTO_UDP, (uint32_t)(8 + len));
	} else {
		uint32_t src, dst;

		memcpy(&src, &address->src, 4);
		memcpy(&dst, &address->dst, 4);
		memset(ip, 0, 20);
		ip[0] = 0x45;
		packet_put16(ip + 2, (uint16_t)(28 + len));
		packet_put16(ip + 4, id++);
		ip[8] = HOP_LIMIT;
		ip[9] = IPPROTO_UDP;
		memcpy(ip + 12, &src, 4);
		memcpy(ip + 16, &dst, 4);
		check = csum_fold(csum_add(0, ip, 20));
		memcpy(ip + 10, &check, 2);
		sum = csum_pseudo4(src, dst, IPPROTO_UDP, (uint16_t)(8 + len));
	}
	packet_put16(udp, address->sport);
	packet_put16(udp + 2, address->dport);
	packet_put16(udp + 4, (uint16_t)(8 + len));
	memset(udp + 6, 0, 2);
	memcpy(udp + 8, payload, len);
	check = csum_fold(csum_add(sum, udp, 8 + len));
	if (check == 0)
		check = 0xffff; /* 0 means there is none (RFC 768) */
	memcpy(udp + 6, &check, 2);
	if (whole) {
		outbox_commit(outbox, total);
	} else {
		struct frame all = {frame, (uint32_t)total};
		struct packet packet;
		enum drop_reason why;

		if (packet_parse(&packet, &all, &why))
			segment_packet(&packet, 0, mtu, outbox);
	}
}
