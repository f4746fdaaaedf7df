/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_GUARD_H
#define USERNET_NET_GUARD_H

#include <netinet/in.h>
#include <stdbool.h>

#include "net/dissect.h"
#include "net/port.h"
#include "net/station.h"

/*
 * What a port may send. Frames of a trusted port pass unseen; of the others guard_pass() sees each
 * that guard_must_see() or that differs in its addresses (MAC or source IP) from the one before it:
 *   - the source MAC is a single, non-zero address, and not the gateway's, nor one reserved for a
 *     guest at another netdev;
 *   - a MAC stays with the living port that has it. A port that never sent from another MAC may
 *     take it over, unless it is reserved: a guest that was replugged or migrated comes so. Two
 *     guests of one MAC come so too, and are told (moves.h);
 *   - DHCP and DHCPv6 server messages, router advertisements and redirects (ICMP and ICMPv6) come
 *     only from the gateway; on a network without one, a server sits behind some port, and they
 *     pass;
 *   - ARP, neighbour discovery and source addresses claim neither the gateway's addresses nor one
 *     reserved for another, nor one that a guest holds at another living port: first come (RFC
 *     6620), the lease always;
 *   - all this behind VLAN tags (two at most) and IPv6 extension headers too (RFC 7113);
 *   - flooded frames stay in the port's flood budget.
 * What ARP and neighbour discovery show of guests is noted in the guest table on the way.
 */
struct guard;
struct network;

/*
 * A port lives while its link is up. What it holds it holds as long, if it has fewer guests than
 * GUEST_FEW or the address is leased or reserved. Otherwise (another switch stands behind it)
 * an address is held while its MAC was heard within this time. guard=off of a netdev lets its ports
 * take what is neither the gateway's, reserved nor leased: for addresses that move on
 * failover (VRRP).
 */
#define GUARD_HOLD STATION_AGE

#define GUARD_FLOOD_RATE  20000.0 /* flooded frames a second and port */
#define GUARD_FLOOD_BURST 40000.0 /* and at once */

/* Conflicts of addresses are noted (troubles.h) so often at most for each port. */
#define GUARD_CONFLICT_PAUSE (1 * USEC_PER_SEC)

struct guard *guard_new(struct network *network);
void guard_free(struct guard *guard);
/* The gateway's MAC and addresses; zero when there is none. Several addresses may be added. */
void guard_set_gateway_mac(struct guard *guard, mac_t mac);
void guard_protect_v4(struct guard *guard, struct in_addr addr);
void guard_protect_v6(struct guard *guard, const struct in6_addr *addr);
/* No more, of those of a guard_protect. */
void guard_unprotect_v4(struct guard *guard, struct in_addr addr);
void guard_unprotect_v6(struct guard *guard, const struct in6_addr *addr);
/* Forgets the three above: the user netdev went. */
void guard_clear_gateway(struct guard *guard);

/* vswitch_guard_fn; @data is the guard. @frame has at least FRAME_MIN bytes. */
bool guard_pass(void *data, struct port *from, const struct frame *frame);

/* How many of @n frames @from may flood now; they are charged to it. */
size_t guard_flood_budget(struct port *from, size_t n, usec_t now);

static inline uint16_t guard_load16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/*
 * False for the common frame, of which the addresses say all: TCP, most UDP, most ICMP. In doubt
 * true, and dissect() looks closer. Inline, because it is all that most frames cost.
 */
static inline bool guard_must_see(const struct frame *frame)
{
	const uint8_t *ip = frame->data + ETH_HEADER;
	uint16_t type = frame_ethertype(frame);

	if (type == ETHERTYPE_V4) {
		uint16_t src, dst;

		if (frame->len < ETH_HEADER + 20)
			return true;
		if (ip[9] != IPPROTO_UDP && ip[9] != IPPROTO_ICMP)
			return false;
		if (frame->len < ETH_HEADER + 24 || ip[0] != 0x45)
			return true;
		if (ip[9] == IPPROTO_ICMP)
			return ip[20] == ICMP_REDIRECT_ || ip[20] == ICMP_ROUTER_ADVERT_;
		src = guard_load16(ip + 20);
		dst = guard_load16(ip + 22);
		return src == PORT_DHCP_SERVER || dst == PORT_DHCP_SERVER ||
		       dst == PORT_DHCP_CLIENT;
	}
	if (type == ETHERTYPE_V6) {
		if (frame->len < ETH_HEADER + 44)
			return true;
		switch (ip[6]) {
		case IPPROTO_TCP:
			return false;
		case IPPROTO_UDP:
			return guard_load16(ip + 42) == PORT_DHCPV6_CLIENT;
		case IPPROTO_ICMPV6:
			return ip[40] >= ND_FIRST && ip[40] <= ND_LAST;
		default:
			return true;
		}
	}
	/* Below 1536 it is a length (IEEE 802.3), and SNAP may say more. */
	return type == ETHERTYPE_ARP_ || type == ETHERTYPE_CTAG || type == ETHERTYPE_STAG ||
	       type < 1536;
}

#endif
