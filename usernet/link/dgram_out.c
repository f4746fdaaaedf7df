/* SPDX-License-Identifier: BSD-3-Clause */
#include "link/dgram_out.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define BATCH       64 /* messages per system call */
#define NOTED_FIRST 16
#define NOTED_MAX   8192 /* frames queued before they are sent early */
#define NOTED_KEEP  64   /* a longer list is freed after the turn */
#define RETRY       (1 * USEC_PER_MSEC)
/* The kernel limits it to net.core.wmem_max. It also limits the frame size. */
#define SNDBUF (1024 * 1024)

/* --- sockets --- */

static void close_own(struct dgram_out *out)
{
	loop_io_remove(&out->io);
	if (out->own >= 0)
		g_close(out->own, NULL);
	out->own = -1;
}

/* Connects to the receiver, or reconnects. False when it does not exist; see errno. */
static bool open_own(struct dgram_out *out)
{
	int size = SNDBUF;
	bool in_progress;

	close_own(out);
	if (!out->to.len || out->to.sa.sa_family != AF_UNIX) {
		/* A duplicate, because epoll takes an fd only once. */
		out->own = fcntl(out->named, F_DUPFD_CLOEXEC, 0);
		return out->own >= 0;
	}
	out->own = socket_connect(&out->to, SOCK_DGRAM, &in_progress);
	if (out->own >= 0) {
		setsockopt(out->own, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
		out->use_named = !out->prefer_own;
		return true;
	}
	/*
	 * EPERM: the receiver is connected to our named socket and accepts no other (unix(7),
	 * connect).
	 */
	if (errno == EPERM || socket_is_exhaustion(errno))
		out->use_named = true;
	else
		out->use_named = !out->prefer_own;
	return out->use_named;
}

bool dgram_out_reach(struct dgram_out *out)
{
	return out->use_named || out->own >= 0 || open_own(out);
}

/* After an error that means the receiver is gone: could another try succeed? */
static bool repair(struct dgram_out *out)
{
	bool unix_path = out->to.len && out->to.sa.sa_family == AF_UNIX;

	if (out->prefer_own)
		return open_own(out);
	if (unix_path)
		close_own(out);
	/* UDP reports that an earlier datagram was refused; this one was not sent. */
	return !unix_path;
}

/* --- sending --- */

static void set_address(struct dgram_out *out, struct mmsghdr *msgs, unsigned n)
{
	bool named = out->use_named && out->to.len;

	for (unsigned i = 0; i < n; i++) {
		msgs[i].msg_hdr.msg_name = named ? &out->to.sa : NULL;
		msgs[i].msg_hdr.msg_namelen = named ? out->to.len : 0;
	}
}

/*
 * Returns how many of @msgs are done: sent, or lost and counted. Fewer than @n when the receiver
 * has no room.
 */
static unsigned push(struct dgram_out *out, struct mmsghdr *msgs, unsigned n)
{
	bool repaired = false;
	unsigned done = 0;

	out->down = !dgram_out_reach(out);
	set_address(out, msgs, n);
	while (done < n && !out->down) {
		int sent = sendmmsg(out->use_named ? out->named : out->own, msgs + done, n - done,
				    MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent > 0) {
			done += (unsigned)sent;
			continue;
		}
		switch (errno) {
		case EINTR:
			continue;
		case EAGAIN:
			return done;
		case EMSGSIZE:
			out->n_oversize++;
			done++;
			continue;
		case ECONNREFUSED:
		case ECONNRESET:
		case ENOENT:
		case ENOTCONN:
		case EPERM:
		case EACCES:
		case ENOTDIR:
			out->down = repaired || !repair(out);
			repaired = true;
			set_address(out, msgs, n);
			continue;
		default:
			out->n_error++;
			done++;
		}
	}
	out->n_down += n - done;
	return n;
}

static void io_ready(struct loop_io *io, uint32_t revents)
{
	struct dgram_out *out = container_of(io, struct dgram_out, io);

	out->room(out);
}

static void retry_fired(struct loop_timer *timer)
{
	struct dgram_out *out = container_of(timer, struct dgram_out, retry);

	out->room(out);
}

/*
 * If the socket polled writable but took nothing, it would poll writable again at once: the named
 * socket's send buffer is full, which polling the other socket does not show. Retry by timer.
 */
static void await_room(struct dgram_out *out, bool progress)
{
	bool polled;

	if (!out->held.len) {
		loop_io_remove(&out->io);
		loop_timer_cancel(&out->retry);
		return;
	}
	polled = progress && (out->own >= 0 || open_own(out)) && out->own >= 0;
	if (polled && !out->io.loop)
		loop_io_add(out->loop, &out->io, out->own, EPOLLOUT, io_ready);
	else if (out->io.loop)
		loop_io_events(&out->io, polled ? EPOLLOUT : 0);
	if (polled)
		loop_timer_cancel(&out->retry);
	else
		loop_timer_set(&out->retry, loop_now(out->loop) + RETRY);
}

static void hold(struct dgram_out *out, const struct frame *frames, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = FRAME_PREFIX + frames[i].len;

		if (out->held.len + len <= DGRAM_OUT_MAX)
			ring_put(&out->held, frames[i].data - FRAME_PREFIX, len);
		else
			out->n_full++;
	}
}

/* The receiver is gone: the frames held for it are lost. */
static void lose_held(struct dgram_out *out)
{
	uint8_t p[FRAME_PREFIX];

	while (out->held.len) {
		ring_copy(&out->held, 0, p, sizeof(p));
		ring_drop(&out->held, FRAME_PREFIX + ((size_t)p[0] << 24 | (size_t)p[1] << 16 |
						      (size_t)p[2] << 8 | p[3]));
		out->n_down++;
	}
}

static struct iovec header_of(const struct dgram_out *out)
{
	return (struct iovec){(uint8_t *)out->header, out->header_len};
}

/* @iov: the header, which may be empty, then the frame; @n in all. */
static void set_parts(const struct dgram_out *out, struct mmsghdr *msg, struct iovec *iov, size_t n)
{
	size_t skip = out->header_len ? 0 : 1;

	msg->msg_hdr.msg_iov = iov + skip;
	msg->msg_hdr.msg_iovlen = n - skip;
}

static size_t send_noted(struct dgram_out *out)
{
	struct mmsghdr msgs[BATCH] = {0};
	struct iovec iov[BATCH][2];
	size_t at = 0;

	while (at < out->n_noted && !out->down) {
		unsigned n = (unsigned)MIN(BATCH, out->n_noted - at);
		unsigned done;

		for (unsigned i = 0; i < n; i++) {
			const struct frame *f = &out->noted[at + i];

			iov[i][0] = header_of(out);
			iov[i][1] = (struct iovec){(uint8_t *)f->data, f->len};
			set_parts(out, &msgs[i], iov[i], 2);
		}
		done = push(out, msgs, n);
		at += done;
		if (done < n)
			break;
	}
	return at;
}

void dgram_out_flush(struct dgram_out *out)
{
	bool was_waiting = out->held.len;
	size_t at = 0;

	out->down = false;
	if (!was_waiting)
		at = send_noted(out);
	if (out->down)
		out->n_down += out->n_noted - at;
	else
		hold(out, out->noted + at, out->n_noted - at);
	out->n_noted = 0;
	pad_clear(&out->pad);
	if (out->cap_noted > NOTED_KEEP) {
		g_clear_pointer(&out->noted, g_free);
		out->cap_noted = 0;
	}
	if (!was_waiting)
		await_room(out, true);
}

/* Loads up to BATCH held frames and returns their number; ends[i] is the offset after frame i. */
static unsigned load_held(struct dgram_out *out, struct mmsghdr *msgs, struct iovec (*iov)[3],
			  size_t *ends)
{
	size_t off = 0;
	unsigned n = 0;

	while (n < BATCH && off < out->held.len) {
		uint8_t p[FRAME_PREFIX];
		size_t len;

		ring_copy(&out->held, off, p, sizeof(p));
		len = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
		iov[n][0] = header_of(out);
		set_parts(out, &msgs[n], iov[n],
			  1 + ring_peek(&out->held, off + FRAME_PREFIX, len, iov[n] + 1));
		off += FRAME_PREFIX + len;
		ends[n++] = off;
	}
	return n;
}

void dgram_out_drain(struct dgram_out *out)
{
	struct mmsghdr msgs[BATCH] = {0};
	struct iovec iov[BATCH][3];
	size_t ends[BATCH];
	bool progress = false;

	out->down = false;
	while (out->held.len && !out->down) {
		unsigned n = load_held(out, msgs, iov, ends);
		unsigned done = push(out, msgs, n);

		if (done)
			ring_drop(&out->held, ends[done - 1]);
		progress = progress || done;
		if (done < n)
			break;
	}
	if (out->down)
		lose_held(out);
	await_room(out, progress);
}

void dgram_out_note(struct dgram_out *out, const struct frame *frames, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool is_short = G_UNLIKELY(pad_is_needed(&frames[i]));

		if (out->n_noted == NOTED_MAX || (is_short && pad_is_full(&out->pad)))
			dgram_out_flush(out);
		if (out->n_noted == out->cap_noted) {
			out->cap_noted = MAX(NOTED_FIRST, out->cap_noted * 2);
			out->noted = g_renew(struct frame, out->noted, out->cap_noted);
		}
		out->noted[out->n_noted++] = is_short ? pad_copy(&out->pad, &frames[i]) : frames[i];
	}
}

/* --- lifecycle --- */

static void init(struct dgram_out *out, struct loop *loop, int named, const struct sockaddr_any *to,
		 void (*room)(struct dgram_out *out))
{
	*out = (struct dgram_out){.loop = loop, .to = *to, .named = named, .own = -1, .room = room};
	loop_timer_init(loop, &out->retry, retry_fired);
}

void dgram_out_connect(struct dgram_out *out, struct loop *loop, int named,
		       const struct sockaddr_any *to, void (*room)(struct dgram_out *out))
{
	init(out, loop, named, to, room);
	out->prefer_own = true;
}

void dgram_out_named(struct dgram_out *out, struct loop *loop, int named,
		     const struct sockaddr_any *to, void (*room)(struct dgram_out *out))
{
	init(out, loop, named, to, room);
	out->use_named = true;
}

void dgram_out_clear(struct dgram_out *out)
{
	close_own(out);
	loop_timer_cancel(&out->retry);
	ring_clear(&out->held);
	pad_clear(&out->pad);
	g_clear_pointer(&out->noted, g_free);
	out->n_noted = 0;
	out->cap_noted = 0;
}
