/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_LINK_STREAM_H
#define USERNET_LINK_STREAM_H

#include <glib.h>
#include <stdbool.h>

#include "base/loop.h"
#include "base/sockaddr.h"
#include "link/tcp_tune.h"

/*
 * Netdevs over byte streams, framed as in QEMU (u32 big-endian length, frame: QEMU net/stream.c,
 * net/socket.c): `stream`, and `socket` with listen=, connect= or a stream fd=. A server takes any
 * number of peers, one port each. A client redials forever, with back-off and jitter or as
 * reconnect says; it starts even if no server listens yet. STREAM_DIR connects to every unix socket
 * in a directory (dial_dir.h), one port each. A passed fd is used as is: a connected socket is one
 * port, a listening one is a server.
 */
struct network;
struct netdev;

enum stream_mode { STREAM_SERVER, STREAM_CLIENT, STREAM_FD, STREAM_DIR };

#define STREAM_RECONNECT_DEFAULT (1 * USEC_PER_SEC)
#define STREAM_RECONNECT_MAX     (30 * USEC_PER_SEC) /* longest back-off, ±25 % */

struct stream_config {
	const char *kind; /* "stream" or "socket"; static */
	const char *id;
	enum stream_mode mode;
	struct sockaddr_any addr; /* STREAM_DIR: unix, the path of the directory */
	int fd;           /* STREAM_FD or LISTEN_FDS; taken over on success only. -1: none */
	bool listens;     /* STREAM_FD: the fd is a server's; listen() is called if needed */
	usec_t reconnect; /* client: wait between attempts; 0: default, with back-off */
	bool once;        /* client: try only once */
	bool mptcp;       /* client: use multipath TCP */
	struct tcp_keepalive keepalive;
	struct socket_file file; /* unix server */
	unsigned max_peers;      /* server: 0 means STREAM_MAX_PEERS */
};

#define STREAM_MAX_PEERS 8192

struct netdev *stream_netdev_new(struct network *network, const struct stream_config *config,
				 GError **error);

#endif
