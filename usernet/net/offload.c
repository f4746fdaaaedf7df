/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/offload.h"

#include <netinet/in.h>

#include "base/checksum.h"
#include "net/dissect.h"

#define IP4_HEADER 20
#define IP6_HEADER 40
#define TCP_HEADER 20
#define UDP_HEADER 8

#define TCP_FIN 0x01
#define TCP_PSH 0x08
#define TCP_CWR 0x80

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static bool locate_v4(const struct frame *frame, struct offload_at *at)
{
	const uint8_t *ip = frame->data + at->l3;
	uint32_t rem = frame->len - at->l3, header, total;

	if (rem < IP4_HEADER || ip[0] >> 4 != 4)
		return false;
	header = (ip[0] & 0xfu) * 4;
	total = get16(ip + 2);
	if (header < IP4_HEADER || total < header || total > rem || (get16(ip + 6) & 0x3fff))
		return false;
	at->proto = ip[9];
	at->l4 = (uint16_t)(at->l3 + header);
	at->end = at->l3 + total;
	return true;
}

/* Hop-by-hop, routing and destination options (RFC 8200 4). */
static bool is_extension(uint8_t proto)
{
	return proto == IPPROTO_HOPOPTS || proto == IPPROTO_ROUTING || proto == IPPROTO_DSTOPTS;
}

static bool locate_v6(const struct frame *frame, struct offload_at *at)
{
	const uint8_t *ip = frame->data + at->l3;
	uint32_t rem = frame->len - at->l3, off = IP6_HEADER, total;

	if (rem < IP6_HEADER || ip[0] >> 4 != 6)
		return false;
	total = IP6_HEADER + (uint32_t)get16(ip + 4);
	if (total > rem)
		return false;
	at->proto = ip[6];
	while (is_extension(at->proto)) {
		if (off + 8 > total || off > OFFLOAD_HEADERS_MAX)
			return false;
		at->proto = ip[off];
		off += (ip[off + 1] + 1u) * 8;
	}
	if (off > total)
		return false;
	at->l4 = (uint16_t)(at->l3 + off);
	at->end = at->l3 + total;
	return true;
}

bool offload_locate(const struct frame *frame, struct offload_at *at)
{
	uint32_t off = 12, header;
	uint16_t type = get16(frame->data + off);

	for (int i = 0; i < DISSECT_MAX_TAGS && (type == ETHERTYPE_CTAG || type == ETHERTYPE_STAG);
	     i++) {
		off += 4;
		if (frame->len < off + 2)
			return false;
		type = get16(frame->data + off);
	}
	at->l3 = (uint16_t)(off + 2);
	at->v6 = type == ETHERTYPE_V6;
	if (type == ETHERTYPE_V4 ? !locate_v4(frame, at) : !at->v6 || !locate_v6(frame, at))
		return false;
	if (at->proto == IPPROTO_TCP) {
		if (at->end < at->l4 + (uint32_t)TCP_HEADER)
			return false;
		header = (frame->data[at->l4 + 12] >> 4) * 4u;
		if (header < TCP_HEADER)
			return false;
	} else if (at->proto == IPPROTO_UDP) {
		header = UDP_HEADER;
	} else {
		return false;
	}
	if (at->l4 + header > at->end || at->l4 + header > OFFLOAD_HEADERS_MAX)
		return false;
	at->payload = (uint16_t)(at->l4 + header);
	return true;
}

static bool is_cut(const struct frame *frame, const struct offload_at *at)
{
	return frame->segment && at->proto == IPPROTO_TCP && at->end - at->payload > frame->segment;
}

size_t offload_room(const struct frame *frame, const struct offload_at *at, size_t gap)
{
	size_t n = 1;

	if (is_cut(frame, at))
		n = (at->end - at->payload + frame->segment - 1) / frame->segment;
	return n * (gap + at->payload) + frame->len;
}

static csum_t pseudo(const uint8_t *data, const struct offload_at *at, uint32_t len)
{
	const uint8_t *ip = data + at->l3;
	uint32_t src, dst;

	if (at->v6)
		return csum_pseudo6(ip + 8, ip + 24, at->proto, len);
	memcpy(&src, ip + 12, 4);
	memcpy(&dst, ip + 16, 4);
	return csum_pseudo4(src, dst, at->proto, (uint16_t)len);
}

/* The header's checksum and, in IPv4, length and checksum. @sum: of the payload. */
static void seal(uint8_t *data, const struct offload_at *at, uint32_t len, csum_t sum)
{
	uint8_t *ip = data + at->l3, *l4 = data + at->l4;
	uint8_t *field = l4 + (at->proto == IPPROTO_TCP ? 16 : 6);
	uint16_t check;

	if (at->v6) {
		put16(ip + 4, at->l4 - at->l3 - IP6_HEADER + len);
	} else {
		put16(ip + 2, at->l4 - at->l3 + len);
		memset(ip + 10, 0, 2);
		check = csum_fold(csum_add(0, ip, (size_t)(at->l4 - at->l3)));
		memcpy(ip + 10, &check, 2);
	}
	memset(field, 0, 2);
	sum += csum_add(pseudo(data, at, len), l4, (size_t)(at->payload - at->l4));
	check = csum_fold(sum);
	/* 0 means that there is none (RFC 768). */
	if (at->proto == IPPROTO_UDP && !check)
		check = 0xffff;
	memcpy(field, &check, 2);
}

static size_t finish_whole(const struct frame *frame, const struct offload_at *at, uint8_t *data,
			   struct frame *out)
{
	csum_t sum;

	memcpy(data, frame->data, at->payload);
	sum = csum_copy(0, data + at->payload, frame->data + at->payload, at->end - at->payload);
	memcpy(data + at->end, frame->data + at->end, frame->len - at->end);
	if (frame->sum == FRAME_SUM_PARTIAL)
		seal(data, at, at->end - at->l4, sum);
	frame_set_prefix(data, frame->len);
	out[0] = (struct frame){data, frame->len, .sum = FRAME_SUM_MADE};
	return 1;
}

size_t offload_finish(const struct frame *frame, const struct offload_at *at, uint8_t *room,
		      size_t gap, struct frame *out)
{
	uint32_t off = at->payload, seq = get32(frame->data + at->l4 + 4);
	uint16_t ip_id = get16(frame->data + at->l3 + 4);
	size_t n = 0;

	if (!is_cut(frame, at))
		return finish_whole(frame, at, room + gap, out);
	while (off < at->end) {
		uint32_t len = at->end - off < frame->segment ? at->end - off : frame->segment;
		uint8_t *data = room + gap, *tcp = data + at->l4;
		csum_t sum;

		memcpy(data, frame->data, at->payload);
		sum = csum_copy(0, data + at->payload, frame->data + off, len);
		put32(tcp + 4, seq);
		if (off + len < at->end)
			tcp[13] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
		if (n)
			tcp[13] &= (uint8_t)~TCP_CWR;
		if (!at->v6)
			put16(data + at->l3 + 4, (uint32_t)ip_id + (uint32_t)n);
		seal(data, at, at->payload - at->l4 + len, sum);
		frame_set_prefix(data, at->payload + len);
		out[n++] = (struct frame){data, at->payload + len, .sum = FRAME_SUM_MADE};
		room = data + at->payload + len;
		off += len;
		seq += len;
	}
	return n;
}
