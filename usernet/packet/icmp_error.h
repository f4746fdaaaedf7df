/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_PACKET_ICMP_ERROR_H
#define USERNET_PACKET_ICMP_ERROR_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include "net/frame.h"

/*
 * ICMP error messages to guests (RFC 792, RFC 4443 3): unreachable, time exceeded, packet too big.
 * A message quotes the packet in error, as much as fits into 576 bytes in IPv4 (RFC 1812 4.3.2.3),
 * 1280 in IPv6 (RFC 4443 2.4 (c)).
 */
enum {
	ICMP_ERROR_UNREACHABLE = 3, /* RFC 792 */
	ICMP_ERROR_TIME_EXCEEDED = 11,
	ICMP_ERROR_CODE_PORT = 3,
	ICMP_ERROR_CODE_PROHIBITED = 13, /* RFC 1812 5.2.7.1 */
	ICMP_ERROR_CODE_TOO_BIG = 4,     /* fragmentation needed; info is the MTU (RFC 1191 4) */

	ICMP6_ERROR_UNREACHABLE = 1, /* RFC 4443 3.1-3.3 */
	ICMP6_ERROR_TOO_BIG = 2,     /* info is the MTU */
	ICMP6_ERROR_TIME_EXCEEDED = 3,
	ICMP6_ERROR_CODE_PROHIBITED = 1,
	ICMP6_ERROR_CODE_PORT = 4,
};

struct icmp_error {
	mac_t eth_src, eth_dst;
	struct in6_addr from, to; /* both v4-mapped, or both IPv6 */
	uint8_t type, code;
	uint32_t info; /* the MTU in bytes (IPv4: at most 65535), else 0 */
};

#define ICMP_ERROR_FRAME_MAX (ETH_HEADER + 1280)
/* The longest quote, from the IP header on. */
#define ICMP_ERROR_QUOTE_MAX4 (576 - 20 - 8)
#define ICMP_ERROR_QUOTE_MAX6 (1280 - 40 - 8)

/*
 * Writes the frame, at most ICMP_ERROR_FRAME_MAX bytes, and returns its length. @ip: the packet in
 * error, of @error's family, from its IP header on; @ip_len: the bytes of it available, which may
 * be fewer than its header says. The caller must not report errors about packets that RFC 1122
 * 3.2.2 excludes.
 */
size_t icmp_error_build(uint8_t *frame, const struct icmp_error *error, const uint8_t *ip,
			size_t ip_len);

#endif
