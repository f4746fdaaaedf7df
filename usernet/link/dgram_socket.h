/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_LINK_DGRAM_SOCKET_H
#define USERNET_LINK_DGRAM_SOCKET_H

#include <glib.h>
#include <stdbool.h>

#include "link/dgram.h"

/* The sockets behind a datagram netdev, opened and checked by its configuration. */
struct dgram_socket {
	enum dgram_mode mode; /* never DGRAM_FD; a connected fd is a DGRAM_PAIR without remote */
	bool given;           /* fd was */
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
/* UDP: its checksum may be off (RFC 768), so frames may come damaged. */
bool dgram_socket_is_unreliable(const struct dgram_socket *socket);
/*
 * As QEMU says it (QEMU net/dgram.c, qemu_set_info_str): "udp=127.0.0.1:1/127.0.0.1:2",
 * "mcast=230.0.0.1:1234", "fd=5 unix". @peer: the name of a server's guest, may be NULL. Newly
 * allocated.
 */
char *dgram_socket_info(const struct dgram_socket *socket, const char *peer);
/* For people: "unix:/run/lan.dgram (server)"; newly allocated. */
char *dgram_socket_describe(const struct dgram_socket *socket, const struct dgram_config *config);

#endif
