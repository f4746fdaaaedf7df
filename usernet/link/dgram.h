/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_LINK_DGRAM_H
#define USERNET_LINK_DGRAM_H

#include <glib.h>
#include <stdbool.h>

#include "base/loop.h"
#include "base/sockaddr.h"

/*
 * Netdevs over datagrams, one bare frame each (QEMU net/dgram.c, net/socket.c): `dgram`, and
 * `socket` with udp=, mcast= or a datagram fd=.
 *
 *   DGRAM_SERVER    unix `local` without `remote`: one port per sender, made by its first frame and
 *                   removed when its socket refuses a frame or a probe (DGRAM_PROBE)
 *   DGRAM_PAIR      local and remote, unix or inet: one port. inet: frames from other addresses
 *                   are ignored. unix: anyone who may write to the socket may send, because a
 *                   peer's own name may differ from remote
 *   DGRAM_MULTICAST remote is an IPv4 multicast group: one port for the group; our own frames are
 *                   ignored
 *   DGRAM_FD        a datagram socket: connected (one port), bound unix (a server), or bound to a
 *                   multicast group
 */
struct network;
struct netdev;

enum dgram_mode { DGRAM_SERVER, DGRAM_PAIR, DGRAM_MULTICAST, DGRAM_FD };

#define DGRAM_MAX_PEERS 4096
#define DGRAM_PROBE     (2 * USEC_PER_SEC) /* how often silent peers are probed, some at a time */

struct dgram_config {
	const char *kind; /* "dgram", "socket" or "vde"; static */
	const char *id;
	enum dgram_mode mode;
	struct sockaddr_any local; /* multicast: the interface address; len 0: not given */
	struct sockaddr_any remote;
	struct socket_file file;      /* unix local */
	int fd;                       /* DGRAM_FD; owned by the netdev on success only */
	void *owned;                  /* on success the netdev calls release(owned) at its end */
	void (*release)(void *owned); /* may be NULL */
};

struct netdev *dgram_netdev_new(struct network *network, const struct dgram_config *config,
				GError **error);

#endif
