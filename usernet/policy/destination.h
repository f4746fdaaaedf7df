/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_POLICY_DESTINATION_H
#define USERNET_POLICY_DESTINATION_H

#include <stdbool.h>
#include <stdint.h>

#include "packet/packet.h"

/*
 * Destinations that guests never reach, and urgent data. Every packet that opens a conn passes
 * here, and every one for libslirp: guests are hostile, and libslirp 4.7 is not safe against them.
 *
 * - destination_allows(): addresses and ports. The host's loopback is reachable only through the
 *   gateway address, as host-loopback= says; the name server's address not at all, nor the IPv6
 *   form of such an IPv4 address (address_carried_v4); TFTP only if it is served. Rules cannot
 *   open what is closed here, only close more (conntrack.h).
 * - destination_urgent(): clears URG, because libslirp 4.7 mishandles it (sosendoob()).
 *
 * Fragments are reassembled before (reassembly.h); libslirp never sees one.
 */
struct user_config;

/* False: *@why is DROP_POLICY, DROP_MALFORMED or DROP_UNSUPPORTED. */
bool destination_allows(const struct user_config *config, const struct packet *packet,
			enum drop_reason *why);

/* May a conn lead there? @dst: v4-mapped unless @v6; @port: 0 where there is none. */
bool destination_reaches(const struct user_config *config, bool v6, uint8_t proto,
			 const struct in6_addr *dst, uint16_t port);

static inline bool destination_has_urgent(const struct packet *p)
{
	return p->proto == IPPROTO_TCP &&
	       (p->tcp_flags & TCP_FLAG_URG || packet_u16(p->frame + p->l4 + 18) != 0);
}

/* Copies @packet's frame to @copy (at least its len) and clears urgent data in the copy. */
void destination_urgent(struct packet *packet, uint8_t *copy);

#endif
