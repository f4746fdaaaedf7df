/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_PACKET_REWRITE_H
#define USERNET_PACKET_REWRITE_H

#include "packet/packet.h"

/*
 * Another address and port in a TCP segment, in place. Checksums are updated, not made anew
 * (RFC 1624). @l4: where the TCP header is, which is all there; IPv4 comes without options. @addr:
 * v4-mapped or IPv6, as the frame is.
 */
void rewrite_src(uint8_t *frame, size_t l4, const struct in6_addr *addr, uint16_t port);
void rewrite_dst(uint8_t *frame, size_t l4, const struct in6_addr *addr, uint16_t port);

/* What a rewrite may change: ethernet, IPv6 and the TCP header up to its checksum. */
#define REWRITE_SPAN (ETH_HEADER + 40 + 18)

/*
 * Where the TCP header of a frame from libslirp is, which knows no IPv4 options and no IPv6
 * extension headers; 0: it is not TCP, or not whole.
 */
size_t rewrite_find_tcp(const uint8_t *frame, size_t len);

#endif
