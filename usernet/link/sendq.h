/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_LINK_SENDQ_H
#define USERNET_LINK_SENDQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "link/pad.h"
#include "link/ring.h"
#include "net/frame.h"

/*
 * The output of a stream port. During a turn frames are queued as an iovec list that points to them
 * in place, length prefix included, with neighbours merged. sendq_flush() writes the list. What the
 * socket does not take is copied into a bounded ring, which sendq_drain() writes when the socket
 * has room. Order is kept, and only whole frames are dropped: a partly sent frame is always
 * completed.
 *
 * Short frames are padded (link/pad.h). An idle queue owns no memory.
 */
#define SENDQ_HIGH (256 * 1024)      /* bytes held: the port is congested */
#define SENDQ_LOW  (64 * 1024)       /* bytes held: no longer congested */
#define SENDQ_MAX  (2 * 1024 * 1024) /* bytes held: further frames are dropped */

struct sendq {
	int fd; /* borrowed */
	struct iovec *iov;
	unsigned n_iov, cap_iov;
	struct pad pad; /* padded copies of queued short frames */
	struct ring held;
	uint64_t n_dropped; /* frames; the owner reads and resets it */
	int error;          /* errno of a failed write; nothing is written after it */
};

void sendq_init(struct sendq *queue, int fd);
void sendq_clear(struct sendq *queue);
/* @frames must stay valid until sendq_flush(). A list that grows too long is flushed at once. */
void sendq_note(struct sendq *queue, const struct frame *frames, size_t n);
/* Both return false when the socket is broken (queue->error). */
bool sendq_flush(struct sendq *queue);
bool sendq_drain(struct sendq *queue);
/* Bytes held; not 0: wait for EPOLLOUT. */
static inline size_t sendq_held(const struct sendq *queue)
{
	return queue->held.len;
}

#endif
