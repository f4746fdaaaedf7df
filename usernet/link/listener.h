/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_LINK_LISTENER_H
#define USERNET_LINK_LISTENER_H

#include <stdbool.h>

#include "base/loop.h"
#include "base/sockaddr.h"

/*
 * A listening socket in the loop: accepts a limited number of connections per turn and passes each
 * on. When the process has no descriptors left it pauses instead of spinning; clients wait in the
 * backlog.
 */
#define LISTENER_BATCH 64 /* connections per turn */
#define LISTENER_REST  (100 * USEC_PER_MSEC)

struct listener {
	struct loop_io io;
	struct loop_timer rest;
	bool held;
	/* False: do not accept now; it is called again soon. NULL: always accept. */
	bool (*may_accept)(struct listener *listener);
	/* The callee owns @fd. @peer is unnamed for most unix clients. */
	void (*accepted)(struct listener *listener, int fd, const struct sockaddr_any *peer);
};

/* @fd must be listening; the caller keeps owning it. */
void listener_start(struct listener *listener, struct loop *loop, int fd,
		    void (*accepted)(struct listener *listener, int fd,
				     const struct sockaddr_any *peer));
/* While held, no connection is accepted. May be called from accepted. */
void listener_hold(struct listener *listener, bool hold);
void listener_stop(struct listener *listener);

#endif
