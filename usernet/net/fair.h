/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_FAIR_H
#define USERNET_NET_FAIR_H

#include "net/port.h"

/*
 * Shares the gateway's time between ports. The cost of each port's frames is measured. A port that
 * costs much while others are active rests: its socket is not read for a multiple of that cost, and
 * its further frames wait in the socket. The next read then takes less. No frame is dropped. A port
 * that is active alone never rests.
 *
 *   fair_active() when a port's frames arrive
 *   fair_begin() -> fair_end() around each run of one port's frames
 *   port->read_max is how much its link reads at once
 */
#define FAIR_ACTIVE (100 * USEC_PER_MSEC) /* a port that sent within this time is active */
#define FAIR_FREE   INT64_C(250000)       /* ns of CPU of a run that cost no rest */
#define FAIR_REST   3                     /* ns of rest for each ns of cost */
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
