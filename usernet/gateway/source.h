/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_GATEWAY_SOURCE_H
#define USERNET_GATEWAY_SOURCE_H

#include "packet/packet.h"

/*
 * Which source addresses a guest may use towards the NAT: an address of the LAN belongs to whoever
 * leased or claimed it (guest.h), one from elsewhere to the first who routes for it, while that
 * guest is there. So nobody's connections are taken over by using his address.
 */
struct conn_table;
struct ndp;
struct network;
struct served;
struct user_config;

struct source {
	struct network *network;
	const struct user_config *config;
	const struct ndp *ndp;
	const struct conn_table *conns;
	const struct served *served; /* the gateway's too */
	/* The last one found right: most packets of a turn have the same. */
	uint64_t turn;
	mac_t mac;
	struct in6_addr addr;
	bool v6; /* a v4-mapped address is right in IPv4 only */
};

/*
 * False: *@why is DROP_MALFORMED (nobody's address) or DROP_SPOOFED. A new address of the LAN is
 * noted in the guest table.
 */
bool source_allows(struct source *source, struct port *from, mac_t mac, const struct packet *packet,
		   enum drop_reason *why);

#endif
