/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_PACKET_ECHO_H
#define USERNET_PACKET_ECHO_H

#include "packet/packet.h"

/*
 * Echo requests and replies (RFC 792, RFC 4443 4). The gateway answers pings of its own addresses
 * with these; udp/ sends the others.
 */
static inline bool echo_is_request(const struct packet *p)
{
	return !p->fragment && ((p->proto == IPPROTO_ICMP && !p->v6 && ICMP_TYPE(p) == 8) ||
				(p->proto == IPPROTO_ICMPV6 && p->v6 && ICMP_TYPE(p) == 128));
}

/* Writes the reply to @request (an echo request) at @out, packet->len bytes, sent from @mac. */
void echo_reply(const struct packet *request, mac_t mac, uint8_t *out);

/* Is the checksum right? */
bool echo_is_intact(const struct packet *packet);

/* An echo reply from a host's socket, with the guest's addresses and identifier. */
struct icmp_echo {
	mac_t eth_src, eth_dst;
	struct in6_addr src, dst; /* both v4-mapped, or both IPv6 */
	uint16_t ident;
	uint8_t tos, ttl;
};

static inline size_t echo_headers_len(bool v6)
{
	return ETH_HEADER + (v6 ? 40 : 20);
}
/*
 * Writes the headers of a reply at @frame, echo_headers_len() bytes, in front of @len bytes (at
 * least 8) from the ICMP header on. Sets the identifier to @echo's and updates the checksum.
 */
void echo_put_reply(uint8_t *frame, const struct icmp_echo *echo, size_t len);

#endif
