/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_FORWARD_BACKLOG_H
#define USERNET_FORWARD_BACKLOG_H

#include <stdbool.h>

#include "base/limit.h"
#include "base/list.h"
#include "base/loop.h"
#include "base/sockaddr.h"

/*
 * Clients on their way to a guest: connected descriptors without a conn yet. If the guest is there
 * they get a conn at once. Otherwise they wait, so that a guest may be started and used in one go,
 * and are reset after BACKLOG_WAIT.
 */
struct backlog;
struct charge_book;
struct conn_table;
struct neighbours;
struct network;
struct tcp;
struct user_config;

/*
 * How long clients wait for a guest: longer than the end of a reboot takes, shorter than ssh's
 * timeout.
 */
#define BACKLOG_WAIT (10 * USEC_PER_SEC)
/*
 * Clients waiting at once; further ones are reset. At most a quarter of the process's
 * descriptors.
 */
#define BACKLOG_MAX   1024
#define BACKLOG_GROUP 256 /* of one group, that is of one rule */
/*
 * Connections that a guest's port may have unanswered, its own included, for another client to be
 * accepted. Further clients stay in the listener's queue, where they cost the process nothing.
 */
#define BACKLOG_UNANSWERED limit_get(LIMIT_UNANSWERED)

/* The waiting clients of one rule. */
struct caller_group {
	unsigned n;
	uint64_t waited;     /* clients that had to wait, in all */
	struct list waiting; // heads caller::group_link
};

struct backlog_env {
	struct network *network;
	const struct user_config *config;
	struct conn_table *conns;
	struct charge_book *charges;
	struct neighbours *neighbours;
	struct tcp *tcp;
};

/* Everything in @env must outlive it. */
struct backlog *backlog_new(const struct backlog_env *env);
/* Resets waiting clients. Groups must be empty. */
void backlog_free(struct backlog *backlog);
/* May another client be accepted? */
bool backlog_has_room(const struct backlog *backlog);
/* A listener holds a descriptor more (true) or less. */
void backlog_hold_fd(struct backlog *backlog, bool held);

/* Where a client is to go. */
struct caller_target {
	struct sockaddr_any guest; /* the any address: not known yet */
	bool masquerade;           /* the guest sees the gateway as its client */
	const char *rule;          /* the rule's text: a GRefString; conns take references */
};

/* Has the guest at @target, if it is there, answered enough of the clients it was given? */
bool backlog_is_answered(const struct backlog *backlog, const struct caller_target *target);

/*
 * Takes @fd over, a connected stream socket; @client: its peer. @group may be NULL. Resets it at
 * once if too many wait.
 */
void backlog_add(struct backlog *backlog, struct caller_group *group, int fd,
		 const struct sockaddr_any *client, const struct caller_target *target);
/* Redirects the waiting clients of @group to a new target. */
void backlog_retarget(struct backlog *backlog, struct caller_group *group,
		      const struct caller_target *target);
/* Resets the waiting clients of @group. */
void backlog_refuse(struct backlog *backlog, struct caller_group *group);

/* @addr has a holder now: clients that wait for it get their conns. */
void backlog_arrived(struct backlog *backlog, const struct in6_addr *addr);

#endif
