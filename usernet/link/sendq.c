/* SPDX-License-Identifier: BSD-3-Clause */
#include "link/sendq.h"

#include <errno.h>
#include <glib.h>
#include <sys/socket.h>

#include "base/reserve.h"

#define IOV_BATCH 1024 /* IOV_MAX of Linux (UIO_MAXIOV, uapi/linux/uio.h) */
#define IOV_FIRST 16
#define IOV_NOTED 8192 /* entries of a list before it is flushed early */
#define IOV_KEEP  64   /* a longer list is freed after the turn */

void sendq_init(struct sendq *queue, int fd)
{
	*queue = (struct sendq){.fd = fd};
}

void sendq_clear(struct sendq *queue)
{
	ring_clear(&queue->held);
	pad_clear(&queue->pad);
	g_clear_pointer(&queue->iov, g_free);
	queue->n_iov = 0;
	queue->cap_iov = 0;
}

static struct iovec *next_iov(struct sendq *queue)
{
	if (queue->n_iov == IOV_NOTED)
		sendq_flush(queue);
	if (queue->n_iov == queue->cap_iov) {
		queue->cap_iov = MAX(IOV_FIRST, queue->cap_iov * 2);
		queue->iov = g_renew(struct iovec, queue->iov, queue->cap_iov);
	}
	return &queue->iov[queue->n_iov++];
}

void sendq_note(struct sendq *queue, const struct frame *frames, size_t n)
{
	struct iovec *last = queue->n_iov ? &queue->iov[queue->n_iov - 1] : NULL;

	if (queue->error)
		return;
	for (size_t i = 0; i < n; i++) {
		struct frame frame = frames[i];
		uint8_t *start;
		size_t len;

		if (G_UNLIKELY(pad_is_needed(&frame))) {
			/* Flush here, not in next_iov(): a flush frees the copies. */
			if (pad_is_full(&queue->pad) || queue->n_iov == IOV_NOTED) {
				sendq_flush(queue);
				last = NULL;
			}
			frame = pad_copy(&queue->pad, &frame);
		}
		start = (uint8_t *)frame.data - FRAME_PREFIX;
		len = FRAME_PREFIX + frame.len;
		if (last && (uint8_t *)last->iov_base + last->iov_len == start) {
			last->iov_len += len;
		} else {
			last = next_iov(queue);
			*last = (struct iovec){start, len};
		}
	}
}

/* Returns the bytes of @iov written; 0: the socket is full; -1: it is broken. */
static ssize_t write_some(struct sendq *queue, struct iovec *iov, size_t n)
{
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = MIN(n, IOV_BATCH)};

	for (;;) {
		ssize_t sent = sendmsg(queue->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent >= 0)
			return sent;
		if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == ENOMEM)
			return 0;
		if (errno == EINTR)
			continue;
		queue->error = errno;
		return -1;
	}
}

static uint32_t prefix_at(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/*
 * Copies the frames of one queued run, of which @skip bytes are written. A partly written frame is
 * always accepted: only the first frame can be, when the ring is empty.
 */
static void hold(struct sendq *queue, const struct iovec *run, size_t skip)
{
	const uint8_t *p = run->iov_base;
	const uint8_t *end = p + run->iov_len;
	const uint8_t *written = p + skip;

	while (p < end) {
		size_t len = FRAME_PREFIX + (size_t)prefix_at(p);
		const uint8_t *next = p + len;

		/* We wrote the list and the prefixes: a wrong one is a bug. */
		g_assert(len <= (size_t)(end - p));
		if (p < written && written < next)
			ring_put(&queue->held, written, (size_t)(next - written));
		else if (p >= written && queue->held.len + len <= SENDQ_MAX &&
			 (queue->held.len + len <= queue->held.cap || !reserve_is_low()))
			ring_put(&queue->held, p, len);
		else if (p >= written)
			queue->n_dropped++;
		p = next;
	}
}

bool sendq_flush(struct sendq *queue)
{
	unsigned i = 0;
	size_t skip = 0; /* bytes of iov[i] already written */

	while (i < queue->n_iov && !queue->held.len && !queue->error) {
		struct iovec *iov = &queue->iov[i];
		struct iovec whole = *iov;
		ssize_t sent;

		iov->iov_base = (uint8_t *)whole.iov_base + skip;
		iov->iov_len = whole.iov_len - skip;
		sent = write_some(queue, iov, queue->n_iov - i);
		*iov = whole;
		if (sent <= 0)
			break;
		for (skip += (size_t)sent; i < queue->n_iov && skip >= queue->iov[i].iov_len; i++)
			skip -= queue->iov[i].iov_len;
	}
	for (; i < queue->n_iov && !queue->error; i++) {
		hold(queue, &queue->iov[i], skip);
		skip = 0;
	}
	queue->n_iov = 0;
	pad_clear(&queue->pad);
	if (queue->cap_iov > IOV_KEEP) {
		g_clear_pointer(&queue->iov, g_free);
		queue->cap_iov = 0;
	}
	return !queue->error;
}

bool sendq_drain(struct sendq *queue)
{
	while (queue->held.len && !queue->error) {
		struct iovec iov[2];
		unsigned n = ring_peek(&queue->held, 0, queue->held.len, iov);
		ssize_t sent = write_some(queue, iov, n);

		if (sent <= 0)
			break;
		ring_drop(&queue->held, (size_t)sent);
	}
	return !queue->error;
}
