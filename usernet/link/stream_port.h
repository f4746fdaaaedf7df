/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_LINK_STREAM_PORT_H
#define USERNET_LINK_STREAM_PORT_H

#include <stdbool.h>

#include "base/list.h"
#include "base/sockaddr.h"

/*
 * One connected byte stream as a port of the switch: framing on the way in, a send queue on the way
 * out.
 *
 * It reads once a turn into a chunk that goes back at the end of the turn; between turns it holds
 * at most the bytes of one unfinished frame, in memory of their size, and what the send queue
 * holds.
 */
struct netdev;
struct port;
struct stream_port;

struct stream_port_events {
	/* Once: the first frame came in. */
	void (*carried)(void *owner);
	/*
	 * In LOOP_REAP: the peer went, or broke the framing. The port has left the switch already
	 * and is freed after the call.
	 */
	void (*gone)(void *owner);
};

/*
 * What the ports of a netdev hold of frames that have not come whole. Beyond the bound the port
 * whose frame was begun longest ago is closed: a peer that sends its frames byte by byte on many
 * links gives way to those that send whole ones.
 */
#define STREAM_RESTS_MAX (16 * 1024 * 1024) /* bytes, of all ports of a netdev */

struct stream_rests {
	size_t bytes;
	struct list ports; /* heads stream_port::rest_link */
};

/*
 * Takes over @fd, a connected socket. @peer, copied, says who is there; may be NULL. @rests stays
 * as long as the port.
 */
struct stream_port *stream_port_new(struct netdev *netdev, int fd, const char *peer,
				    struct stream_rests *rests,
				    const struct stream_port_events *events, void *owner);
/* The socket's address: the peer's, or with @own the one on our side of a unix socket. */
void stream_port_address(const struct port *port, bool own, struct sockaddr_any *addr);
/* Leaves the switch and closes at once, without gone; freed in LOOP_REAP. */
void stream_port_close(struct port *port);

#endif
