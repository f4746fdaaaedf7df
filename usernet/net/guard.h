/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_GUARD_H
#define USERNET_NET_GUARD_H

#include <netinet/in.h>
#include <stdbool.h>

#include "base/limit.h"
#include "net/dissect.h"
#include "net/port.h"
#include "net/station.h"

/*
 * Checks what a port may send. Frames of a trusted port are not checked. Of other ports,
 * guard_pass() checks each frame for which guard_must_see() is true or whose addresses (MAC or
 * source IP) differ from those of the frame before it:
 *   - The source MAC is a single, non-zero address; it is neither the gateway's nor reserved for a
 *     guest at another netdev.
 *   - A MAC stays with the active port that has it. A port that never sent from another MAC may
 *     take it over, unless it is reserved: this allows a replugged or migrated guest. Two guests
 *     with one MAC also pass, and are reported (moves.h).
 *   - DHCP and DHCPv6 server messages, router advertisements and redirects (ICMP and ICMPv6) come
 *     only from the gateway. On a network without a gateway they pass.
 *   - Where there is an uplink, gateways' announcements (gateway/other_gateway.h) come only from
 *     uplinks and the gateway.
 *   - ARP, neighbour discovery and source addresses do not claim an address of the gateway, one
 *     reserved for another guest, or one that a guest holds at another active port: the first
 *     claim counts (RFC 6620), a lease always.
 *   - The same holds after VLAN tags (two at most) and IPv6 extension headers (RFC 7113).
 *   - Flooded frames stay within the port's flood budget.
 * The guard also records in the guest table what ARP and neighbour discovery show of guests.
 */
struct guard;
struct network;

/*
 * A port is active while its link is up. It holds its addresses as long, if it has fewer guests
 * than GUEST_FEW or the address is leased or reserved. Otherwise the port leads to another switch,
 * and it holds an address while the MAC was seen within this time. guard=off lets a netdev's ports
 * take addresses that are not the gateway's, reserved or leased, for failover (VRRP).
 */
#define GUARD_HOLD STATION_AGE

#define GUARD_FLOOD_RATE                                                                           \
	((double)limit_get(LIMIT_FLOOD_RATE)) /* flooded frames per second and port */
#define GUARD_FLOOD_BURST ((double)limit_get(LIMIT_FLOOD_BURST)) /* burst */

/* Address conflicts are noted (troubles.h) at most this often per port. */
#define GUARD_CONFLICT_PAUSE (1 * USEC_PER_SEC)

struct guard *guard_new(struct network *network);
void guard_free(struct guard *guard);
/*
 * The gateway's MAC and addresses; the MAC is 0 without a gateway. Several addresses may be added.
 */
void guard_set_gateway_mac(struct guard *guard, mac_t mac);
/* DHCP of another gateway, or router advertisements, pass from uplinks to guests: ours is silent.
 */
void guard_set_yields(struct guard *guard, bool yields);
void guard_protect_v4(struct guard *guard, struct in_addr addr);
void guard_protect_v6(struct guard *guard, const struct in6_addr *addr);
/* Removes an address that guard_protect_v4() or guard_protect_v6() added. */
void guard_unprotect_v4(struct guard *guard, struct in_addr addr);
void guard_unprotect_v6(struct guard *guard, const struct in6_addr *addr);
/* Forgets MAC and addresses of the gateway: the user netdev was removed. */
void guard_clear_gateway(struct guard *guard);

/* vswitch_guard_fn; @data is the guard. @frame has at least FRAME_MIN bytes. */
bool guard_pass(void *data, struct port *from, const struct frame *frame);

/* How many of @n frames @from may flood now; charged to its budget. */
size_t guard_flood_budget(struct port *from, size_t n, usec_t now);

static inline uint16_t guard_load16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/*
 * False for the usual frame, for which checking the addresses is enough: TCP, most UDP, most ICMP.
 * When unsure true: guard_pass() then parses the frame. Inline, because it runs for every frame.
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
	/* Below 1536 it is a length (IEEE 802.3), and a SNAP header may follow. */
	return type == ETHERTYPE_ARP_ || type == ETHERTYPE_CTAG || type == ETHERTYPE_STAG ||
	       type == ETHERTYPE_GATEWAY || type < 1536;
}

#endif
