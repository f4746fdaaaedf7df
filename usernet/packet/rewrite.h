/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_PACKET_REWRITE_H
#define USERNET_PACKET_REWRITE_H

#include "packet/packet.h"

/*
 * Changes address and port of a TCP segment in place and updates the checksums (RFC 1624). @l4:
 * offset of the TCP header, which is complete; IPv4 has no options. @addr: v4-mapped or IPv6, as
 * the frame.
 */
void rewrite_src(uint8_t *frame, size_t l4, const struct in6_addr *addr, uint16_t port);
void rewrite_dst(uint8_t *frame, size_t l4, const struct in6_addr *addr, uint16_t port);

/* Bytes that a rewrite may change: ethernet, IPv6 and TCP header up to its checksum. */
#define REWRITE_SPAN (ETH_HEADER + 40 + 18)

/*
 * Offset of the TCP header in a frame from libslirp, which uses no IPv4 options and no IPv6
 * extension headers; 0: not TCP, or incomplete.
 */
size_t rewrite_find_tcp(const uint8_t *frame, size_t len);

#endif
