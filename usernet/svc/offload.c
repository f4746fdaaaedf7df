/* SPDX-License-Identifier: BSD-3-Clause */
#include "svc/offload.h"

#include <glib.h>

#include "base/checksum.h"
#include "svc/split.h"

#define TCP_HEADER      20
#define TCP_OPT_MSS     2   /* RFC 9293 3.2 */
#define TCP_DEFAULT_MSS 536 /* RFC 9293 3.7.1, when none is announced */
#define MERGE_BUFFER    (FRAME_PREFIX + ETH_HEADER + OFFLOAD_IF_MTU)

/*
 * One flow's segments, being merged. The first one stays where it is until a second follows it: a
 * lone segment is handed on without a copy.
 */
struct merge {
	void *owner; /* NULL: vacant */
	struct packet first;
	uint32_t next_seq;
	uint32_t n;    /* segments */
	uint32_t len;  /* of the merged frame */
	csum_t sum;    /* of the payload so far */
	uint64_t used; /* offload::clock when last touched */
	uint8_t *buffer;
};

struct offload {
	bool off;
	void (*deliver)(void *owner, const struct packet *packet);
	uint64_t clock;
	unsigned n_open;
	struct merge merges[OFFLOAD_MERGES];
};

struct offload *offload_new(bool off, void (*deliver)(void *owner, const struct packet *packet))
{
	struct offload *offload = g_new0(struct offload, 1);

	offload->off = off;
	offload->deliver = deliver;
	for (unsigned i = 0; i < OFFLOAD_MERGES; i++)
		offload->merges[i].buffer = g_malloc(MERGE_BUFFER);
	return offload;
}

void offload_free(struct offload *offload)
{
	for (unsigned i = 0; i < OFFLOAD_MERGES; i++)
		g_free(offload->merges[i].buffer);
	g_free(offload);
}

static uint32_t tcp_seq(const struct packet *p)
{
	return packet_u32(p->frame + p->l4 + 4);
}

static csum_t pseudo_sum(const struct packet *p, uint32_t len)
{
	if (p->v6)
		return csum_pseudo6(&p->src, &p->dst, IPPROTO_TCP, len);
	return csum_pseudo4(packet_v4(&p->src).s_addr, packet_v4(&p->dst).s_addr, IPPROTO_TCP,
			    (uint16_t)len);
}

/*
 * The sum of @p's payload, without reading it: pseudo-header, header and payload of a right segment
 * add up to zero. A wrong one makes the merged segment wrong, and the guest sends all of it again.
 */
static csum_t payload_sum(const struct packet *p)
{
	csum_t rest = csum_add(pseudo_sum(p, p->len - p->l4), p->frame + p->l4, TCP_HEADER);

	return csum_fold(rest);
}

/* Data and nothing else: no options, only ACK and PSH (RFC 9293 3.1), whole words but at the end.
 */
static bool mergeable(const struct packet *p)
{
	return p->proto == IPPROTO_TCP && !p->fragment &&
	       (p->tcp_flags & (uint8_t)~TCP_FLAG_PSH) == TCP_FLAG_ACK &&
	       p->payload - p->l4 == TCP_HEADER && p->len > p->payload &&
	       p->len <= ETH_HEADER + OFFLOAD_IF_MTU;
}

static bool same_flow(const struct packet *a, const struct packet *b)
{
	return a->sport == b->sport && a->dport == b->dport && a->v6 == b->v6 &&
	       IN6_ARE_ADDR_EQUAL(&a->src, &b->src) && IN6_ARE_ADDR_EQUAL(&a->dst, &b->dst);
}

/* Lengths and checksums of the merged frame, which has the first header and the last's ACK and
 * window. */
static void merge_finish(struct merge *m, struct packet *whole)
{
	uint8_t *frame = m->buffer + FRAME_PREFIX, *ip = frame + ETH_HEADER;
	uint8_t *tcp = frame + m->first.l4;
	uint32_t tcp_len = m->len - m->first.l4;
	uint16_t check;

	if (m->first.v6) {
		packet_put16(ip + 4, (uint16_t)tcp_len);
	} else {
		packet_put16(ip + 2, (uint16_t)(m->len - ETH_HEADER));
		memset(ip + 10, 0, 2);
		check = csum_fold(csum_add(0, ip, 20));
		memcpy(ip + 10, &check, 2);
	}
	memset(tcp + 16, 0, 2);
	check = csum_fold(csum_add(m->sum + pseudo_sum(&m->first, tcp_len), tcp, TCP_HEADER));
	memcpy(tcp + 16, &check, 2);
	*whole = m->first;
	whole->frame = frame;
	whole->len = m->len;
	whole->tcp_flags = tcp[13];
}

static void merge_deliver(struct offload *offload, struct merge *m)
{
	struct packet whole = m->first;
	void *owner = m->owner;

	if (!owner)
		return;
	m->owner = NULL;
	offload->n_open--;
	if (m->n > 1)
		merge_finish(m, &whole);
	offload->deliver(owner, &whole);
}

static void merge_begin(struct offload *offload, void *owner, const struct packet *p)
{
	struct merge *m = offload->merges;

	for (unsigned i = 1; i < OFFLOAD_MERGES && m->owner; i++) {
		struct merge *other = &offload->merges[i];

		if (!other->owner || other->used < m->used)
			m = other;
	}
	merge_deliver(offload, m);
	m->owner = owner;
	m->first = *p;
	m->next_seq = tcp_seq(p) + (p->len - p->payload);
	m->n = 1;
	m->len = p->len;
	m->used = offload->clock;
	offload->n_open++;
}

static bool merge_append(struct merge *m, const struct packet *p)
{
	uint8_t *tcp = m->buffer + FRAME_PREFIX + m->first.l4;
	uint32_t len = p->len - p->payload;

	if (tcp_seq(p) != m->next_seq || m->len + len > ETH_HEADER + OFFLOAD_IF_MTU ||
	    (m->len - m->first.payload) % 2 != 0)
		return false;
	if (m->n == 1) {
		memcpy(m->buffer + FRAME_PREFIX, m->first.frame, m->first.len);
		m->sum = payload_sum(&m->first);
	}
	m->sum += payload_sum(p);
	memcpy(m->buffer + FRAME_PREFIX + m->len, p->frame + p->payload, len);
	memcpy(tcp + 8, p->frame + p->l4 + 8, 4); /* acknowledgement */
	tcp[13] |= p->tcp_flags;
	memcpy(tcp + 14, p->frame + p->l4 + 14, 2); /* window */
	m->len += len;
	m->next_seq += len;
	m->n++;
	return true;
}

/* The MSS option of a SYN, or the default. */
static uint16_t announced_mss(const struct packet *p)
{
	const uint8_t *opt = p->frame + p->l4 + TCP_HEADER, *end = p->frame + p->payload;

	while (opt < end && *opt != 0) {
		if (*opt == 1) {
			opt++;
			continue;
		}
		if (end - opt < 2 || opt[1] < 2 || opt[1] > end - opt)
			break;
		if (opt[0] == TCP_OPT_MSS && opt[1] == 4)
			return MAX(packet_u16(opt + 2), 64);
		opt += opt[1];
	}
	return TCP_DEFAULT_MSS;
}

void offload_from_guest(struct offload *offload, void *owner, struct offload_guest *guest,
			const struct packet *packet)
{
	struct merge *m = NULL;

	if (packet->proto == IPPROTO_TCP && packet->tcp_flags & TCP_FLAG_SYN) {
		uint16_t mss = announced_mss(packet);

		guest->mss = guest->mss ? MIN(guest->mss, mss) : mss;
	}
	if (offload->off || (packet->proto != IPPROTO_TCP)) {
		offload->deliver(owner, packet);
		return;
	}
	offload->clock++;
	for (unsigned i = 0, seen = 0; seen < offload->n_open; i++) {
		if (!offload->merges[i].owner)
			continue;
		seen++;
		if (same_flow(&offload->merges[i].first, packet)) {
			m = &offload->merges[i];
			break;
		}
	}
	if (m && mergeable(packet) && merge_append(m, packet)) {
		m->used = offload->clock;
		return;
	}
	if (m) /* what came before it goes before it */
		merge_deliver(offload, m);
	if (mergeable(packet))
		merge_begin(offload, owner, packet);
	else
		offload->deliver(owner, packet);
}

void offload_flush(struct offload *offload)
{
	for (unsigned i = 0; offload->n_open > 0 && i < OFFLOAD_MERGES; i++)
		merge_deliver(offload, &offload->merges[i]);
}

void offload_forget(struct offload *offload, void *owner)
{
	for (unsigned i = 0; i < OFFLOAD_MERGES; i++) {
		if (offload->merges[i].owner == owner) {
			offload->merges[i].owner = NULL;
			offload->n_open--;
		}
	}
}

void offload_to_guest(struct offload *offload, const struct offload_guest *guest, unsigned mtu,
		      const uint8_t *frame, size_t len, struct outbox *outbox)
{
	struct frame whole = {frame, (uint32_t)len};
	struct packet packet;
	enum drop_reason why;
	uint8_t *room;

	/* A guest that announces a large MSS has a large MTU, told so or not. */
	if (guest->mss + 40u > mtu)
		mtu = MIN(guest->mss + 40u, 65535);
	if (len > ETH_HEADER + mtu || (guest->mss && len > guest->mss + 54u)) {
		if (!packet_parse(&packet, &whole, &why))
			return;
		split_packet(&packet, guest->mss, mtu, outbox);
		return;
	}
	room = outbox_reserve(outbox, len);
	if (!room)
		return;
	memcpy(room, frame, len);
	outbox_commit(outbox, len);
}
