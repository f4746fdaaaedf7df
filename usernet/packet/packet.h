/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_PACKET_PACKET_H
#define USERNET_PACKET_PACKET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "net/port.h"

/* Buffer size; larger IPv6 packets are dropped. */
#define PACKET_MAX (ETH_HEADER + 65535)

/*
 * The parsed view of one IP packet in a frame: every length in it has been checked against what is
 * there, so who holds a struct packet may use its offsets without asking again.
 */
struct packet {
	const uint8_t *frame; /* from the ethernet header on; borrowed */
	uint32_t len;         /* ethernet header and IP packet; padding behind it is cut off */
	bool v6;
	uint8_t proto; /* IPPROTO_TCP, _UDP, _ICMP, _ICMPV6; others as they are */
	/* IPv4: MF set or an offset. IPv6: behind a fragment header, where l4 points. There is no
	 * transport header then. */
	bool fragment;
	uint16_t l4;      /* offset of the transport header in the frame */
	uint16_t payload; /* offset of what it carries; = l4 where the protocol is not parsed */
	/* IPv4 addresses are v4-mapped (RFC 4291 2.5.5.2). */
	struct in6_addr src, dst;
	uint16_t sport, dport; /* TCP, UDP; host order. ICMP: type in dport */
	uint8_t tcp_flags;
};

#define IP6_FRAGMENT_HEADER 8 /* RFC 8200 4.5 */

#define ICMP_TYPE(p) ((uint8_t)(p)->dport)

enum {
	TCP_FLAG_FIN = 0x01,
	TCP_FLAG_SYN = 0x02,
	TCP_FLAG_RST = 0x04,
	TCP_FLAG_PSH = 0x08,
	TCP_FLAG_ACK = 0x10,
	TCP_FLAG_URG = 0x20,
};

/*
 * Parses an IPv4 or IPv6 frame. False: *@why tells (DROP_TRUNCATED, DROP_MALFORMED,
 * DROP_UNSUPPORTED for IPv4 options and IPv6 extension headers but a fragment's). Checksums are not
 * looked at.
 */
bool packet_parse(struct packet *packet, const struct frame *frame, enum drop_reason *why);

static inline uint16_t packet_u16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t packet_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* IPv4's type of service, or IPv6's traffic class. */
static inline uint8_t packet_tos(const struct packet *packet)
{
	const uint8_t *ip = packet->frame + ETH_HEADER;

	return packet->v6 ? (uint8_t)(packet_u16(ip) >> 4) : ip[1];
}

/* IPv4's time to live, or IPv6's hop limit. */
static inline uint8_t packet_hops(const struct packet *packet)
{
	return packet->frame[ETH_HEADER + (packet->v6 ? 7 : 8)];
}

/* These return where the next goes. */
static inline uint8_t *packet_put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return p + 2;
}

static inline uint8_t *packet_put32(uint8_t *p, uint32_t v)
{
	return packet_put16(packet_put16(p, (uint16_t)(v >> 16)), (uint16_t)v);
}

#endif
