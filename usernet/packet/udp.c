/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet/udp.h"

#include <glib.h>

#include "net/outbox.h"
#include "packet/segment.h"

#define HOP_LIMIT 64

static csum_t put_ip6(uint8_t *ip, const struct udp_address *address, size_t len)
{
	packet_put32(ip, UINT32_C(6) << 28 | (uint32_t)address->tos << 20);
	packet_put16(ip + 4, (uint16_t)len);
	ip[6] = IPPROTO_UDP;
	ip[7] = HOP_LIMIT;
	memcpy(ip + 8, &address->src, 16);
	memcpy(ip + 24, &address->dst, 16);
	return csum_pseudo6(&address->src, &address->dst, IPPROTO_UDP, (uint32_t)len);
}

static csum_t put_ip4(uint8_t *ip, const struct udp_address *address, size_t len)
{
	static uint16_t id; /* RFC 6864 4: fragments need it */
	uint32_t src, dst;
	uint16_t check;

	memcpy(&src, &address->src, 4);
	memcpy(&dst, &address->dst, 4);
	ip[0] = 0x45;
	ip[1] = address->tos;
	packet_put16(ip + 2, (uint16_t)(20 + len));
	packet_put16(ip + 4, id++);
	packet_put16(ip + 6, 0);
	ip[8] = HOP_LIMIT;
	ip[9] = IPPROTO_UDP;
	packet_put16(ip + 10, 0);
	memcpy(ip + 12, &src, 4);
	memcpy(ip + 16, &dst, 4);
	check = csum_fold(csum_add(0, ip, 20));
	memcpy(ip + 10, &check, 2);
	return csum_pseudo4(src, dst, IPPROTO_UDP, (uint16_t)len);
}

void udp_put_headers(uint8_t *frame, const struct udp_address *address, size_t len, csum_t sum)
{
	uint8_t *ip = frame + ETH_HEADER, *udp = ip + (address->v6 ? 40 : 20);
	uint16_t check;

	mac_write(frame, address->eth_dst);
	mac_write(frame + MAC_LEN, address->eth_src);
	packet_put16(frame + 12, address->v6 ? ETHERTYPE_V6 : ETHERTYPE_V4);
	sum += address->v6 ? put_ip6(ip, address, 8 + len) : put_ip4(ip, address, 8 + len);
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
	size_t headers = udp_headers_len(address->v6), total = headers + len;
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
