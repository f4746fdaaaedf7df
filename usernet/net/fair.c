/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/fair.h"

#include <time.h>

static int64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void fair_init(struct fair *fair, struct loop *loop)
{
	*fair = (struct fair){.loop = loop};
}

void fair_active(struct fair *fair, const struct port *port)
{
	if (fair->recent[0].port_id != port->id) {
		fair->recent[1] = fair->recent[0];
		fair->recent[0].port_id = port->id;
	}
	fair->recent[0].at = loop_now(fair->loop);
}

static bool others_are_active(const struct fair *fair, const struct port *port)
{
	usec_t since = loop_now(fair->loop) - FAIR_ACTIVE;

	for (unsigned i = 0; i < 2; i++) {
		if (fair->recent[i].at && fair->recent[i].port_id != port->id &&
		    fair->recent[i].at > since)
			return true;
	}
	return false;
}

void fair_begin(struct fair *fair, const struct port *port)
{
	fair->shared = others_are_active(fair, port);
	fair->began = clock_ns();
}

bool fair_is_overdrawn(const struct fair *fair)
{
	return fair->shared && clock_ns() - fair->began > FAIR_TURN;
}

void fair_end(struct fair *fair, struct port *port)
{
	int64_t cost;

	if (!fair->shared)
		return;
	cost = clock_ns() - fair->began;
	if (cost > FAIR_FREE)
		port_rest(port, cost * FAIR_REST / 1000);
}
