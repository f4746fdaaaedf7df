/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_GATEWAY_GATEWAY_H
#define USERNET_GATEWAY_GATEWAY_H

#include <glib.h>
#include <stdbool.h>

#include "net/user_config.h"

/*
 * The `user` netdev: the one port that owns the gateway's and the name server's addresses. It
 * answers ARP, neighbour discovery, DHCP, DNS and TFTP, and passes the rest through conntrack to
 * tcp, udp or libslirp. Its frames for guests enter the switch as one batch a turn.
 */
struct network;
struct netdev;
struct backlog;
struct nat;
struct dhcp;
struct dns;
struct charge_book;
struct conntrack;
struct tcp;
struct udp_forwards;
struct guestfwds;

/*
 * Resolves a deep copy of @config and makes the port. A network has at most one.
 */
struct netdev *gateway_new(struct network *network, const struct user_config *config,
			   GError **error);

struct gateway;

/* NULL: @netdev is not a `user`. */
struct gateway *gateway_from_netdev(struct netdev *netdev);
/* The network's, or NULL. */
struct gateway *gateway_find(struct network *network);
const struct user_config *gateway_config(const struct gateway *gateway);
/* NULL unless offload=off; tcp exists always. */
struct nat *gateway_nat(struct gateway *gateway);
struct tcp *gateway_tcp(struct gateway *gateway);
struct charge_book *gateway_charges(struct gateway *gateway);
struct backlog *gateway_backlog(struct gateway *gateway);
struct udp_forwards *gateway_udp_forwards(struct gateway *gateway);
struct dhcp *gateway_dhcp(struct gateway *gateway);
struct guestfwds *gateway_guestfwds(struct gateway *gateway);
struct dns *gateway_dns(struct gateway *gateway);
struct conntrack *gateway_conntrack(struct gateway *gateway);
/*
 * Changes host-loopback= (TEXT as in the option) and host-addresses= while the network runs. Conns
 * that guests have opened are judged again (conntrack.h).
 */
bool gateway_set_loopback(struct gateway *gateway, const char *text, GError **error);
bool gateway_set_host_addresses(struct gateway *gateway, bool reachable, GError **error);
void gateway_set_isolated(struct gateway *gateway, bool isolated);

#endif
