/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_LINK_TCP_TUNE_H
#define USERNET_LINK_TCP_TUNE_H

#include <stdbool.h>

/*
 * TCP keepalive: a peer is lost when it does not answer @count probes, sent every @interval seconds
 * after @idle seconds of silence (tcp(7)). 0: the system's value. The defaults here detect a lost
 * peer after two minutes.
 */
struct tcp_keepalive {
	bool off;
	int idle, interval; /* seconds */
	int count;
};

enum { TCP_KEEPALIVE_IDLE = 60, TCP_KEEPALIVE_INTERVAL = 15, TCP_KEEPALIVE_COUNT = 4 };

#define TCP_KEEPALIVE_DEFAULT                                                                      \
	((struct tcp_keepalive){.idle = TCP_KEEPALIVE_IDLE,                                        \
				.interval = TCP_KEEPALIVE_INTERVAL,                                \
				.count = TCP_KEEPALIVE_COUNT})

/* Sets up a connected stream socket, TCP or unix, for frames. */
void tcp_tune(int fd, const struct tcp_keepalive *keepalive);

#endif
