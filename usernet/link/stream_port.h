/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_LINK_STREAM_PORT_H
#define USERNET_LINK_STREAM_PORT_H

#include <stdbool.h>

#include "base/list.h"
#include "base/sockaddr.h"

/*
 * One connected byte stream as a port of the switch: framing for input, a send queue for output.
 *
 * It reads once a turn into a chunk that is returned at the end of the turn. Between turns it holds
 * only the bytes of at most one incomplete frame, in a buffer of that size, and the send queue.
 */
struct netdev;
struct port;
struct stream_port;

struct stream_port_events {
	/* Called once: the first frame arrived. */
	void (*carried)(void *owner);
	/*
	 * Called in LOOP_REAP: the peer disconnected, or broke the framing. The port has left the
	 * switch and is freed after the call.
	 */
	void (*gone)(void *owner);
};

/*
 * Incomplete frames of a netdev's ports. Above the limit, the port whose frame began longest ago is
 * closed, so that peers that send byte by byte on many links do not displace those that send whole
 * frames.
 */
#define STREAM_RESTS_MAX (16 * 1024 * 1024) /* bytes, all ports of a netdev */
#define STREAM_RESTS_LOW (1024 * 1024)      /* the same while memory is low */

struct stream_rests {
	size_t bytes;
	struct list ports; /* heads stream_port::rest_link */
};

/*
 * Takes ownership of @fd, a connected socket. @peer, copied, names the peer; may be NULL. @rests
 * must outlive the port.
 */
struct stream_port *stream_port_new(struct netdev *netdev, int fd, const char *peer,
				    struct stream_rests *rests,
				    const struct stream_port_events *events, void *owner);
/* The socket's address: the peer's, or with @own our own. */
void stream_port_address(const struct port *port, bool own, struct sockaddr_any *addr);
/* Leaves the switch and closes at once, without calling gone; freed in LOOP_REAP. */
void stream_port_close(struct port *port);

#endif
