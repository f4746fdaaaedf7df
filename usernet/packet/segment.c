/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet/segment.h"

#include <glib.h>

#include "base/checksum.h"

static void copy_whole(const struct packet *p, struct outbox *outbox)
{
	uint8_t *room = outbox_reserve(outbox, p->len);

	if (!room)
		return;
	memcpy(room, p->frame, p->len);
	outbox_commit(outbox, p->len);
}

static void set_ip4(uint8_t *ip, uint32_t total, uint16_t id)
{
	uint16_t check;

	packet_put16(ip + 2, (uint16_t)total);
	packet_put16(ip + 4, id);
	memset(ip + 10, 0, 2);
	check = csum_fold(csum_add(0, ip, 20));
	memcpy(ip + 10, &check, 2);
}

/*
 * Each segment has the original's headers with its own length, sequence number and checksum; FIN
 * and PSH are in the last one only.
 */
static void split_tcp(const struct packet *p, uint32_t mss, struct outbox *outbox)
{
	uint32_t headers = p->payload, tcp_header = (uint32_t)p->payload - p->l4;
	uint32_t seq = packet_u32(p->frame + p->l4 + 4);
	uint16_t id = packet_u16(p->frame + ETH_HEADER + 4);

	for (uint32_t at = p->payload; at < p->len; at += mss) {
		uint32_t len = MIN(mss, p->len - at);
		uint8_t *frame = outbox_reserve(outbox, headers + len), *tcp;
		csum_t sum;
		uint16_t check;

		if (!frame)
			return;
		memcpy(frame, p->frame, headers);
		memcpy(frame + headers, p->frame + at, len);
		tcp = frame + p->l4;
		packet_put32(tcp + 4, seq);
		if (at + len < p->len)
			tcp[13] &= (uint8_t) ~(TCP_FLAG_FIN | TCP_FLAG_PSH);
		memset(tcp + 16, 0, 2);
		if (p->v6) {
			packet_put16(frame + ETH_HEADER + 4, (uint16_t)(tcp_header + len));
			sum = csum_pseudo6(&p->src, &p->dst, IPPROTO_TCP, tcp_header + len);
		} else {
			set_ip4(frame + ETH_HEADER, headers - ETH_HEADER + len, id++);
			sum = csum_pseudo4(address_v4(&p->src).s_addr, address_v4(&p->dst).s_addr,
					   IPPROTO_TCP, (uint16_t)(tcp_header + len));
		}
		check = csum_fold(csum_add(sum, tcp, tcp_header + len));
		memcpy(tcp + 16, &check, 2);
		outbox_commit(outbox, headers + len);
		seq += len;
	}
}

static void fragment_v4(const struct packet *p, unsigned mtu, struct outbox *outbox)
{
	uint32_t headers = p->l4, most = (mtu - 20) & ~7u;
	uint16_t id = packet_u16(p->frame + ETH_HEADER + 4);
	/* A fragment made by libslirp at its larger if_mtu is fragmented further. */
	uint16_t word = packet_u16(p->frame + ETH_HEADER + 6), first = word & 0x1fff;

	for (uint32_t at = headers; at < p->len; at += most) {
		uint32_t len = MIN(most, p->len - at);
		uint8_t *frame = outbox_reserve(outbox, headers + len);
		uint16_t more = at + len < p->len ? 0x2000 : word & 0x2000;

		if (!frame)
			return;
		memcpy(frame, p->frame, headers);
		memcpy(frame + headers, p->frame + at, len);
		packet_put16(frame + ETH_HEADER + 6,
			     (uint16_t)(more | (first + (at - headers) / 8)));
		set_ip4(frame + ETH_HEADER, 20 + len, id);
		outbox_commit(outbox, headers + len);
	}
}

static void fragment_v6(const struct packet *p, unsigned mtu, struct outbox *outbox)
{
	static uint32_t id; /* RFC 8200 4.5: must differ from recent ones between the two */
	uint32_t headers = p->l4, most = (mtu - 40 - IP6_FRAGMENT_HEADER) & ~7u;

	id++;
	for (uint32_t at = headers; at < p->len; at += most) {
		uint32_t len = MIN(most, p->len - at);
		uint8_t *frame = outbox_reserve(outbox, headers + IP6_FRAGMENT_HEADER + len);
		uint8_t *fragment;

		if (!frame)
			return;
		fragment = frame + headers;
		memcpy(frame, p->frame, headers);
		packet_put16(frame + ETH_HEADER + 4, (uint16_t)(IP6_FRAGMENT_HEADER + len));
		frame[ETH_HEADER + 6] = IPPROTO_FRAGMENT;
		fragment[0] = p->proto;
		fragment[1] = 0;
		packet_put16(fragment + 2, (uint16_t)((at - headers) | (at + len < p->len)));
		packet_put32(fragment + 4, id);
		memcpy(fragment + IP6_FRAGMENT_HEADER, p->frame + at, len);
		outbox_commit(outbox, headers + IP6_FRAGMENT_HEADER + len);
	}
}

void segment_packet(const struct packet *packet, unsigned mss, unsigned mtu, struct outbox *outbox)
{
	uint32_t room = mtu - (packet->payload - ETH_HEADER); /* for TCP payload */

	if (packet->proto == IPPROTO_TCP && !packet->fragment) {
		/* The MSS assumes a header without options (RFC 6691). */
		uint32_t options = (uint32_t)packet->payload - packet->l4 - 20;

		if (mss > options + 8 && mss - options < room)
			room = mss - options;
		if (packet->len - packet->payload > room) {
			split_tcp(packet, room, outbox);
			return;
		}
	} else if (packet->len > ETH_HEADER + mtu) {
		if (packet->v6)
			fragment_v6(packet, mtu, outbox);
		else
			fragment_v4(packet, mtu, outbox);
		return;
	}
	copy_whole(packet, outbox);
}
