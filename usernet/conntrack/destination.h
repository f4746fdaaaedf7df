/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CONNTRACK_DESTINATION_H
#define USERNET_CONNTRACK_DESTINATION_H

#include <stdbool.h>
#include <stdint.h>

#include "packet/packet.h"

/*
 * What may reach libslirp. Guests are hostile and libslirp 4.7 is not fit to meet them: every
 * packet for it passes here first.
 *
 * - destination_allows(): addresses and ports. Nothing reaches the host's loopback but through the
 *   gateway address, as host-loopback= says; nothing the name server's address; nothing the IPv6
 *   form of such an IPv4 address (address_carried_v4); TFTP nobody unless
 *   it is served. No rule opens what is closed here; what is open may be closed by one
 * (conntrack.h).
 * - destination_urgent(): clears URG, which would make libslirp send its heap to the peer
 * (sosendoob).
 *
 * Fragments are put together before (reassembly.h); libslirp never sees one.
 */
struct user_config;

/* False: *@why is DROP_POLICY, DROP_MALFORMED or DROP_UNSUPPORTED. */
bool destination_allows(const struct user_config *config, const struct packet *packet,
			enum drop_reason *why);

/* Where a conn leads, as above. @dst: v4-mapped unless @v6; @port: 0 where there is none. */
bool destination_reaches(const struct user_config *config, bool v6, uint8_t proto,
			 const struct in6_addr *dst, uint16_t port);

static inline bool destination_has_urgent(const struct packet *p)
{
	return p->proto == IPPROTO_TCP &&
	       (p->tcp_flags & TCP_FLAG_URG || packet_u16(p->frame + p->l4 + 18) != 0);
}

/* Copies @packet's frame to @copy (at least its len) and makes the copy one without urgent data. */
void destination_urgent(struct packet *packet, uint8_t *copy);

#endif
