/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BENCH_NETLOAD_H
#define USERNET_BENCH_NETLOAD_H

#include <netinet/in.h>

/* Loads for a server that echoes. Each prints its result as a line of JSON. */

/* One connection, a byte there and back, for so many seconds. */
int netload_ask(const struct sockaddr_in *server, double seconds);

/*
 * Connections that each send a byte and get it back: so many in all (0: no limit) and so many at
 * once; none is begun after @seconds (0: no limit). @hold: they stay open, and the program waits
 * for the end of its input.
 */
struct netload_plan {
	double seconds;
	unsigned long count, at_once;
	int hold;
};

int netload_connect(const struct sockaddr_in *server, const struct netload_plan *plan);

double netload_now(void); /* seconds, monotonic */

#endif
