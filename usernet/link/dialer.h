/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_LINK_DIALER_H
#define USERNET_LINK_DIALER_H

#include "base/loop.h"
#include "base/sockaddr.h"

/*
 * Connects to an address, retrying until it succeeds, and again when asked. Each failure doubles
 * the wait, up to a limit. Every wait is varied by ±25 %, so that the clients of a restarted server
 * do not all connect at once. Limit 0: try once; a connection that fails or is lost is not retried.
 */
#define DIALER_TIMEOUT (10 * USEC_PER_SEC) /* time limit for a connect */

struct dialer {
	struct loop *loop;
	struct sockaddr_any addr;
	usec_t first, most; /* the first and the longest wait; both 0: try once */
	bool mptcp;         /* use multipath TCP; set before dialer_start */
	int error;          /* errno of the last attempt, 0 when it succeeded */
	usec_t wait;        /* the next wait, before variation */
	int fd;             /* connecting; -1: none */
	struct loop_io io;
	struct loop_timer timer; /* when to dial; while connecting: the deadline */
	/* @fd is connected and non-blocking; the callee owns it. */
	void (*connected)(struct dialer *dialer, int fd);
};

void dialer_init(struct dialer *dialer, struct loop *loop, const struct sockaddr_any *addr,
		 usec_t first, usec_t most, void (*connected)(struct dialer *dialer, int fd));
/* Dials from a timer in this turn or the next, never within the call. */
void dialer_start(struct dialer *dialer);
/* The connection was lost: dials after the wait. */
void dialer_redial(struct dialer *dialer);
/* The connection works: resets the back-off. */
void dialer_good(struct dialer *dialer);
void dialer_stop(struct dialer *dialer);

/* @wait varied to 75-125 %; @at in [0, 1) is the position in that range. */
usec_t dialer_spread(usec_t wait, double at);

#endif
