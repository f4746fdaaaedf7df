/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_LINK_DGRAM_PORT_H
#define USERNET_LINK_DGRAM_PORT_H

#include "link/dgram_out.h"
#include "net/port.h"

/*
 * A receiver of datagrams as a port of the switch. Only the way out is here: who reads the socket
 * hands what came from this peer to the switch. Embedded in what its netdev keeps of a peer.
 */
struct netdev;

struct dgram_port {
	struct port port;
	struct dgram_out out;
	/* All may be NULL. */
	void (*down)(struct dgram_port *port); /* nobody is at the other end */
	void (*pause)(struct dgram_port *port, bool pause);
};

/* @out is set up already: dgram_port_room is its room. @down and @pause are set by the caller. */
void dgram_port_add(struct dgram_port *port, struct netdev *netdev, const char *peer);
void dgram_port_room(struct dgram_out *out);
/* Leaves the switch and lets go of everything but the struct. */
void dgram_port_remove(struct dgram_port *port);

#endif
