/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/fair.h"

#include <time.h>

static int64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
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
	if (fair->shared)
		fair->began = cpu_ns();
}

void fair_end(struct fair *fair, struct port *port)
{
	int64_t cost;

	if (!fair->shared) {
		port->read_max = PORT_READ_MAX;
		return;
	}
	cost = cpu_ns() - fair->began;
	if (cost > FAIR_RUN)
		port->read_max =
			MAX((size_t)((int64_t)port->read_max * FAIR_RUN / cost), FAIR_READ);
	else
		port->read_max = MIN(port->read_max + FAIR_READ, PORT_READ_MAX);
	if (cost > FAIR_FREE)
		port_rest(port, (cost - FAIR_FREE) * FAIR_REST / 1000);
}
