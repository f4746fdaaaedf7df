/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_LINK_DGRAM_SOCKET_H
#define USERNET_LINK_DGRAM_SOCKET_H

#include <glib.h>
#include <stdbool.h>

#include "link/dgram.h"

/* The sockets behind a datagram netdev, opened and checked by its configuration. */
struct dgram_socket {
	enum dgram_mode mode; /* never DGRAM_FD; a connected fd is a DGRAM_PAIR without remote */
	int fd;               /* frames come in here */
	int send_fd;          /* multicast: frames go out here; else the same as fd */
	struct sockaddr_any bound;  /* what we bound, to be unlinked; len 0: nothing */
	struct sockaddr_any remote; /* where frames go; len 0: where fd is connected, or a server */
	struct sockaddr_any own;    /* multicast: the source of our own frames */
	struct in_addr interface;   /* multicast: local address, or any */
};

bool dgram_socket_open(struct dgram_socket *out, const struct dgram_config *config, GError **error);
void dgram_socket_close(struct dgram_socket *socket);
/*
 * Multicast: is @from this process? All members of a group on a host are bound to the same address
 * and port, and QEMU sends from there: ours are told by a socket of their own that sends.
 */
bool dgram_socket_is_own(struct dgram_socket *socket, const struct sockaddr_any *from);
/* For people: "unix:/run/lan.dgram (server)"; newly allocated. */
char *dgram_socket_describe(const struct dgram_socket *socket, const struct dgram_config *config);

#endif
