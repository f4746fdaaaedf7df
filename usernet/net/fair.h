/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_FAIR_H
#define USERNET_NET_FAIR_H

#include "base/limit.h"
#include "net/port.h"

/*
 * Shares the gateway's time between ports. The cost of each run of a port's frames is measured, and
 * the port is read in pieces that cost FAIR_RUN while others are active, FAIR_ALONE otherwise.
 *
 * A port that has more to read than that, and whose frames cost much for their length, is flooding:
 * it opens connections, or sends small frames without end. While others are active its socket is
 * not read for a multiple of what its frames cost. Its further frames wait in the socket; a
 * datagram server, whose guests share a socket, drops them (DROP_BUDGET). A port that moves bulk
 * data, or waits for answers, never rests. Frames that the guard or the switch refuses are a flood
 * of small frames, whatever their length.
 *
 *   fair_active() when a port's frames arrive
 *   fair_input_begin() -> fair_input_end() around what the switch does with them
 *   fair_begin() -> fair_end() around each run of one port's frames in the gateway
 *   port->read_max is how much its link reads at once; port->has_more says that it was all used
 */
#define FAIR_ACTIVE (100 * USEC_PER_MSEC) /* a port that sent within this time is active */
#define FAIR_RUN                                                                                   \
	(limit_get(LIMIT_RUN_TIME) * INT64_C(1000)) /* ns that a run should cost beside others */
#define FAIR_ALONE INT64_C(2000000)                 /* ns that a run should cost otherwise */
#define FAIR_READ  ((size_t)256)                    /* bytes: the least read at once */
#define FAIR_SMALL 1                                /* ns a byte: more is a flood of small frames */
#define FAIR_SHORT ((size_t)128)                    /* bytes a frame: less is such a flood, too */
#define FAIR_MANY  ((size_t)64)                     /* frames that may be a flood */
#define FAIR_OPENS 100 /* ns a byte: more is a flood that opens something */
/*
 * Rest for each ns of a flood. The second is higher as more of the cost is not measured: sockets
 * answer and are closed later. A neighbour keeps 70 % beside each flood of test_neighbour.py.
 */
#define FAIR_SMALL_REST 5
#define FAIR_OPENS_REST 10
#define FAIR_DEAF_REST  3 /* the port does not read: it is answered in vain */

struct fair {
	struct loop *loop;
	struct {
		unsigned port_id;
		usec_t at;
	} recent[2];         /* the last two ports that sent */
	int64_t began;       /* ns, when the run began */
	int64_t input_began; /* ns, when the switch began; 0: not measured */
	uint64_t refused;    /* frames, until then */
	bool shared;         /* others are active */
};

void fair_init(struct fair *fair, struct loop *loop);
/* @port has sent frames. */
void fair_active(struct fair *fair, struct port *port);

/* The switch handles @n frames of @port; measured if the port may be flooding. */
void fair_input_begin(struct fair *fair, const struct port *port, size_t n);
void fair_input_end(struct fair *fair, struct port *port, size_t n);

/* Starts a run of @port's frames. */
void fair_begin(struct fair *fair, const struct port *port);
/* The run ends, of @n frames, @bytes in all; @port may rest from now on. */
void fair_end(struct fair *fair, struct port *port, size_t n, size_t bytes);

/* The same, of a run that cost @ns; for tests. */
void fair_charge(struct fair *fair, struct port *port, size_t n, size_t bytes, int64_t ns);

#endif
