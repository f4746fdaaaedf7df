/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_SLIRP_INSTANCE_H
#define USERNET_SLIRP_INSTANCE_H

#include "conntrack/local_service.h"
#include "slirp/nat.h"
#include "slirp/nat_budget.h"

/*
 * One Slirp for a guest address, or one of several (shards.h), with its sockets and timer.
 * instance*.c are the only file that calls libslirp; what reaches it has passed scrub. Which
 * instances there are is nat.h's.
 */
struct conn;
struct conntrack;
struct instance;
struct nat_fds;
struct offload;

/* What the instances of a NAT share. */
struct instance_env {
	struct network *network;
	const struct user_config *config;
	struct outbox *outbox;
	struct offload *offload;
	struct nat_fds *fds;
	struct inflow_table *inflows;
	struct nat_budget budget;
	unsigned n_added; /* instances beyond the first of their address (shards.h) */
	const struct local_services *local_services; /* may be NULL */
	struct conntrack *conntrack;
	const struct nat_ops *ops;
	void *ops_data;
	uint64_t clock_turn;            /* loop_turn() in which libslirp's clock was set */
	bool serving;                   /* instances_run() comes in this turn yet */
	struct list ready;              /* heads instance::ready_link: to be polled */
	struct list dirty;              /* heads instance::dirty_link: to be filled */
	struct list held;               /* heads instance::held_link: their guests take nothing */
	uint8_t scratch[PACKET_MAX];    /* redirected, from libslirp */
	uint8_t scratch_in[PACKET_MAX]; /* and to it */
};

void instance_env_init(struct instance_env *env);
/* All instances must be gone. */
void instance_env_fini(struct instance_env *env);

/* @addr: the guest's, v4-mapped or IPv6. @shard: its place among those of @addr (shards.h). */
struct instance *instance_new(struct instance_env *env, const struct in6_addr *addr,
			      unsigned shard);
/* Ends its connections. */
void instance_free(struct instance *instance);

const struct in6_addr *instance_addr(const struct instance *instance);
unsigned instance_shard(const struct instance *instance);
/* Its descriptors. */
unsigned instance_n_fds(const struct instance *instance);
/* The guest's MAC, 0: not known. Setting it lets go what waited for it. */
mac_t instance_mac(const struct instance *instance);
void instance_set_mac(struct instance *instance, mac_t mac);
void instance_forget_mac(struct instance *instance);
/* The port share that its descriptors are charged to, which is its owner's; NULL: none. */
struct nat_share *instance_share(const struct instance *instance);
void instance_set_share(struct instance *instance, struct nat_share *share);
/* No connections and sessions. */
bool instance_is_idle(const struct instance *instance);

/* A packet from the guest; offload may keep what it carries until offload_flush(). */
void instance_input(struct instance *instance, const struct packet *packet);
/* @frame, for the guest, as if libslirp said it. Not from within its callbacks. */
void instance_to_guest(struct instance *instance, const uint8_t *frame, size_t len);
/*
 * Nothing more is to come of @flow: libslirp's part of it goes now, if all that the guest sent has
 * been written; else when its TIME_WAIT ends. After instances_run().
 */
void instance_bury(struct instance *instance, const struct conn *flow);
/* Polls what is ready, fills what changed. */
void instances_run(struct instance_env *env);
/* Those whose guests took nothing, and may take something now, are polled this turn. */
void instances_look_again(struct instance_env *env);

void instance_foreach_flow(struct instance *instance,
			   void (*each)(void *data, const struct nat_flow *flow), void *data);

#endif
