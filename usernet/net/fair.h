/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_FAIR_H
#define USERNET_NET_FAIR_H

#include "net/port.h"

/*
 * Shares the gateway's time between ports. The cost of each port's frames is measured. A port whose
 * frames cost much while others are active is read in smaller pieces, so that all are served in
 * turn. After a run that cost more than FAIR_FREE it also rests: its socket is not read for a
 * multiple of the excess. Its further frames wait in the socket; none is dropped. A port that is
 * active alone is not limited.
 *
 *   fair_active() when a port's frames arrive
 *   fair_begin() -> fair_end() around each run of one port's frames
 *   port->read_max is how much its link reads at once
 */
#define FAIR_ACTIVE (100 * USEC_PER_MSEC) /* a port that sent within this time is active */
#define FAIR_RUN    INT64_C(100000)       /* ns of CPU that a run should cost */
#define FAIR_FREE   INT64_C(300000)       /* ns of CPU of a run that need no rest */
#define FAIR_REST   3                     /* ns of rest for each ns beyond FAIR_FREE */
#define FAIR_READ   1024                  /* bytes: the least read at once, and a step up */

struct fair {
	struct loop *loop;
	struct {
		unsigned port_id;
		usec_t at;
	} recent[2];   /* the last two ports that sent */
	int64_t began; /* ns of CPU, when the run began */
	bool shared;   /* others are active */
};

void fair_init(struct fair *fair, struct loop *loop);
/* @port has sent frames. */
void fair_active(struct fair *fair, const struct port *port);

/* Starts a run of @port's frames. */
void fair_begin(struct fair *fair, const struct port *port);
/* The run of @port's frames ends; the port may rest from now on. */
void fair_end(struct fair *fair, struct port *port);

#endif
