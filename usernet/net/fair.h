/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_FAIR_H
#define USERNET_NET_FAIR_H

#include "net/port.h"

/*
 * A turn belongs to everybody. What a port's frames cost the gateway is measured, and a port that
 * costs much while others are active rests: its socket is not read for a multiple of that cost, so
 * what it sends beyond waits in the socket. A port that is alone never rests.
 *
 *   fair_active() when a port's frames come in
 *   fair_begin() -> fair_is_overdrawn() before each expensive packet -> fair_end(), for each run of
 *   one port's frames
 */
#define FAIR_ACTIVE (100 * USEC_PER_MSEC) /* a port that sent so lately is active */
#define FAIR_FREE   INT64_C(500000)       /* ns of a run that cost no rest */
#define FAIR_TURN   INT64_C(1000000)      /* ns of a run, beyond which nothing new is opened */
#define FAIR_REST   2                     /* ns of rest for each ns of cost */

struct fair {
	struct loop *loop;
	struct {
		unsigned port_id;
		usec_t at;
	} recent[2];   /* the two ports that sent last */
	int64_t began; /* of the run, ns */
	bool shared;   /* others are active */
};

void fair_init(struct fair *fair, struct loop *loop);
/* @port has sent frames. */
void fair_active(struct fair *fair, const struct port *port);

/* A run of @port's frames begins. */
void fair_begin(struct fair *fair, const struct port *port);
/* Has the run used up its time while others wait? */
bool fair_is_overdrawn(const struct fair *fair);
/* The run of @port's frames ends; the port may rest from now on. */
void fair_end(struct fair *fair, struct port *port);

#endif
