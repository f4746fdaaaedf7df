/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_SLIRP_INSTANCE_H
#define USERNET_SLIRP_INSTANCE_H

#include "conntrack/charge.h"
#include "slirp/fds.h"
#include "slirp/nat.h"

/*
 * One Slirp for one guest address, with its sockets and timer. instance.c has its life and the
 * packets to libslirp, callbacks.c libslirp's callbacks and descriptors. nat.c keeps the set of
 * instances.
 */
typedef struct Slirp Slirp; /* libslirp.h */

/* Shared by the instances of a NAT. */
struct instance_env {
	struct nat_env nat;
	struct nat_fds *fds;
	uint64_t clock_turn; /* loop_turn() in which libslirp's clock was last set */
	bool serving;        /* instances_run() is still to come in this turn */
	struct list ready;   /* heads instance::ready_link: to be polled */
	struct list dirty;   /* heads instance::dirty_link: to be filled */
	struct list held;    /* heads instance::held_link: their guests' ports are congested */
};

struct instance {
	struct instance_env *env;
	Slirp *slirp;
	struct in6_addr addr; /* the guest's; v4-mapped or IPv6 */
	bool v6;
	mac_t mac;               /* the guest's; 0: it left */
	usec_t unresolved_until; /* libslirp keeps packets without a MAC until then (if.c) */
	uint16_t mss;            /* the smallest that the guest announced; 0: none yet */
	struct charge *charge;   /* of the guest's port; a reference */
	usec_t used;             /* when the guest's last packet came */
	usec_t gone;             /* when the guest left; 0: it is there */
	struct nat_fdset fds;
	struct sockaddr_any outgoing; /* libslirp keeps a pointer to it */
	bool closing;                 /* libslirp is closing down */
	struct loop_timer timer;      /* fires when libslirp wants a poll without an event */
	unsigned n_held;              /* polls skipped because the guest's port is congested */
	struct list link;             // nat::all
	struct list ready_link;       // instance_env::ready
	struct list dirty_link;       // instance_env::dirty
	struct list held_link;        // instance_env::held
};

void instance_env_init(struct instance_env *env, const struct nat_env *nat);
/* All instances must have been freed. */
void instance_env_fini(struct instance_env *env);

/* CHARGE_INSTANCES is taken from @charge; takes over a reference. */
struct instance *instance_new(struct instance_env *env, const struct in6_addr *addr, mac_t mac,
			      struct charge *charge);
/* Ends its connections. */
void instance_free(struct instance *instance);

/* The guest is at @mac, behind @charge's port; takes over a reference of @charge. */
void instance_move(struct instance *instance, mac_t mac, struct charge *charge);
/* Has it no connections or sessions? */
bool instance_is_idle(const struct instance *instance);
/* A packet from the guest. */
void instance_input(struct instance *instance, const struct packet *packet);
/* Sends @frame, from libslirp or in its name, to the guest, cut to its MTU. */
void instance_to_guest(struct instance *instance, const uint8_t *frame, size_t len);
/* Polls ready instances, fills changed ones. */
void instances_run(struct instance_env *env);
/* Polls held instances whose guests' ports have drained, this turn. */
void instances_look_again(struct instance_env *env);

void instance_foreach_flow(struct instance *instance,
			   void (*each)(void *data, const struct nat_flow *flow), void *data);

/* Deferring a task that runs later in this turn anyway would cost another turn. */
static inline void instance_wake(const struct instance *instance)
{
	if (!instance->env->serving)
		loop_task_defer(instance->env->nat.service);
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

/* --- callbacks.c --- */

/* Opens a Slirp with our callbacks. */
void instance_open_slirp(struct instance *instance, const struct user_config *config);
/* Asks libslirp what it waits for, and tells the loop the differences. */
void instance_fill(struct instance *instance);
/* slirp_pollfds_poll with the events since the fill. */
void instance_poll(struct instance *instance);
/* Sets libslirp's clock, at most once a turn. */
void instance_set_clock(struct instance *instance);
void instance_init_fds(struct instance *instance);

#endif
