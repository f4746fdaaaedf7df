/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_FORWARD_GUESTFWD_PRIV_H
#define USERNET_FORWARD_GUESTFWD_PRIV_H

#include "base/log.h"
#include "base/loop.h"
#include "conntrack/local_service.h"
#include "forward/guestfwd.h"

/*
 * The inside of guestfwd: rules (guestfwd.c) and their connections (guestfwd_flow.c).
 */
struct guestfwds {
	struct guestfwd_env env;
	struct list rules; /* heads guestfwd::link */
	struct list
		leaving;   /* heads guestfwd::link: removed, libslirp still has sockets of theirs */
	GHashTable *flows; /* descriptor of libslirp's -> struct guestfwd_flow */
	GHashTable *per_port; /* port id -> connections */
	unsigned n_open, max_open;
};

struct guestfwd {
	struct guestfwds *all;
	struct local_server server;
	char *command; /* NULL: a socket */
	struct sockaddr_any to;
	char *text;
	int fd;       /* listens */
	bool removed; /* it goes with its last flow */
	struct loop_io io;
	struct loop_timer pause; /* of the listener, out of descriptors */
	struct list flows;       /* heads guestfwd_flow::link */
	GHashTable *expected;    /* peer's port -> a flow that nobody came for yet */
	struct guestfwd_counts counts;
	struct log_limit limit;
	struct list link; // guestfwds::rules, guestfwds::leaving
};

/* Accepts who comes to @fwd->fd from now on. */
void guestfwd_listen(struct guestfwd *fwd);
/* Resets all connections; those that libslirp still has a socket for stay on the list. */
void guestfwd_reset_flows(struct guestfwd *fwd);
/* Forgets what is left on the list: libslirp's sockets are gone. */
void guestfwd_forget_flows(struct guestfwd *fwd);
/* The last flow of one that was removed is gone. */
void guestfwd_leave(struct guestfwd *fwd);

#endif
