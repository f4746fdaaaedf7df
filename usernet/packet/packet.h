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
 * The parsed view of one IP packet in a frame. Every length in it is checked against the frame, so
 * its offsets may be used without further checks.
 */
struct packet {
	const uint8_t *frame; /* from the ethernet header on; borrowed */
	uint32_t len;         /* ethernet header and IP packet, without padding */
	bool v6;
	uint8_t proto; /* IPPROTO_TCP, _UDP, _ICMP, _ICMPV6 or any other */
	/*
	 * IPv4: MF or an offset is set. IPv6: there is a fragment header; l4 is after it. No
	 * transport header is parsed then.
	 */
	bool fragment;
	uint16_t l4;      /* offset of the transport header in the frame */
	uint16_t payload; /* offset of the payload; l4 if the protocol is not parsed */
	/* IPv4 addresses are v4-mapped (RFC 4291 2.5.5.2). */
	struct in6_addr src, dst;
	uint16_t sport, dport; /* TCP, UDP; host order. ICMP: dport is the type */
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
 * Parses an IPv4 or IPv6 frame. False: *@why says why (DROP_TRUNCATED, DROP_MALFORMED,
 * DROP_UNSUPPORTED for IPv4 options and IPv6 extension headers other than a fragment's). Checksums
 * are not verified.
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

/* These return the end of what they wrote. */
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
