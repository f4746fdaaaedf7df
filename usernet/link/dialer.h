/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_LINK_DIALER_H
#define USERNET_LINK_DIALER_H

#include "base/loop.h"
#include "base/sockaddr.h"

/*
 * Dials an address until somebody answers, and again when asked. Each failure doubles the wait, up
 * to a limit; every wait is spread by a quarter either way, so that many clients of a server that
 * comes back do not all come at once. A limit of 0 means once: a connection that fails or is lost
 * is not tried again.
 */
#define DIALER_TIMEOUT (10 * USEC_PER_SEC) /* a connection that takes longer is given up */

struct dialer {
	struct loop *loop;
	struct sockaddr_any addr;
	usec_t first, most; /* the first wait, and the longest; both 0: once */
	bool mptcp;         /* by multipath TCP; set before dialer_start */
	int error;          /* errno of the last attempt, 0 when it succeeded */
	usec_t wait;        /* the next one, before it is spread */
	int fd;             /* being connected, or -1 */
	struct loop_io io;
	struct loop_timer timer; /* when to dial; while connecting: when to give up */
	/* @fd is connected, non-blocking, and the callee's from now on. */
	void (*connected)(struct dialer *dialer, int fd);
};

void dialer_init(struct dialer *dialer, struct loop *loop, const struct sockaddr_any *addr,
		 usec_t first, usec_t most, void (*connected)(struct dialer *dialer, int fd));
/* Dials in this turn's or the next turn's timers, never from within the call. */
void dialer_start(struct dialer *dialer);
/* The connection was lost: dials when the wait is over. */
void dialer_redial(struct dialer *dialer);
/* The connection is of use: the next wait is the first again. */
void dialer_good(struct dialer *dialer);
void dialer_stop(struct dialer *dialer);

/* @wait spread to 75-125 %; @at in [0, 1) says where. */
usec_t dialer_spread(usec_t wait, double at);

#endif
