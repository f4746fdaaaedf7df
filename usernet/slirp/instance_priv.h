/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_SLIRP_INSTANCE_PRIV_H
#define USERNET_SLIRP_INSTANCE_PRIV_H

#include <slirp/libslirp.h>

#include "conntrack/conn_table.h"
#include "net/network.h"
#include "slirp/instance.h"
#include "slirp/instance_door.h"
#include "slirp/nat_fds.h"
#include "tcp/offload.h"

/*
 * An instance's parts, for instance*.c: instance.c has its life and the packets to libslirp,
 * instance_slirp.c what libslirp calls and its descriptors,
 * instance_door.c how connections come in.
 */
struct instance {
	struct instance_env *env;
	Slirp *slirp;
	struct in6_addr addr; /* the guest's; v4-mapped */
	unsigned shard;       /* its place among its address's (shards.h) */
	bool v6;
	mac_t mac;               /* 0: not known yet */
	bool wants_mac;          /* libslirp has asked, we have not passed it on yet */
	usec_t unresolved_until; /* what it queued for want of the MAC expires then (if.c: 1 s) */
	struct offload_guest offload;
	struct nat_fdset fds;
	int opened;              /* the descriptor that libslirp opened last */
	struct in6_addr gateway; /* what libslirp calls itself in the guest's family */
	bool closing;            /* libslirp is being ended */
	bool polling;            /* what libslirp opens it has accepted */
	bool admitting;          /* instance_admit() runs */
	struct list doors;       /* heads door::link (instance_door.c) */
	unsigned n_doors;
	struct door *new_door; /* not yet seen in a fill; else NULL */
	struct knock knock;
	struct loop_timer knock_timer;
	struct nat_share *share; /* of the port its guest is at; NULL before there is one */
	struct loop_timer timer; /* when libslirp wants to be polled without an event */
	unsigned n_held;         /* times it was not, its guest taking nothing */
	struct list ready_link;  // instance_env::ready
	struct list dirty_link;  // instance_env::dirty
	struct list held_link;   // instance_env::held
};

/* In a turn that comes to instances_run() anyway, asking for it costs one more, for nothing. */
static inline void instance_wake(const struct instance *instance)
{
	if (!instance->env->serving)
		instance->env->ops->wake(instance->env->ops_data);
}

static inline void instance_set_ready(struct instance *instance)
{
	if (list_empty(&instance->ready_link))
		list_append(&instance->env->ready, &instance->ready_link);
	instance_wake(instance);
}

static inline void instance_set_dirty(struct instance *instance)
{
	if (list_empty(&instance->dirty_link))
		list_append(&instance->env->dirty, &instance->dirty_link);
	instance_wake(instance);
}

/* --- instance_slirp.c --- */

extern const SlirpCb instance_callbacks;

/* Asks libslirp what it waits for now, and tells the loop where that changed. */
void instance_fill(struct instance *instance);
/* slirp_pollfds_poll with what came since the fill. */
void instance_poll(struct instance *instance);
/* Sets libslirp's clock, once a turn. */
void instance_set_clock(struct instance *instance);
bool instance_within_budget(const struct instance *instance);
/* Of a new nat_fdset. */
void instance_init_fds(struct instance *instance);

/* --- instance_door.c --- */

/* Who opens the flow that begins with @packet, to the guest: a client that came in by @flow, or
 * with NULL nobody that we know. */
struct conn_origin instance_origin(const struct instance *instance, const struct inflow *flow);

#endif
