/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DHCP_DHCPV6_H
#define USERNET_DHCP_DHCPV6_H

#include <netinet/in.h>
#include <stdbool.h>

#include "packet/packet.h"

/*
 * Stateless DHCPv6 (RFC 8415): name servers and search list for guests that do not read them in
 * router advertisements. A frame in, an answer frame out; there are no addresses to give, and
 * who asks for one is told so. No state but what the configuration says.
 */
struct user_config;

enum { DHCPV6_CLIENT_PORT = 546, DHCPV6_SERVER_PORT = 547 };

/* What an answer has at most: the smallest IPv6 MTU behind an ethernet header. */
#define DHCPV6_FRAME_MAX (ETH_HEADER + 1280)

struct dhcpv6 {
	const struct user_config *config; /* borrowed */
	mac_t mac;                        /* the gateway's */
	struct in6_addr link_local;       /* fe80::2, whence answers come */
};

/* @config is borrowed. */
void dhcpv6_init(struct dhcpv6 *dhcpv6, const struct user_config *config, mac_t gateway_mac);

/*
 * Is @packet for us: UDP to port 547 of ff02::1:2, ff05::1:3 or one of the gateway's addresses?
 * Whatever it then is, it is nobody else's.
 */
bool dhcpv6_is_for_us(const struct dhcpv6 *dhcpv6, const struct packet *packet);

/*
 * Writes the answer to @packet, which is for us, at most DHCPV6_FRAME_MAX bytes. Returns its
 * length. 0: there is none; *@why is what to count, DROP_N_REASONS when nothing is wrong with it.
 */
size_t dhcpv6_answer(const struct dhcpv6 *dhcpv6, const struct packet *packet, uint8_t *out,
		     enum drop_reason *why);

#endif
