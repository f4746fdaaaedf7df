/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_LINK_LISTENER_H
#define USERNET_LINK_LISTENER_H

#include <stdbool.h>

#include "base/loop.h"
#include "base/sockaddr.h"

/*
 * A listening socket in the loop: takes what waits, some a turn, and hands each connection over.
 * When the process has no descriptor left it rests for a while instead of spinning; who waits stays
 * in the backlog.
 */
#define LISTENER_BATCH 64 /* connections taken in one turn */
#define LISTENER_REST  (100 * USEC_PER_MSEC)

struct listener {
	struct loop_io io;
	struct loop_timer rest;
	bool held;
	/* False: those who wait are not taken now, but asked for again soon. NULL: always. */
	bool (*may_accept)(struct listener *listener);
	/* @fd is the callee's from now on. @peer is unnamed for most unix clients. */
	void (*accepted)(struct listener *listener, int fd, const struct sockaddr_any *peer);
};

/* @fd listens already and stays the caller's. */
void listener_start(struct listener *listener, struct loop *loop, int fd,
		    void (*accepted)(struct listener *listener, int fd,
				     const struct sockaddr_any *peer));
/* While held nothing is taken. May be called from accepted. */
void listener_hold(struct listener *listener, bool hold);
void listener_stop(struct listener *listener);

#endif
