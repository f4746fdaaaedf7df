/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_PACKET_FIRST_FRAGMENT_H
#define USERNET_PACKET_FIRST_FRAGMENT_H

#include "packet/packet.h"

/*
 * libslirp sends IPv4 datagrams above its MTU in fragments (ip_output.c), the first one first;
 * those of several sockets may be mixed. Only the first has ports: it is judged, and the rest get
 * the same verdict.
 */
/* Datagrams with fragments outstanding: more than sockets mix in one turn. */
#define CUT_FRAGMENTS 32

struct cut_fragments {
	struct {
		struct in6_addr src, dst;
		uint16_t id;
		uint8_t proto; /* 0: unused */
	} cut[CUT_FRAGMENTS];
	unsigned next;
};

/* True for a first fragment: @first is the view of its datagram, with ports. */
bool cut_fragments_is_first(const struct packet *packet, struct packet *first);
/* Records a first fragment whose rest must not pass. */
void cut_fragments_add(struct cut_fragments *cut, const struct packet *first);
/* Is @packet, a later fragment, part of a recorded datagram? */
bool cut_fragments_has(const struct cut_fragments *cut, const struct packet *packet);

#endif
