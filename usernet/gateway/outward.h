/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_GATEWAY_OUTWARD_H
#define USERNET_GATEWAY_OUTWARD_H

#include "packet/packet.h"

/* Where guests' TCP connections lead on the host's side. */
struct conn;
struct gateway;

/* Is @packet for the name server or a guestfwd server? */
bool outward_is_served(const struct gateway *gateway, const struct packet *packet);
/* @syn, allowed, opened @conn: connects its other end, or refuses the guest. */
void outward_open(struct gateway *gateway, struct conn *conn, const struct packet *syn);

#endif
