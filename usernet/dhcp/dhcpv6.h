/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DHCP_DHCPV6_H
#define USERNET_DHCP_DHCPV6_H

#include <netinet/in.h>
#include <stdbool.h>

#include "dhcp/lease.h"
#include "dhcp/wire6.h"
#include "net/network.h"
#include "packet/packet.h"

/*
 * The DHCPv6 server (RFC 8415): name servers, search list and boot file for guests that do not read
 * them in router advertisements, and addresses (IA_NA) from the range dhcp6_start to dhcp6_end for
 * guests that want one, as UEFI does before it boots over IPv6. Temporary addresses and prefixes
 * are refused.
 *
 * Addresses are leases of a pool like DHCP's, keyed by their last 32 bits (lease.h says who gets
 * which). A client is known by its DUID and the association's IAID; its first address is derived
 * from these, so that it is the same after a restart. There is no journal: a client that renews an
 * unknown address gets it if nobody else has it.
 *
 *   life:  dhcpv6_init -> [dhcpv6_follow] -> dhcpv6_answer … -> dhcpv6_clear
 */
struct user_config;

enum { DHCPV6_CLIENT_PORT = 546, DHCPV6_SERVER_PORT = 547 };

/* The longest answer: the smallest IPv6 MTU and the ethernet header. */
#define DHCPV6_FRAME_MAX (ETH_HEADER + 1280)

struct dhcpv6 {
	const struct user_config *config; /* borrowed */
	mac_t mac;                        /* the gateway's */
	struct in6_addr link_local;       /* fe80::2, the source of answers */
	struct lease_pool *pool;          /* NULL: no addresses to give */
	struct network *network;          /* NULL: addresses in use are not checked */
	struct network_observer events;
};

/* @config is borrowed. */
void dhcpv6_init(struct dhcpv6 *dhcpv6, const struct user_config *config, mac_t gateway_mac);
/* From now on addresses that guests of @network use are not given. @network is borrowed. */
void dhcpv6_follow(struct dhcpv6 *dhcpv6, struct network *network);
void dhcpv6_clear(struct dhcpv6 *dhcpv6);

/*
 * Is @packet for this server: UDP to port 547 of ff02::1:2, ff05::1:3 or one of the gateway's
 * addresses? No one else handles it then.
 */
bool dhcpv6_is_for_us(const struct dhcpv6 *dhcpv6, const struct packet *packet);

/* The effect of a message. */
struct dhcpv6_outcome {
	enum drop_reason why; /* if there is no answer: what to count; DROP_N_REASONS: nothing */
	unsigned n_granted;
	struct in6_addr granted[DHCPV6_ASSOCIATIONS];
	unsigned n_ended; /* addresses released or declined */
	struct in6_addr ended[DHCPV6_ASSOCIATIONS];
	const char *refused; /* why an address was refused; NULL: none was */
};

/*
 * Writes the answer to @packet, for which dhcpv6_is_for_us() is true and which came from @from, at
 * most DHCPV6_FRAME_MAX bytes. Returns its length, 0 for no answer.
 */
size_t dhcpv6_answer(struct dhcpv6 *dhcpv6, const struct port *from, const struct packet *packet,
		     usec_t now, uint8_t *out, struct dhcpv6_outcome *outcome);

#endif
