/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CONNTRACK_DENIALS_H
#define USERNET_CONNTRACK_DENIALS_H

#include "net/network.h"

/*
 * Tells the network's observers about denied packets: at most one event per port in
 * DENIALS_INTERVAL.
 */
#define DENIALS_INTERVAL (1 * USEC_PER_SEC)

struct denials {
	struct network *network;
	GHashTable *ports; /* port id -> struct told, of ports with denied packets */
	uint64_t n;        /* denied packets in all */
};

void denials_init(struct denials *denials, struct network *network);
void denials_fini(struct denials *denials);
/* A packet from @port was denied; sets denial::untold. */
void denials_note(struct denials *denials, const struct port *port, mac_t mac,
		  struct network_denial denial);
void denials_forget_port(struct denials *denials, const struct port *port);

#endif
