/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_GATEWAY_SOURCE_H
#define USERNET_GATEWAY_SOURCE_H

#include "packet/packet.h"

/*
 * Checks the source addresses of guests' packets. A LAN address belongs to the guest that leased or
 * claimed it (guest.h); any other address to the first guest that routes for it, while that guest
 * is there. So no guest takes over another's connections by using its address.
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
	/* The last address accepted: most packets of a turn have the same. */
	uint64_t turn;
	mac_t mac;
	struct in6_addr addr;
	bool v6; /* a v4-mapped address is valid in IPv4 only */
};

/*
 * False: *@why is DROP_MALFORMED (an address that no guest may have) or DROP_SPOOFED. Records a new
 * LAN address in the guest table.
 */
bool source_allows(struct source *source, struct port *from, mac_t mac, const struct packet *packet,
		   enum drop_reason *why);

#endif
