/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_LINK_DGRAM_SOCKET_H
#define USERNET_LINK_DGRAM_SOCKET_H

#include <glib.h>
#include <stdbool.h>

#include "link/dgram.h"

/* The sockets of a datagram netdev, opened and checked. */
struct dgram_socket {
	enum dgram_mode mode; /* never DGRAM_FD; a connected fd is a DGRAM_PAIR without remote */
	bool given;           /* the fd was passed in */
	int fd;               /* input */
	int send_fd;          /* multicast: output; else the same as fd */
	struct sockaddr_any bound;  /* the address we bound, to unlink; len 0: none */
	struct sockaddr_any remote; /* receiver; len 0: fd's connected peer, or a server */
	struct sockaddr_any own;    /* multicast: the source address of our own frames */
	struct in_addr interface;   /* multicast: local address, or any */
};

bool dgram_socket_open(struct dgram_socket *out, const struct dgram_config *config, GError **error);
void dgram_socket_close(struct dgram_socket *socket);
/*
 * Multicast: did this process send it? All members of a group on a host bind the same address and
 * port, and QEMU sends from there. We send from a separate socket to recognise our own frames.
 */
bool dgram_socket_is_own(struct dgram_socket *socket, const struct sockaddr_any *from);
/* UDP: the sender may omit the checksum (RFC 768), so frames may arrive corrupted. */
bool dgram_socket_is_unreliable(const struct dgram_socket *socket);
/*
 * As QEMU prints it (QEMU net/dgram.c, qemu_set_info_str): "udp=127.0.0.1:1/127.0.0.1:2",
 * "mcast=230.0.0.1:1234", "fd=5 unix". @peer: the name of a server's guest, may be NULL. Newly
 * allocated.
 */
char *dgram_socket_info(const struct dgram_socket *socket, const char *peer);
/* For display: "unix:/run/lan.dgram (server)"; newly allocated. */
char *dgram_socket_describe(const struct dgram_socket *socket, const struct dgram_config *config);

#endif
