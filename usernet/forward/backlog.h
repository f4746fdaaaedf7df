/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_FORWARD_BACKLOG_H
#define USERNET_FORWARD_BACKLOG_H

#include <stdbool.h>

#include "base/list.h"
#include "base/loop.h"
#include "base/sockaddr.h"

/*
 * Clients on their way to a guest: connected descriptors that have no conn yet. With the guest
 * there that is a moment; else they wait until it is, so that a guest that is being started need
 * not be waited for by others, and are reset when that takes too long.
 */
struct backlog;
struct charge_book;
struct conn_table;
struct neighbours;
struct network;
struct tcp;
struct user_config;

/* For callers of a guest that is not there. Longer than a guest needs to come back after a reboot's
 * last seconds; shorter than ssh's patience. */
#define BACKLOG_WAIT (10 * USEC_PER_SEC)
/* Waiting at once; who comes beyond is reset. Of a process with few descriptors: a quarter of
 * them. */
#define BACKLOG_MAX   1024
#define BACKLOG_GROUP 256 /* of one group: of one rule */

/* Those of one rule. */
struct caller_group {
	unsigned n;
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

/* All that @env names outlives it. */
struct backlog *backlog_new(const struct backlog_env *env);
/* Resets who waits. Groups must be empty. */
void backlog_free(struct backlog *backlog);
/* How many wait. */
unsigned backlog_count(const struct backlog *backlog);
/* May one more client be accepted? */
bool backlog_has_room(const struct backlog *backlog);
/* A listener holds a descriptor more (true) or less. */
void backlog_hold_fd(struct backlog *backlog, bool held);

/* Where a caller wants to go. */
struct caller_target {
	struct sockaddr_any guest; /* with the any address: nobody knows yet */
	bool masquerade;           /* the guest sees the gateway */
	const char *rule; /* what to call it: a GRefString, of which references are taken */
};

/*
 * @fd, a connected stream socket, is taken over; @client: its peer. @group: may be NULL. Reset at
 * once when too many wait.
 */
void backlog_add(struct backlog *backlog, struct caller_group *group, int fd,
		 const struct sockaddr_any *client, const struct caller_target *target);
/* Those of @group that wait go there. */
void backlog_retarget(struct backlog *backlog, struct caller_group *group,
		      const struct caller_target *target);
/* Resets those of @group that wait. */
void backlog_refuse(struct backlog *backlog, struct caller_group *group);

/* @addr has a holder now: callers that wait for it are admitted. */
void backlog_arrived(struct backlog *backlog, const struct in6_addr *addr);

#endif
