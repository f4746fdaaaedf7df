/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_SLIRP_SHARDS_H
#define USERNET_SLIRP_SHARDS_H

#include <netinet/in.h>
#include <stdint.h>

#include "packet/packet.h"

/*
 * The instances of one guest address. libslirp walks all sockets of an instance whenever one of
 * them has something to say, so a guest with many gets several: a flow that opens goes to the one
 * that has fewest, and stays there.
 *
 *     TCP          struct conn remembers (flow::shard)
 *     UDP, pings   by the guest's port or identifier, so that one socket of the guest's is one of
 *                  the host's, whomever it speaks to
 *     the rest     to the first
 *
 * Most guests have one instance, and cost no more for this. Those added last go when they are idle.
 * What the guest may hold in all is nat_budget.h's.
 */
#define SHARD_FULL 64 /* descriptors: with so many in each, there is one more */
#define SHARDS_MAX 254

struct instance;
struct instance_env;

struct shards {
	struct instance_env *env;
	struct instance *all[SHARDS_MAX];
	unsigned n;     /* at least 1 */
	uint8_t *ports; /* by port or identifier: of all, + 1; 0: any. NULL while n is 1 */
};

void shards_init(struct shards *shards, struct instance_env *env, const struct in6_addr *addr);
/* Ends all connections. */
void shards_fini(struct shards *shards);
/* Lets go of the last ones that are idle; from time to time. */
void shards_trim(struct shards *shards);

/* The one for @packet, from the guest, which the gate has let pass just now. */
struct instance *shards_for(struct shards *shards, const struct packet *packet);
/* The one for a connection that is about to come in. */
struct instance *shards_for_client(struct shards *shards);

#endif
