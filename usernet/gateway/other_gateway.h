/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_GATEWAY_OTHER_GATEWAY_H
#define USERNET_GATEWAY_OTHER_GATEWAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "net/frame.h"
#include "net/guard.h"

/*
 * Two networks that each have a gateway may be joined by an uplink. Then one gateway serves DHCP:
 * the one that runs longer. Each gateway announces itself where there is an uplink, by a broadcast
 * frame of its own ethertype; one that hears an older gateway at an uplink yields: it answers
 * neither DHCP nor DHCPv6, and lets the uplinks' server messages pass to its guests. It serves
 * again when it has not heard the older one for OTHER_GATEWAY_LOST.
 *
 * Any guest could send such a frame, so at other ports it is reported, but nothing yields to it. On
 * a network with an uplink the guard drops it there: beyond the uplink it would be believed.
 *
 *     0  destination, broadcast      14  "usernet gateway", then the version, 1
 *     6  source, of this use alone   30  start, microseconds of wall time; 0: never yields
 *    12  ethertype                   38  identity, random      46  IPv4 address or 0
 */
struct network;
struct outbox;
struct port;
struct user_config;

#define OTHER_GATEWAY_ETHERTYPE ETHERTYPE_GATEWAY
#define OTHER_GATEWAY_FRAME     60
#define OTHER_GATEWAY_PERIOD    (10 * USEC_PER_SEC)
#define OTHER_GATEWAY_LOST      (35 * USEC_PER_SEC)

struct other_gateway {
	struct network *network;
	const struct user_config *config;
	struct outbox *outbox; /* the gateway's, like the next */
	struct loop_task *service;
	struct loop_timer timer;
	uint64_t start, id;
	mac_t mac;
	usec_t sent;  /* the last announcement; 0: none */
	bool yields;  /* to an older one */
	usec_t heard; /* when that was last heard */
};

/* What an announcement says. */
struct other_gateway_hello {
	uint64_t start, id;
	struct in_addr addr;
};

/* All must outlive it. @service flushes @outbox. */
void other_gateway_init(struct other_gateway *self, struct network *network,
			const struct user_config *config, struct outbox *outbox,
			struct loop_task *service);
void other_gateway_clear(struct other_gateway *self);
/* A port is an uplink now: announces the gateway. */
void other_gateway_uplink(struct other_gateway *self);
/* A frame of that ethertype; LOOP_SERVICE. */
void other_gateway_input(struct other_gateway *self, struct port *from, const struct frame *frame);
/* False: not such a frame. */
bool other_gateway_parse(const struct frame *frame, struct other_gateway_hello *hello);

#endif
