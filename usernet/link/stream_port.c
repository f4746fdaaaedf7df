/* SPDX-License-Identifier: BSD-3-Clause */
#include "link/stream_port.h"

#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/chunk.h"
#include "base/log.h"
#include "base/reserve.h"
#include "link/framing.h"
#include "link/sendq.h"
#include "net/netdev.h"
#include "net/network.h"
#include "net/vswitch.h"

#define FRAMES_MAX 256 /* handed to the switch at a time */

G_STATIC_ASSERT(FRAMING_REST_MAX + PORT_READ_MAX <= CHUNK_SIZE);

struct stream_port {
	struct port port;
	const struct stream_port_events *events;
	void *owner;
	int fd;
	struct loop_io io;
	struct sendq queue;
	uint8_t *rest; /* the beginning of an incomplete frame */
	size_t rest_len, rest_cap;
	struct stream_rests *rests;
	struct list rest_link; // stream_rests::ports, while rest is not NULL
	bool paused;
	bool carried;
	bool closing; /* no more input or output; freed by reap */
	struct loop_task reap;
};

static struct stream_port *from_port(struct port *port)
{
	return container_of(port, struct stream_port, port);
}

/*
 * A port whose output is broken keeps reading even when it should pause: the peer's last frames are
 * still in the socket, and so is the end of the stream.
 */
static void update_events(struct stream_port *self)
{
	uint32_t events = 0;

	if (self->closing)
		return;
	if (!self->paused || self->queue.error)
		events |= EPOLLIN;
	if (sendq_held(&self->queue) && !self->queue.error)
		events |= EPOLLOUT;
	loop_io_events(&self->io, events);
}

/* --- incomplete frames --- */

static void set_rest_cap(struct stream_port *self, size_t cap)
{
	self->rests->bytes += cap;
	self->rests->bytes -= self->rest_cap;
	self->rest_cap = cap;
}

static void drop_rest(struct stream_port *self)
{
	if (!self->rest)
		return;
	g_clear_pointer(&self->rest, g_free);
	set_rest_cap(self, 0);
	self->rest_len = 0;
	list_remove(&self->rest_link);
}

/* --- closing --- */

static void shut(struct stream_port *self)
{
	self->closing = true;
	loop_io_remove(&self->io);
	g_close(self->fd, NULL);
	self->fd = -1;
	sendq_clear(&self->queue);
	drop_rest(self);
	loop_task_defer(&self->reap);
}

static void reap(struct loop_task *task)
{
	struct stream_port *self = container_of(task, struct stream_port, reap);

	if (self->port.vswitch) {
		netdev_remove_port(&self->port);
		self->events->gone(self->owner);
	}
	g_free(self);
}

void stream_port_close(struct port *port)
{
	struct stream_port *self = from_port(port);

	if (!self->closing)
		shut(self);
	netdev_remove_port(port);
}

void stream_port_address(const struct port *port, bool own, struct sockaddr_any *addr)
{
	const struct stream_port *self = container_of(port, struct stream_port, port);

	*addr = (struct sockaddr_any){.len = sizeof(addr->storage)};
	if (getpeername(self->fd, &addr->sa, &addr->len))
		addr->len = 0;
	if (!own || !addr->len || addr->sa.sa_family != AF_UNIX)
		return;
	addr->len = sizeof(addr->storage);
	if (getsockname(self->fd, &addr->sa, &addr->len))
		addr->len = 0;
}

static void peer_gone(struct stream_port *self, const char *why)
{
	log_debug("%s (%s): %s", self->port.name, self->port.peer ? self->port.peer : "unknown",
		  why);
	shut(self);
}

static void bad_length(struct stream_port *self, uint32_t length)
{
	static struct log_limit limit;

	log_limited(&limit,
		    "%s (%s): a frame of %u bytes is announced, 1 to %u can be; closing the link. "
		    "Does the peer speak QEMU's stream framing?",
		    self->port.name, self->port.peer ? self->port.peer : "unknown", length,
		    FRAME_MAX);
	port_drop(&self->port, length ? DROP_OVERSIZE : DROP_MALFORMED, 1);
	shut(self);
}

/* --- input --- */

static void bound_rests(struct stream_rests *rests)
{
	static struct log_limit limit;

	while (rests->bytes > (reserve_is_low() ? STREAM_RESTS_LOW : STREAM_RESTS_MAX)) {
		struct stream_port *oldest =
			list_first(&rests->ports, struct stream_port, rest_link);

		log_limited(&limit,
			    "%s (%s): incomplete frames of netdev %s use %zu bytes, which is too "
			    "much; closing this link, whose frame began first",
			    oldest->port.name, oldest->port.peer ? oldest->port.peer : "unknown",
			    oldest->port.netdev->id, rests->bytes);
		oldest->port.netdev->n_refused++;
		shut(oldest);
	}
}

static void keep_rest(struct stream_port *self, const uint8_t *p, size_t len)
{
	if (!len) {
		drop_rest(self);
		return;
	}
	if (len > self->rest_cap || len < self->rest_cap / 4) {
		drop_rest(self);
		self->rest = g_malloc(len);
		set_rest_cap(self, len);
	} else {
		list_remove(&self->rest_link);
	}
	list_append(&self->rests->ports, &self->rest_link);
	memcpy(self->rest, p, len);
	self->rest_len = len;
	bound_rests(self->rests);
}

/* Bytes missing from the incomplete frame; 0: there is none, or its length is still incomplete. */
static size_t missing(const struct stream_port *self)
{
	size_t whole;

	if (self->rest_len < FRAME_PREFIX)
		return 0;
	whole = FRAME_PREFIX + ((size_t)self->rest[0] << 24 | (size_t)self->rest[1] << 16 |
				(size_t)self->rest[2] << 8 | self->rest[3]);
	return whole - self->rest_len;
}

/* Fewer bytes came than are missing. Each byte is copied once, however small the reads. */
static void add_to_rest(struct stream_port *self, const uint8_t *p, size_t len)
{
	size_t whole = self->rest_len + missing(self), cap = self->rest_cap;

	if (self->rest_len + len > cap) {
		cap = MIN(whole, MAX(2 * cap, self->rest_len + len));
		self->rest = g_realloc(self->rest, cap);
		set_rest_cap(self, cap);
	}
	memcpy(self->rest + self->rest_len, p, len);
	self->rest_len += len;
	bound_rests(self->rests);
}

/* Returns true when frames were borrowed from @data. */
static bool take_in(struct stream_port *self, const uint8_t *data, size_t len)
{
	struct framing in = framing_init(data, len);
	struct frame frames[FRAMES_MAX];
	bool borrowed = false;
	size_t n;

	while (!self->closing && (n = framing_split(&in, frames, FRAMES_MAX))) {
		if (!self->carried) {
			self->carried = true;
			self->events->carried(self->owner);
		}
		vswitch_input(&self->port, frames, n);
		borrowed = true;
	}
	if (self->closing)
		return borrowed;
	if (in.n_runts)
		port_drop(&self->port, DROP_RUNT, in.n_runts);
	if (in.bad)
		bad_length(self, in.bad_length);
	else
		keep_rest(self, in.p, (size_t)(in.end - in.p));
	return borrowed;
}

static void read_once(struct stream_port *self)
{
	struct chunk_pool *pool = self->port.netdev->network->chunks;
	struct chunk *chunk = chunk_try(pool);
	bool borrowed = false;
	size_t wanted = MAX(self->port.read_max, MIN(missing(self), PORT_READ_MAX));
	ssize_t got;

	if (!chunk)
		return; /* what the peer sent waits in the socket */
	got = recv(self->fd, chunk->data + self->rest_len, wanted, MSG_DONTWAIT);
	self->port.has_more = got == (ssize_t)wanted;
	if (got > 0 && (size_t)got < missing(self)) {
		add_to_rest(self, chunk->data + self->rest_len, (size_t)got);
	} else if (got > 0) {
		if (self->rest_len)
			memcpy(chunk->data, self->rest, self->rest_len);
		borrowed = take_in(self, chunk->data, self->rest_len + (size_t)got);
	} else if (got == 0) {
		peer_gone(self, "closed by the peer");
	} else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
		peer_gone(self, g_strerror(errno));
	}
	if (borrowed)
		chunk_retire(pool, chunk);
	else
		chunk_return(pool, chunk);
}

/* --- output --- */

static void settle_output(struct stream_port *self)
{
	size_t held;

	if (self->queue.n_dropped) {
		port_drop(&self->port, DROP_QUEUE_FULL, self->queue.n_dropped);
		self->queue.n_dropped = 0;
	}
	/* With a peer that is gone, its last frames are read first: read_once() sees the end. */
	if (self->queue.error && self->queue.error != EPIPE && self->queue.error != ECONNRESET) {
		peer_gone(self, g_strerror(self->queue.error));
		return;
	}
	if (self->queue.error)
		ring_clear(&self->queue.held);
	held = sendq_held(&self->queue);
	if (held > SENDQ_HIGH)
		port_set_congested(&self->port, true);
	else if (held < SENDQ_LOW)
		port_set_congested(&self->port, false);
	update_events(self);
}

static void stream_send(struct port *port, const struct frame *frames, size_t n)
{
	struct stream_port *self = from_port(port);

	if (self->closing || self->queue.error)
		port_drop(port, DROP_LINK_DOWN, n);
	else
		sendq_note(&self->queue, frames, n);
}

static void stream_flush(struct port *port)
{
	struct stream_port *self = from_port(port);

	if (self->closing)
		return;
	sendq_flush(&self->queue);
	settle_output(self);
}

static void stream_pause(struct port *port, bool pause)
{
	struct stream_port *self = from_port(port);

	self->paused = pause;
	update_events(self);
}

static const struct port_ops ops = {
	.send = stream_send,
	.flush = stream_flush,
	.pause = stream_pause,
};

static void ready(struct loop_io *io, uint32_t revents)
{
	struct stream_port *self = container_of(io, struct stream_port, io);

	/* HUP may come with the peer's last frames: read those now; the next turn reads the end. */
	if (revents & (EPOLLIN | EPOLLHUP | EPOLLERR))
		read_once(self);
	if (!self->closing && (revents & EPOLLOUT)) {
		sendq_drain(&self->queue);
		settle_output(self);
	}
}

struct stream_port *stream_port_new(struct netdev *netdev, int fd, const char *peer,
				    struct stream_rests *rests,
				    const struct stream_port_events *events, void *owner)
{
	struct loop *loop = netdev->network->loop;
	struct stream_port *self = g_new0(struct stream_port, 1);

	self->rests = rests;
	list_init(&self->rest_link);
	self->events = events;
	self->owner = owner;
	self->fd = fd;
	sendq_init(&self->queue, fd);
	loop_task_init(loop, &self->reap, LOOP_REAP, reap);
	loop_io_add(loop, &self->io, fd, EPOLLIN, ready);
	netdev_add_port(netdev, &self->port, &ops, peer);
	return self;
}
