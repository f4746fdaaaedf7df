/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_POLICY_DENIALS_H
#define USERNET_POLICY_DENIALS_H

#include "net/network.h"

/*
 * Tells the network's observers about denied packets, and about what was allowed: at most one event
 * of either kind per port in DENIALS_INTERVAL.
 */
#define DENIALS_INTERVAL (1 * USEC_PER_SEC)

struct denials {
	struct network *network;
	GHashTable *ports; /* port id and kind -> struct told */
	uint64_t n;        /* denied packets in all */
};

void denials_init(struct denials *denials, struct network *network);
void denials_fini(struct denials *denials);
/*
 * A packet from @port was denied, or (@allowed) opened a conn: is an event due? If so, call
 * denials_tell().
 */
bool denials_due(struct denials *denials, const struct port *port, bool allowed);
/* Sends the event; sets denial::untold. */
void denials_tell(struct denials *denials, const struct port *port, mac_t mac, bool allowed,
		  struct network_denial denial);
void denials_forget_port(struct denials *denials, const struct port *port);

#endif
