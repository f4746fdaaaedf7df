/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_FAIR_H
#define USERNET_NET_FAIR_H

#include "net/port.h"

/*
 * Shares the gateway's time between ports. The cost of each port's frames is measured. A port that
 * costs much while others are active rests: its socket is not read for a multiple of that cost, and
 * its further frames wait in the socket. A port that is active alone never rests.
 *
 *   fair_active()         when a port's frames arrive
 *   fair_begin()          for each run of one port's frames
 *   fair_is_overdrawn()   before each expensive packet of the run
 *   fair_end()            after the run
 */
#define FAIR_ACTIVE (100 * USEC_PER_MSEC) /* a port that sent within this time is active */
#define FAIR_FREE   INT64_C(500000)       /* ns of a run that need no rest */
#define FAIR_TURN   INT64_C(1000000)      /* ns of a run after which nothing new is opened */
#define FAIR_REST   2                     /* ns of rest for each ns of cost */

struct fair {
	struct loop *loop;
	struct {
		unsigned port_id;
		usec_t at;
	} recent[2];   /* the last two ports that sent */
	int64_t began; /* start of the run, ns */
	bool shared;   /* others are active */
};

void fair_init(struct fair *fair, struct loop *loop);
/* @port has sent frames. */
void fair_active(struct fair *fair, const struct port *port);

/* Starts a run of @port's frames. */
void fair_begin(struct fair *fair, const struct port *port);
/* Has the run used up its time while other ports are active? */
bool fair_is_overdrawn(const struct fair *fair);
/* Ends the run; @port may now rest. */
void fair_end(struct fair *fair, struct port *port);

#endif
