/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet/rewrite.h"

#include "base/checksum.h"

#define IP4_SUM    (ETH_HEADER + 10)
#define IP4_SRC    (ETH_HEADER + 12)
#define IP4_DST    (ETH_HEADER + 16)
#define IP6_SRC    (ETH_HEADER + 8)
#define IP6_DST    (ETH_HEADER + 24)
#define L4_4       (ETH_HEADER + 20)
#define L4_6       (ETH_HEADER + 40)
#define TCP_HEADER 20
#define TCP_SUM    16 /* offset of the checksum in the header */

/* Replaces @len bytes at @at and updates the checksums. */
static void replace(uint8_t *at, const void *with, size_t len, uint8_t *sum, uint8_t *ip_sum)
{
	for (size_t i = 0; i < len; i += 2) {
		uint16_t from, to;

		memcpy(&from, at + i, 2);
		memcpy(&to, (const uint8_t *)with + i, 2);
		csum_update16(sum, from, to);
		if (ip_sum)
			csum_update16(ip_sum, from, to);
	}
	memcpy(at, with, len);
}

static void rewrite(uint8_t *frame, size_t l4, size_t at4, size_t at6, const struct in6_addr *addr,
		    size_t port_at, uint16_t port)
{
	uint8_t *sum = frame + l4 + TCP_SUM, wire[2];

	packet_put16(wire, port);
	if (packet_u16(frame + 12) == ETHERTYPE_V6)
		replace(frame + at6, addr, 16, sum, NULL);
	else
		replace(frame + at4, &addr->s6_addr[12], 4, sum, frame + IP4_SUM);
	replace(frame + port_at, wire, 2, sum, NULL);
}

void rewrite_src(uint8_t *frame, size_t l4, const struct in6_addr *addr, uint16_t port)
{
	rewrite(frame, l4, IP4_SRC, IP6_SRC, addr, l4, port);
}

void rewrite_dst(uint8_t *frame, size_t l4, const struct in6_addr *addr, uint16_t port)
{
	rewrite(frame, l4, IP4_DST, IP6_DST, addr, l4 + 2, port);
}

size_t rewrite_find_tcp(const uint8_t *frame, size_t len)
{
	if (len < L4_4 + TCP_HEADER)
		return 0;
	switch (packet_u16(frame + 12)) {
	case ETHERTYPE_V4:
		return frame[ETH_HEADER + 9] == IPPROTO_TCP ? L4_4 : 0;
	case ETHERTYPE_V6:
		return len >= L4_6 + TCP_HEADER && frame[ETH_HEADER + 6] == IPPROTO_TCP ? L4_6 : 0;
	default:
		return 0;
	}
}
