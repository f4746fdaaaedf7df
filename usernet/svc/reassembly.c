/* SPDX-License-Identifier: BSD-3-Clause */
#include "svc/reassembly.h"

#include <glib.h>

#include "base/checksum.h"

#define IP4_HEADER   20
#define DATAGRAM_MAX 65535

struct piece {
	uint16_t start, end;
};

/* One datagram in the making; its payload is written where it will stand. */
struct datagram {
	bool used;
	unsigned port_id;
	uint32_t src, dst;
	uint16_t id;
	uint8_t proto;
	usec_t deadline;
	uint32_t total; /* payload length, once the last fragment is here; 0 before */
	uint32_t have;  /* bytes */
	unsigned n_pieces;
	struct piece pieces[REASSEMBLY_PIECES];
	uint8_t *frame; /* FRAME_PREFIX, ethernet and IP header, payload */
};

struct reassembly {
	struct datagram slots[REASSEMBLY_MAX];
	struct datagram *done; /* handed out; its slot is free again at the next call */
};

struct reassembly *reassembly_new(void)
{
	return g_new0(struct reassembly, 1);
}

static void datagram_end(struct datagram *d)
{
	g_clear_pointer(&d->frame, g_free);
	d->used = false;
}

void reassembly_free(struct reassembly *reassembly)
{
	for (unsigned i = 0; i < REASSEMBLY_MAX; i++)
		datagram_end(&reassembly->slots[i]);
	g_free(reassembly);
}

/* The datagram that @packet is a part of, or a new one; NULL when the bounds forbid it. */
static struct datagram *find(struct reassembly *r, const struct port *port,
			     const struct packet *packet, usec_t now)
{
	const uint8_t *ip = packet->frame + ETH_HEADER;
	uint32_t src = packet_v4(&packet->src).s_addr, dst = packet_v4(&packet->dst).s_addr;
	uint16_t id = packet_u16(ip + 4);
	struct datagram *vacant = NULL;
	unsigned held = 0;

	for (struct datagram *d = r->slots; d < r->slots + REASSEMBLY_MAX; d++) {
		if (d->used && now >= d->deadline)
			datagram_end(d);
		if (!d->used) {
			vacant = d;
			continue;
		}
		if (d->port_id != port->id)
			continue;
		if (d->src == src && d->dst == dst && d->id == id && d->proto == packet->proto)
			return d;
		held++;
	}
	if (!vacant || held >= REASSEMBLY_MAX_PER_PORT)
		return NULL;
	*vacant = (struct datagram){
		.used = true,
		.port_id = port->id,
		.src = src,
		.dst = dst,
		.id = id,
		.proto = packet->proto,
		.deadline = now + REASSEMBLY_TIMEOUT,
		.frame = g_malloc(FRAME_PREFIX + ETH_HEADER + DATAGRAM_MAX),
	};
	return vacant;
}

static bool overlaps(const struct datagram *d, uint32_t start, uint32_t end)
{
	for (unsigned i = 0; i < d->n_pieces; i++) {
		if (start < d->pieces[i].end && d->pieces[i].start < end)
			return true;
	}
	return false;
}

static void finish(struct datagram *d, struct frame *whole)
{
	uint8_t *frame = d->frame + FRAME_PREFIX, *ip = frame + ETH_HEADER;
	uint16_t check;

	packet_put16(ip + 2, (uint16_t)(IP4_HEADER + d->total));
	packet_put16(ip + 6, 0);
	memset(ip + 10, 0, 2);
	check = csum_fold(csum_add(0, ip, IP4_HEADER));
	memcpy(ip + 10, &check, 2);
	whole->data = frame;
	whole->len = ETH_HEADER + IP4_HEADER + d->total;
	frame_set_prefix(frame, whole->len);
}

bool reassembly_add(struct reassembly *reassembly, struct port *port, const struct packet *packet,
		    usec_t now, struct frame *whole)
{
	const uint8_t *ip = packet->frame + ETH_HEADER;
	uint16_t flags = packet_u16(ip + 6);
	uint32_t start = (flags & 0x1fff) * 8u;
	uint32_t len = packet->len - packet->l4, end = start + len;
	bool more = flags & 0x2000;
	struct datagram *d;

	if (reassembly->done)
		datagram_end(reassembly->done);
	reassembly->done = NULL;

	if (len == 0 || (more && len % 8 != 0) || end > DATAGRAM_MAX - IP4_HEADER) {
		port_drop(port, DROP_MALFORMED, 1);
		return false;
	}
	d = find(reassembly, port, packet, now);
	if (!d) {
		port_drop(port, DROP_FRAGMENT, 1);
		return false;
	}
	if (d->n_pieces == REASSEMBLY_PIECES || overlaps(d, start, end) ||
	    (d->total != 0 && (end > d->total || !more)) ||
	    (!more && d->n_pieces > 0 && d->have > end)) {
		datagram_end(d);
		port_drop(port, DROP_FRAGMENT, 1);
		return false;
	}
	if (start == 0) /* its header becomes the datagram's (RFC 791 3.2) */
		memcpy(d->frame + FRAME_PREFIX, packet->frame, ETH_HEADER + IP4_HEADER);
	memcpy(d->frame + FRAME_PREFIX + ETH_HEADER + IP4_HEADER + start,
	       packet->frame + packet->l4, len);
	d->pieces[d->n_pieces++] = (struct piece){(uint16_t)start, (uint16_t)end};
	d->have += len;
	if (!more)
		d->total = end;
	/* Without overlaps, as many bytes as the total are all of them, if none lies behind it. */
	if (d->total == 0 || d->have < d->total)
		return false;
	for (unsigned i = 0; i < d->n_pieces; i++) {
		if (d->pieces[i].end > d->total) {
			datagram_end(d);
			port_drop(port, DROP_FRAGMENT, 1);
			return false;
		}
	}
	finish(d, whole);
	reassembly->done = d;
	return true;
}
