/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_FORWARD_GUESTFWD_PRIV_H
#define USERNET_FORWARD_GUESTFWD_PRIV_H

#include "base/log.h"
#include "forward/guestfwd.h"

/* Shared by guestfwd.c (rules) and guestfwd_conn.c (their connections). */
struct guestfwds {
	struct guestfwd_env env;
	struct list rules;    /* heads guestfwd::link */
	GHashTable *per_port; /* port id -> number of connections */
	unsigned n_open, max_open;
};

struct guestfwd {
	struct guestfwds *all;
	struct in6_addr addr; /* the server's: v4-mapped or IPv6 */
	uint16_t port;
	char *command; /* NULL: connect to a socket */
	struct sockaddr_any to;
	char *text;
	struct list conns;   /* heads guestfwd_conn::link */
	struct list waiting; /* heads guestfwd_wait::link: a unix socket's backlog is full */
	unsigned n_waiting;
	struct loop_timer retry;
	struct guestfwd_counts counts;
	struct log_limit limit;
	struct list link; // guestfwds::rules
};

/* Call it once for a new rule. */
void guestfwd_init_conns(struct guestfwd *fwd);
/* Resets all connections. */
void guestfwd_reset_conns(struct guestfwd *fwd);

#endif
