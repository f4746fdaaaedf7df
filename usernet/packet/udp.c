/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet/udp.h"

#include <glib.h>

#include "net/outbox.h"
#include "packet/ip_header.h"
#include "packet/segment.h"

void udp_put_headers(uint8_t *frame, const struct udp_address *address, size_t len, csum_t sum)
{
	bool v6 = udp_is_v6(address);
	uint8_t *ip = frame + ETH_HEADER, *udp = ip + ip_header_len(v6);
	const struct ip_header header = {
		.src = address->src,
		.dst = address->dst,
		.proto = IPPROTO_UDP,
		.tos = address->tos,
		.hops = IP_HOP_LIMIT,
		.whole = address->whole,
	};
	uint16_t check;

	ip_header_put_ethernet(frame, address->eth_dst, address->eth_src, v6);
	sum += ip_header_put(ip, &header, 8 + len);
	packet_put16(udp, address->sport);
	packet_put16(udp + 2, address->dport);
	packet_put16(udp + 4, (uint16_t)(8 + len));
	packet_put16(udp + 6, 0);
	check = csum_fold(csum_add(sum, udp, 8));
	if (check == 0)
		check = 0xffff; /* 0 would mean "no checksum" (RFC 768) */
	memcpy(udp + 6, &check, 2);
}

void udp_send(struct outbox *outbox, const struct udp_address *address, const void *payload,
	      size_t len, unsigned mtu)
{
	size_t headers = udp_headers_len(udp_is_v6(address)), total = headers + len;
	bool whole = total <= ETH_HEADER + mtu;
	g_autofree uint8_t *large = NULL;
	uint8_t *frame;

	if (len > UDP_SEND_MAX)
		return;
	frame = whole ? outbox_reserve(outbox, total) : (large = g_malloc(total));
	if (!frame)
		return;
	udp_put_headers(frame, address, len, csum_copy(0, frame + headers, payload, len));
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

bool udp_is_intact(const struct packet *packet)
{
	const uint8_t *udp = packet->frame + packet->l4;
	uint32_t len = packet->len - packet->l4;
	csum_t sum;

	if (!packet_u16(udp + 6))
		return !packet->v6;
	sum = packet->v6
		      ? csum_pseudo6(&packet->src, &packet->dst, IPPROTO_UDP, len)
		      : csum_pseudo4(address_v4(&packet->src).s_addr,
				     address_v4(&packet->dst).s_addr, IPPROTO_UDP, (uint16_t)len);
	return csum_fold(csum_add(sum, udp, len)) == 0;
}
