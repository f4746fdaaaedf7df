/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_LINK_DGRAM_PORT_H
#define USERNET_LINK_DGRAM_PORT_H

#include "link/dgram_out.h"
#include "net/port.h"

/*
 * A datagram receiver as a port of the switch. Only output is handled here; the reader of the
 * socket passes this peer's frames to the switch. Embedded in the netdev's struct for a peer.
 */
struct netdev;

struct dgram_port {
	struct port port;
	struct dgram_out out;
	/* Both may be NULL. */
	void (*down)(struct dgram_port *port); /* the receiver is gone */
	void (*pause)(struct dgram_port *port, bool pause);
};

/*
 * @out must be set up with dgram_port_room() as its room callback. The caller sets @down and
 * @pause.
 */
void dgram_port_add(struct dgram_port *port, struct netdev *netdev, const char *peer);
void dgram_port_room(struct dgram_out *out);
/* Removes the port from the switch and frees everything except the struct. */
void dgram_port_remove(struct dgram_port *port);

#endif
