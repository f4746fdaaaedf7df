/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_GATEWAY_OUTWARD_H
#define USERNET_GATEWAY_OUTWARD_H

#include "packet/packet.h"

/* TCP that guests open: where it leads on the host's side. */
struct conn;
struct gateway;

/* Is @packet for a server of the gateway's own: the name server, or guestfwd's? */
bool outward_is_served(const struct gateway *gateway, const struct packet *packet);
/* @syn, allowed, opened @conn: its other end is made, or the guest is refused. */
void outward_open(struct gateway *gateway, struct conn *conn, const struct packet *syn);

#endif
