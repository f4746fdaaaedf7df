/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_GUARD_H
#define USERNET_NET_GUARD_H

#include <netinet/in.h>
#include <stdbool.h>

#include "net/port.h"

/*
 * What a port may send. Every frame of an untrusted port passes guard_pass() before the switch
 * sees it:
 *   - the source MAC is a single, non-zero address, and not the gateway's;
 *   - DHCP server replies and IPv6 router advertisements come only from the gateway;
 *   - an ARP or neighbour advertisement claims neither the gateway's addresses nor one leased to another guest;
 *   - flooded frames stay in the port's flood budget.
 * What ARP, neighbour discovery and IP show of guests is noted in the guest table on the way.
 *
 * The common frame (IPv4 or IPv6 unicast, not to a watched port) costs a few compares.
 */
struct guard;
struct network;

#define GUARD_FLOOD_RATE 20000.0  /* flooded frames a second and port */
#define GUARD_FLOOD_BURST 40000.0 /* and at once */

struct guard *guard_new(struct network *network);
void guard_free(struct guard *guard);
/* The gateway's MAC and addresses; zero when there is none. Several addresses may be added. */
void guard_set_gateway_mac(struct guard *guard, mac_t mac);
void guard_protect_v4(struct guard *guard, struct in_addr addr);
void guard_protect_v6(struct guard *guard, const struct in6_addr *addr);
/* Forgets the three above: the user netdev went. */
void guard_clear_gateway(struct guard *guard);

/* vswitch_guard_fn; @data is the guard. */
bool guard_pass(void *data, struct port *from, const struct frame *frame);

#endif
