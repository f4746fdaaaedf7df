/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_PACKET_FIRST_FRAGMENT_H
#define USERNET_PACKET_FIRST_FRAGMENT_H

#include "packet/packet.h"

/*
 * Datagrams from libslirp that are larger than its MTU come in fragments (ip_output.c), IPv4 alone,
 * the first one first, those of several sockets mixed. Only the first tells whose they are: it is
 * judged, and the rest goes where it went.
 */
/* Datagrams whose rest may still come: more than sockets mix in a turn. */
#define CUT_FRAGMENTS 32

struct cut_fragments {
	struct {
		struct in6_addr src, dst;
		uint16_t id;
		uint8_t proto; /* 0: none */
	} cut[CUT_FRAGMENTS];
	unsigned next;
};

/* @packet is a fragment. True: the first, and @first is the datagram that it begins. */
bool cut_fragments_is_first(const struct packet *packet, struct packet *first);
/* Of the first fragment: the rest is not to pass. */
void cut_fragments_add(struct cut_fragments *cut, const struct packet *first);
/* Is @packet, another fragment, of those? */
bool cut_fragments_has(const struct cut_fragments *cut, const struct packet *packet);

#endif
