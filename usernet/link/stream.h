/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_LINK_STREAM_H
#define USERNET_LINK_STREAM_H

#include <glib.h>
#include <stdbool.h>

#include "base/loop.h"
#include "base/sockaddr.h"
#include "link/tcp_tune.h"

/*
 * Netdevs over byte streams, framed as QEMU does (u32 big-endian length, frame: QEMU net/stream.c,
 * net/socket.c): `stream`, and `socket` with listen=, connect= or a stream fd=. A server takes any
 * number of peers, a port each. A client redials for ever, with back-off and jitter, or as
 * reconnect says; it starts although nobody listens yet. An fd is used as it is: a connected socket
 * is one port; a listening one is a server.
 */
struct network;
struct netdev;

enum stream_mode { STREAM_SERVER, STREAM_CLIENT, STREAM_FD };

#define STREAM_RECONNECT_DEFAULT (1 * USEC_PER_SEC)
#define STREAM_RECONNECT_MAX     (30 * USEC_PER_SEC) /* back-off doubles up to here, ± 25 % */

struct stream_config {
	const char *kind; /* "stream" or "socket"; static */
	const char *id;
	enum stream_mode mode;
	struct sockaddr_any addr;
	int fd; /* STREAM_FD, or a bound listening fd passed in (LISTEN_FDS); taken over on success
		   only. -1: none */
	bool listens;     /* STREAM_FD: a server's; made to listen when it does not yet */
	usec_t reconnect; /* client: the wait between attempts; 0: the default, with back-off */
	bool once;        /* client: no attempt after the first */
	bool mptcp;       /* client: by multipath TCP */
	struct tcp_keepalive keepalive;
	struct socket_file file; /* unix server */
	unsigned max_peers;      /* server: 0 means STREAM_MAX_PEERS */
};

#define STREAM_MAX_PEERS 8192

struct netdev *stream_netdev_new(struct network *network, const struct stream_config *config,
				 GError **error);

#endif
