/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_SLIRP_INSTANCE_H
#define USERNET_SLIRP_INSTANCE_H

#include "conntrack/charge.h"
#include "slirp/fds.h"
#include "slirp/nat.h"

/*
 * One Slirp for one guest address, with its sockets and timer. instance.c has its life and the
 * packets to libslirp, callbacks.c what libslirp calls and its descriptors. Which instances there
 * are is nat.c's.
 */
typedef struct Slirp Slirp; /* libslirp.h */

/* What the instances of a NAT share. */
struct instance_env {
	struct nat_env nat;
	struct nat_fds *fds;
	uint64_t clock_turn; /* loop_turn() in which libslirp's clock was set */
	bool serving;        /* instances_run() comes in this turn yet */
	struct list ready;   /* heads instance::ready_link: to be polled */
	struct list dirty;   /* heads instance::dirty_link: to be filled */
	struct list held;    /* heads instance::held_link: their guests take nothing */
};

struct instance {
	struct instance_env *env;
	Slirp *slirp;
	struct in6_addr addr; /* the guest's; v4-mapped or IPv6 */
	bool v6;
	mac_t mac;               /* of the guest; 0: it went */
	usec_t unresolved_until; /* what libslirp queued for want of the MAC expires then (if.c: 1
				    s) */
	uint16_t mss;            /* the smallest that the guest has announced; 0: none yet */
	struct charge *charge;   /* of the port its guest is at; a reference */
	usec_t used;             /* a packet of the guest came then */
	usec_t gone;             /* the guest went then; 0: it is there */
	struct nat_fdset fds;
	bool closing;            /* libslirp is being ended */
	struct loop_timer timer; /* when libslirp wants to be polled without an event */
	unsigned n_held;         /* times it was not polled, its guest taking nothing */
	struct list link;        // nat::all
	struct list ready_link;  // instance_env::ready
	struct list dirty_link;  // instance_env::dirty
	struct list held_link;   // instance_env::held
};

void instance_env_init(struct instance_env *env, const struct nat_env *nat);
/* All instances must be gone. */
void instance_env_fini(struct instance_env *env);

/* @charge: CHARGE_INSTANCES was taken; a reference is taken over. */
struct instance *instance_new(struct instance_env *env, const struct in6_addr *addr, mac_t mac,
			      struct charge *charge);
/* Ends its connections. */
void instance_free(struct instance *instance);

/* The guest is at @mac, behind the port of @charge, of which a reference is taken over. */
void instance_move(struct instance *instance, mac_t mac, struct charge *charge);
/* No connections and sessions. */
bool instance_is_idle(const struct instance *instance);
/* A packet from the guest. */
void instance_input(struct instance *instance, const struct packet *packet);
/* @frame, from libslirp or in its name, goes to the guest in pieces that fit it. */
void instance_to_guest(struct instance *instance, const uint8_t *frame, size_t len);
/* Polls what is ready, fills what changed. */
void instances_run(struct instance_env *env);
/* Instances whose guests took nothing, and may take something now, are polled this turn. */
void instances_look_again(struct instance_env *env);

void instance_foreach_flow(struct instance *instance,
			   void (*each)(void *data, const struct nat_flow *flow), void *data);

/* In a turn that comes to instances_run() anyway, deferring it costs one more, for nothing. */
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

/* A Slirp with our callbacks. */
void instance_open_slirp(struct instance *instance, const struct user_config *config);
/* Asks libslirp what it waits for now, and tells the loop where that changed. */
void instance_fill(struct instance *instance);
/* slirp_pollfds_poll with what came since the fill. */
void instance_poll(struct instance *instance);
/* Sets libslirp's clock, once a turn. */
void instance_set_clock(struct instance *instance);
void instance_init_fds(struct instance *instance);

#endif
