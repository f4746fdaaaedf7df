/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet/reassembly.h"

#include <glib.h>

#include "base/checksum.h"
#include "base/reserve.h"

#define IP4_HEADER   20
#define IP6_HEADER   40
#define DATAGRAM_MAX 65535 /* with the header; for IPv6 too, so that one buffer size fits both */

struct piece {
	uint16_t start, end;
};

/* A datagram being reassembled; payload is written at its final place. */
struct datagram {
	bool used;
	unsigned port_id;
	struct in6_addr src, dst;
	uint32_t id;
	bool v6;
	uint8_t proto;
	usec_t deadline;
	uint32_t total; /* payload length, known from the last fragment; 0 before */
	uint32_t have;  /* bytes received */
	unsigned n_pieces;
	struct piece pieces[REASSEMBLY_PIECES];
	uint8_t *frame; /* FRAME_PREFIX, ethernet and IP header, payload */
};

/* One fragment's place. */
struct part {
	uint32_t id;
	uint32_t start, end; /* offsets into the datagram's payload */
	bool more;
};

static uint32_t header_len(bool v6)
{
	return v6 ? IP6_HEADER : IP4_HEADER;
}

static struct part read_part(const struct packet *packet)
{
	const uint8_t *ip = packet->frame + ETH_HEADER;
	struct part part;
	uint16_t word;

	if (packet->v6) {
		const uint8_t *header = packet->frame + packet->l4 - IP6_FRAGMENT_HEADER;

		word = packet_u16(header + 2);
		part = (struct part){
			.id = packet_u32(header + 4), .start = word & 0xfff8, .more = word & 1};
	} else {
		word = packet_u16(ip + 6);
		part = (struct part){.id = packet_u16(ip + 4),
				     .start = (word & 0x1fff) * 8u,
				     .more = word & 0x2000};
	}
	part.end = part.start + packet->len - packet->l4;
	return part;
}

struct reassembly {
	struct datagram slots[REASSEMBLY_MAX];
	struct datagram *done; /* returned last; its slot is free at the next call */
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

/* The datagram of @packet, or a new one; NULL at a bound. */
static struct datagram *find(struct reassembly *r, const struct port *port,
			     const struct packet *packet, uint32_t id, usec_t now)
{
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
		if (d->id == id && d->proto == packet->proto && d->v6 == packet->v6 &&
		    IN6_ARE_ADDR_EQUAL(&d->src, &packet->src) &&
		    IN6_ARE_ADDR_EQUAL(&d->dst, &packet->dst))
			return d;
		held++;
	}
	if (!vacant || held >= REASSEMBLY_MAX_PER_PORT || reserve_is_low())
		return NULL;
	*vacant = (struct datagram){
		.used = true,
		.port_id = port->id,
		.src = packet->src,
		.dst = packet->dst,
		.id = id,
		.v6 = packet->v6,
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

	if (d->v6) {
		packet_put16(ip + 4, (uint16_t)d->total);
		ip[6] = d->proto;
	} else {
		packet_put16(ip + 2, (uint16_t)(IP4_HEADER + d->total));
		packet_put16(ip + 6, 0);
		memset(ip + 10, 0, 2);
		check = csum_fold(csum_add(0, ip, IP4_HEADER));
		memcpy(ip + 10, &check, 2);
	}
	whole->data = frame;
	whole->len = ETH_HEADER + header_len(d->v6) + d->total;
	frame_set_prefix(frame, whole->len);
}

bool reassembly_add(struct reassembly *reassembly, struct port *port, const struct packet *packet,
		    usec_t now, struct frame *whole)
{
	uint32_t header = header_len(packet->v6);
	struct part part = read_part(packet);
	uint32_t start = part.start, end = part.end, len = end - start;
	bool more = part.more;
	struct datagram *d;

	if (reassembly->done)
		datagram_end(reassembly->done);
	reassembly->done = NULL;

	if (len == 0 || (more && len % 8 != 0) || end > DATAGRAM_MAX - header) {
		port_drop(port, DROP_MALFORMED, 1);
		return false;
	}
	d = find(reassembly, port, packet, part.id, now);
	if (!d) {
		port_drop(port, reserve_is_low() ? DROP_MEMORY : DROP_FRAGMENT, 1);
		return false;
	}
	if (d->n_pieces == REASSEMBLY_PIECES || overlaps(d, start, end) ||
	    (d->total != 0 && (end > d->total || !more)) ||
	    (!more && d->n_pieces > 0 && d->have > end)) {
		datagram_end(d);
		port_drop(port, DROP_FRAGMENT, 1);
		return false;
	}
	if (start == 0) /* the datagram takes this header (RFC 791 3.2, RFC 8200 4.5) */
		memcpy(d->frame + FRAME_PREFIX, packet->frame, ETH_HEADER + header);
	memcpy(d->frame + FRAME_PREFIX + ETH_HEADER + header + start, packet->frame + packet->l4,
	       len);
	d->pieces[d->n_pieces++] = (struct piece){(uint16_t)start, (uint16_t)end};
	d->have += len;
	if (!more)
		d->total = end;
	/* Fragments do not overlap, so a count equal to the total means complete. */
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
