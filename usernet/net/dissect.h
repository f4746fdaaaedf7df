/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_DISSECT_H
#define USERNET_NET_DISSECT_H

#include <netinet/in.h>
#include <stdbool.h>

#include "net/frame.h"
#include "net/port.h"

/*
 * Parses a frame as far as the guard needs: does it claim an address, does it carry a server or
 * router message? Follows VLAN tags, SNAP and IPv6 extension headers, which can hide such messages
 * (RFC 7113; CVE-2021-27853, -27854). Never reads past the frame.
 */
enum {
	ETHERTYPE_CTAG = 0x8100, /* IEEE 802.1Q */
	ETHERTYPE_STAG = 0x88a8, /* IEEE 802.1ad */
	/* IEEE 802 local experimental ethertype 2: gateway/other_gateway.h */
	ETHERTYPE_GATEWAY = 0x88b6,

	PORT_DHCP_SERVER = 67, /* RFC 2131 4.1 */
	PORT_DHCP_CLIENT = 68,
	PORT_DHCPV6_CLIENT = 546, /* RFC 8415 7.2 */

	ICMP_REDIRECT_ = 5,      /* RFC 792 */
	ICMP_ROUTER_ADVERT_ = 9, /* RFC 1256 3 */

	ND_ROUTER_SOLICIT = 133, /* RFC 4861 4 */
	ND_ROUTER_ADVERT_ = 134,
	ND_NEIGHBOR_SOLICIT_ = 135,
	ND_NEIGHBOR_ADVERT_ = 136,
	ND_REDIRECT_ = 137,
	ND_FIRST = ND_ROUTER_SOLICIT,
	ND_LAST = ND_REDIRECT_,
};

#define DISSECT_MAX_TAGS       2 /* FRAME_MAX has room for this many */
#define DISSECT_MAX_EXTENSIONS 8

enum dissect_kind {
	DISSECT_NOTHING,   /* nothing for the guard to check */
	DISSECT_BAD,       /* why */
	DISSECT_CLIENT,    /* DHCP client: may send from an address that it lost */
	DISSECT_ARP,       /* mac, v4 */
	DISSECT_NEIGHBOUR, /* v6 */
	DISSECT_SERVER,    /* DHCP or DHCPv6 server, router advertisement, ICMP redirect */
	DISSECT_GATEWAY,   /* a gateway's announcement to others */
};

struct dissect {
	enum dissect_kind kind;
	enum drop_reason why;
	bool tagged;         /* the frame has a VLAN tag */
	mac_t mac;           /* ARP: the sender's hardware address */
	struct in_addr v4;   /* ARP: the sender's; 0 in a probe (RFC 5227 1.1) */
	struct in6_addr v6;  /* the address that the sender claims; :: when none */
	struct in6_addr src; /* source of the IP packet, IPv4 v4-mapped; "::": none */
};

/* @frame has at least FRAME_MIN bytes. */
struct dissect dissect_frame(const struct frame *frame);
/* Only dissect::src, of a frame without VLAN tag and SNAP. */
struct in6_addr dissect_source(const struct frame *frame);

#endif
