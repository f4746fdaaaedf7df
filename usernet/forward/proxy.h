/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_FORWARD_PROXY_H
#define USERNET_FORWARD_PROXY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"

/*
 * Joins two stream sockets: what one says, the other hears, its end and its reset too. Each way
 * goes on when the other has ended. At most PROXY_CHUNK bytes a way are kept here, and only while
 * who should take them does not; meanwhile the other is not read.
 *
 * An end that takes no more (a command that does not read its input, a server that closed) does not
 * end the other way: what it would not take is dropped. A TCP connection that is reset resets the
 * other; a unix socket's only ends, for there a reset says no more than that something was not
 * read.
 */
#define PROXY_CHUNK (64 * 1024)
/* One end is over both ways; the other is given this long to end too. */
#define PROXY_LINGER (30 * USEC_PER_SEC)
/* One way has ended and nothing moves on the other: as TCP's keepalive, tcp(7) tcp_keepalive_time
 */
#define PROXY_HALF_IDLE (7200 * USEC_PER_SEC)

struct proxy;

enum proxy_side { PROXY_NEAR, PROXY_FAR };

struct proxy_ops {
	/* Both are closed, or (@err, an errno) the far one could not be connected. Frees nothing:
	 * the relay is gone after the call. */
	void (*ended)(void *data, int err);
};

/*
 * Takes over both descriptors, which are non-blocking. @connecting: the far one's connect() is
 * under way.
 */
struct proxy *proxy_new(struct loop *loop, int near_fd, int far_fd, bool connecting,
			const struct proxy_ops *ops, void *data);
/* Resets both; nothing is told. */
void proxy_abort(struct proxy *proxy);
/* Was that side told that the other ended? */
bool proxy_has_shut(const struct proxy *proxy, enum proxy_side side);

/* Closes @fd so that a TCP peer sees a reset. */
void proxy_reset(int fd);

#endif
