/* SPDX-License-Identifier: BSD-3-Clause */
#include "forward/proxy.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/list.h"

/*
 * Theory of operation
 *
 * Bytes go straight from recv() to send(). What send() does not take waits in the side's own
 * `pending`, and until that is empty the other side is not read: so a slow reader slows the writer,
 * and nothing is kept for a fast one.
 *
 *     near ── recv ──► send ── far            far.pending, when it does not take all
 *          ◄── send ◄── recv ──               near.pending
 *
 * A side ends its saying (`ended`: read to its end) and its hearing (`deaf`: it takes no more, or
 * was told the end and has heard it) on its own. The relay is over when both have said all and
 * heard all. settle() is the one place that decides what follows, after each event.
 *
 * The loop reports EPOLLHUP and EPOLLERR as long as they last, so a side is parked (events 0) when
 * nothing is wanted of it; then only its own reading or writing can find its end.
 */
struct side {
	struct proxy *proxy;
	int fd;
	struct loop_io io;
	bool tcp;
	bool connecting;
	bool ended;       /* says no more */
	bool was_reset;   /* ended by a reset, which the other is to see */
	bool shut;        /* was told that the other says no more */
	bool deaf;        /* takes no more */
	uint8_t *pending; /* of PROXY_CHUNK, while it holds something */
	size_t from, to;  /* what is left in pending */
};

struct proxy {
	struct loop *loop;
	struct side side[2]; /* enum proxy_side */
	struct loop_timer timer;
	usec_t moved; /* when something last did */
	const struct proxy_ops *ops;
	void *data;
};

void proxy_reset(int fd)
{
	static const struct linger at_once = {1, 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
}

static struct side *other(struct side *side)
{
	return &side->proxy->side[side == &side->proxy->side[0] ? PROXY_FAR : PROXY_NEAR];
}

/* --- life --- */

static void proxy_free(struct proxy *proxy, bool reset)
{
	loop_timer_cancel(&proxy->timer);
	for (int i = 0; i < 2; i++) {
		struct side *side = &proxy->side[i];

		loop_io_remove(&side->io);
		if (reset)
			proxy_reset(side->fd);
		else
			close(side->fd);
		g_free(side->pending);
	}
	g_free(proxy);
}

static void finish(struct proxy *proxy, bool reset, int err)
{
	const struct proxy_ops *ops = proxy->ops;
	void *data = proxy->data;

	proxy_free(proxy, reset);
	ops->ended(data, err);
}

void proxy_abort(struct proxy *proxy)
{
	proxy_free(proxy, true);
}

bool proxy_has_shut(const struct proxy *proxy, enum proxy_side side)
{
	return proxy->side[side].shut;
}

/* --- bytes --- */

static bool is_full(const struct side *side)
{
	return side->pending != NULL;
}

static void drop_pending(struct side *side)
{
	g_clear_pointer(&side->pending, g_free);
}

/* How much @side took; what it will never take counts as taken. */
static size_t offer(struct side *side, const uint8_t *data, size_t len)
{
	ssize_t n;

	if (side->deaf)
		return len;
	if (side->connecting)
		return 0;
	n = send(side->fd, data, len, MSG_NOSIGNAL);
	if (n >= 0) {
		side->proxy->moved = loop_now(side->proxy->loop);
		return (size_t)n;
	}
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	side->deaf = true;
	return len;
}

static void put(struct side *side, const uint8_t *data, size_t len)
{
	size_t taken = offer(side, data, len);

	if (taken == len)
		return;
	side->pending = g_malloc(PROXY_CHUNK);
	side->from = 0;
	side->to = len - taken;
	memcpy(side->pending, data + taken, side->to);
}

static void flush(struct side *side)
{
	if (!is_full(side))
		return;
	side->from += offer(side, side->pending + side->from, side->to - side->from);
	if (side->from == side->to)
		drop_pending(side);
}

/* Once, so that one that says much leaves the others their turn. */
static void hear(struct side *side)
{
	uint8_t buffer[PROXY_CHUNK];
	ssize_t n = recv(side->fd, buffer, sizeof(buffer), 0);

	if (n > 0) {
		side->proxy->moved = loop_now(side->proxy->loop);
		put(other(side), buffer, (size_t)n);
		return;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	side->ended = true;
	side->was_reset = n < 0 && side->tcp;
	if (n < 0)
		side->deaf = true;
}

/* --- what follows --- */

/* The other has said all, and @side has it: it is told. */
static void shut_if_due(struct side *side)
{
	/* What was reset must not look like an end first. */
	if (!other(side)->ended || other(side)->was_reset || is_full(side) || side->shut ||
	    side->connecting)
		return;
	side->shut = true;
	if (shutdown(side->fd, SHUT_WR) < 0)
		side->deaf = true;
}

static bool has_heard_all(const struct side *side)
{
	return side->shut || (side->deaf && !is_full(side));
}

/* Both ways over for it: nothing will come of it any more. */
static bool is_gone(const struct side *side)
{
	return side->ended && has_heard_all(side);
}

static void set_events(struct side *side)
{
	bool reads = !side->ended && !is_full(other(side)) && !side->connecting;
	bool writes = side->connecting || is_full(side);

	loop_io_events(&side->io, (reads ? EPOLLIN : 0) | (writes ? EPOLLOUT : 0));
}

/* When to look again whether it is over, though nothing happens. */
static void set_timer(struct proxy *proxy)
{
	struct side *near = &proxy->side[PROXY_NEAR], *far = &proxy->side[PROXY_FAR];
	usec_t at;

	if (!near->ended && !far->ended && !near->deaf && !far->deaf)
		return;
	at = proxy->moved + PROXY_HALF_IDLE;
	/* Only to be read to its end: nobody hears it. */
	if (is_gone(near) || is_gone(far))
		at = MIN(at, loop_now(proxy->loop) + PROXY_LINGER);
	if (!loop_timer_is_set(&proxy->timer) || at < proxy->timer.at)
		loop_timer_set(&proxy->timer, at);
}

/* The last act of a callback: the relay may be gone after it. */
static void settle(struct proxy *proxy)
{
	struct side *near = &proxy->side[PROXY_NEAR], *far = &proxy->side[PROXY_FAR];

	for (int i = 0; i < 2; i++) {
		struct side *side = &proxy->side[i];

		if (side->deaf)
			drop_pending(side);
		shut_if_due(side);
	}
	if ((near->was_reset && !is_full(far)) || (far->was_reset && !is_full(near))) {
		finish(proxy, true, 0);
		return;
	}
	if (is_gone(near) && is_gone(far)) {
		finish(proxy, false, 0);
		return;
	}
	set_events(near);
	set_events(far);
	set_timer(proxy);
}

static void on_timer(struct loop_timer *timer)
{
	struct proxy *proxy = container_of(timer, struct proxy, timer);
	bool gone = is_gone(&proxy->side[PROXY_NEAR]) || is_gone(&proxy->side[PROXY_FAR]);

	/* Gone: not by a reset, which would take back what the other has not read yet. */
	if (gone || loop_now(proxy->loop) - proxy->moved >= PROXY_HALF_IDLE)
		finish(proxy, !gone, 0);
	else
		set_timer(proxy);
}

/* False: the relay is gone. */
static bool connected(struct side *side)
{
	socklen_t len = sizeof(int);
	int err = 0;

	if (getsockopt(side->fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		err = errno;
	if (err) {
		finish(side->proxy, true, err);
		return false;
	}
	side->connecting = false;
	return true;
}

static void on_ready(struct loop_io *io, uint32_t revents)
{
	struct side *side = container_of(io, struct side, io);

	if (side->connecting && !connected(side))
		return;
	flush(side);
	if ((revents & (EPOLLIN | EPOLLHUP | EPOLLERR)) && !side->ended && !is_full(other(side)))
		hear(side);
	settle(side->proxy);
}

static void side_init(struct proxy *proxy, enum proxy_side which, int fd, bool connecting)
{
	struct side *side = &proxy->side[which];
	int domain = 0, on = 1;
	socklen_t len = sizeof(domain);

	side->proxy = proxy;
	side->fd = fd;
	side->connecting = connecting;
	getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len);
	side->tcp = domain != AF_UNIX;
	if (side->tcp) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	}
	loop_io_add(proxy->loop, &side->io, fd, 0, on_ready);
}

struct proxy *proxy_new(struct loop *loop, int near_fd, int far_fd, bool connecting,
			const struct proxy_ops *ops, void *data)
{
	struct proxy *proxy = g_new0(struct proxy, 1);

	proxy->loop = loop;
	proxy->ops = ops;
	proxy->data = data;
	proxy->moved = loop_now(loop);
	loop_timer_init(loop, &proxy->timer, on_timer);
	side_init(proxy, PROXY_NEAR, near_fd, false);
	side_init(proxy, PROXY_FAR, far_fd, connecting);
	set_events(&proxy->side[PROXY_NEAR]);
	set_events(&proxy->side[PROXY_FAR]);
	return proxy;
}
