/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_PACKET_ECHO_H
#define USERNET_PACKET_ECHO_H

#include "packet/packet.h"

/*
 * Answers pings of the gateway's own addresses (RFC 792, RFC 4443 4.2). Pings of the world are the
 * NAT's.
 */
static inline bool echo_is_request(const struct packet *p)
{
	return !p->fragment && ((p->proto == IPPROTO_ICMP && !p->v6 && ICMP_TYPE(p) == 8) ||
				(p->proto == IPPROTO_ICMPV6 && p->v6 && ICMP_TYPE(p) == 128));
}

/* Writes the reply to @request (an echo request), packet->len bytes, at @out, from @mac. */
void echo_reply(const struct packet *request, mac_t mac, uint8_t *out);

#endif
