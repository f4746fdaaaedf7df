/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_PACKET_IP_HEADER_H
#define USERNET_PACKET_IP_HEADER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/address.h"
#include "base/checksum.h"
#include "net/frame.h"

/* IP headers of packets to guests, without options and extension headers (RFC 791, RFC 8200). */
#define IP_HOP_LIMIT 64

struct ip_header {
	struct in6_addr src, dst; /* both v4-mapped, or both IPv6 */
	uint8_t proto;
	uint8_t tos; /* IPv4 type of service, IPv6 traffic class */
	uint8_t hops;
	bool whole; /* IPv4: DF is set, and no identification is needed (RFC 6864 4.1) */
};

static inline size_t ip_header_len(bool v6)
{
	return v6 ? 40 : 20;
}

/* Writes the Ethernet header in front of it. */
void ip_header_put_ethernet(uint8_t *frame, mac_t eth_dst, mac_t eth_src, bool v6);
/*
 * Writes the header at @ip for the @len bytes behind it. Returns the sum of the pseudo header
 * (RFC 9293 3.1, RFC 8200 8.1); 0 for ICMP, which has none.
 */
csum_t ip_header_put(uint8_t *ip, const struct ip_header *header, size_t len);

#endif
