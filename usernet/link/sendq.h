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
 * The way out of a stream port. During a turn frames are noted as an iovec list over the memory
 * they lie in, length prefix included, neighbours merged. sendq_flush writes the list; what the
 * socket does not take is copied into a bounded ring, which sendq_drain empties when the socket has
 * room. Order is kept, and a frame that was begun is always ended: whole frames only are dropped.
 *
 * Short frames are padded (link/pad.h). An idle queue owns no memory.
 */
#define SENDQ_HIGH (256 * 1024)      /* bytes held back: the port is congested */
#define SENDQ_LOW  (64 * 1024)       /* and no longer */
#define SENDQ_MAX  (2 * 1024 * 1024) /* frames that would not fit are dropped */

struct sendq {
	int fd; /* borrowed */
	struct iovec *iov;
	unsigned n_iov, cap_iov;
	struct pad pad; /* copies of the short frames that are noted */
	struct ring held;
	uint64_t n_dropped; /* frames; the user reads it and sets it back */
	int error;          /* errno of a write that failed for good; nothing is written any more */
};

void sendq_init(struct sendq *queue, int fd);
void sendq_clear(struct sendq *queue);
/*
 * @frames must stay where they are until sendq_flush. When more is noted than an iovec list should
 * hold, it is flushed at once.
 */
void sendq_note(struct sendq *queue, const struct frame *frames, size_t n);
/* Both return false when the socket is broken (queue->error). */
bool sendq_flush(struct sendq *queue);
bool sendq_drain(struct sendq *queue);
/* Bytes held back: not 0 means EPOLLOUT is to be awaited. */
static inline size_t sendq_held(const struct sendq *queue)
{
	return queue->held.len;
}

#endif
