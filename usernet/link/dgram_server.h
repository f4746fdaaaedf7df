/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_LINK_DGRAM_SERVER_H
#define USERNET_LINK_DGRAM_SERVER_H

#include <stddef.h>

#include "link/dgram_in.h"

/*
 * The peers of a datagram server: everybody who sends from a name of its own is one, with a port of
 * its own, until that name refuses.
 */
struct netdev;
struct dgram_server;

/* @fd, borrowed: the named socket the peers send to. */
struct dgram_server *dgram_server_new(struct netdev *netdev, int fd);
/* Gives each sender's frames to the switch at its port. */
void dgram_server_input(struct dgram_server *server, const struct dgram_in_frame *frames, size_t n);
/* Removes all ports. */
void dgram_server_stop(struct dgram_server *server);
/* After the turn in which it was stopped. */
void dgram_server_free(struct dgram_server *server);

#endif
