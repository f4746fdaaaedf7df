/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_LINK_DGRAM_SERVER_H
#define USERNET_LINK_DGRAM_SERVER_H

#include <stddef.h>

#include "link/dgram_in.h"

/*
 * The peers of a datagram server: each sender with a socket name is one and has its own port until
 * its socket refuses.
 */
struct netdev;
struct dgram_server;

/* @fd, borrowed: the named socket that peers send to. */
struct dgram_server *dgram_server_new(struct netdev *netdev, int fd);
/*
 * Passes each sender's frames to the switch at its port. @has_more: others wait in the socket. As
 * it cannot be read for some senders only, frames of a port that rests (net/fair.h) are dropped.
 * False: all of them were.
 */
bool dgram_server_input(struct dgram_server *server, const struct dgram_in_frame *frames, size_t n,
			bool has_more);
/* Bytes to read at once: the least port::read_max of the senders last seen. */
size_t dgram_server_read_max(const struct dgram_server *server);
/* Removes all ports. */
void dgram_server_stop(struct dgram_server *server);
/* Call in a later turn than dgram_server_stop(). */
void dgram_server_free(struct dgram_server *server);

#endif
