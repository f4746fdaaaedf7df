/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet/first_fragment.h"

#define IP4_ID       (ETH_HEADER + 4)
#define IP4_FRAGMENT (ETH_HEADER + 6)
#define OFFSET_MASK  0x1fff /* RFC 791 3.1 */
#define TRANSPORT    8u     /* UDP's header; ICMP's header with identifier */

bool cut_fragments_is_first(const struct packet *packet, struct packet *first)
{
	const uint8_t *transport = packet->frame + packet->l4;

	if (packet->v6 || packet_u16(packet->frame + IP4_FRAGMENT) & OFFSET_MASK ||
	    packet->len < packet->l4 + TRANSPORT)
		return false;
	*first = *packet;
	first->fragment = false;
	if (packet->proto == IPPROTO_UDP) {
		first->sport = packet_u16(transport);
		first->dport = packet_u16(transport + 2);
	} else if (packet->proto == IPPROTO_ICMP) {
		first->dport = transport[0];
	} else {
		return false; /* libslirp's TCP segments fit its MTU (tcp_subr.c tcp_mss) */
	}
	first->payload = (uint16_t)(packet->l4 + TRANSPORT);
	return true;
}

void cut_fragments_add(struct cut_fragments *cut, const struct packet *first)
{
	unsigned at = cut->next++ % CUT_FRAGMENTS;

	cut->cut[at].src = first->src;
	cut->cut[at].dst = first->dst;
	cut->cut[at].id = packet_u16(first->frame + IP4_ID);
	cut->cut[at].proto = first->proto;
}

bool cut_fragments_has(const struct cut_fragments *cut, const struct packet *packet)
{
	uint16_t id = packet_u16(packet->frame + IP4_ID);

	for (unsigned i = 0; i < CUT_FRAGMENTS; i++) {
		if (cut->cut[i].proto == packet->proto && cut->cut[i].id == id &&
		    IN6_ARE_ADDR_EQUAL(&cut->cut[i].src, &packet->src) &&
		    IN6_ARE_ADDR_EQUAL(&cut->cut[i].dst, &packet->dst))
			return true;
	}
	return false;
}
