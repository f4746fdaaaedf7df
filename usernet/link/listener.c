/* SPDX-License-Identifier: BSD-3-Clause */
#include "link/listener.h"

#include <errno.h>
#include <sys/epoll.h>

#include "base/log.h"

static void update(struct listener *listener)
{
	bool idle = listener->held || loop_timer_is_set(&listener->rest);

	loop_io_events(&listener->io, idle ? 0 : EPOLLIN);
}

static void rested(struct loop_timer *timer)
{
	update(container_of(timer, struct listener, rest));
}

/* Does the error concern one connection that is gone, not the listener (accept(2))? */
static bool is_passing(int error)
{
	switch (error) {
	case EINTR:
	case ECONNABORTED:
	case EPROTO:
	case EPERM:
	case ENETDOWN:
	case ENETUNREACH:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case ENONET:
	case ENOPROTOOPT:
	case EOPNOTSUPP:
		return true;
	default:
		return false;
	}
}

static void rest(struct listener *listener)
{
	loop_timer_set(&listener->rest, loop_now(listener->io.loop) + LISTENER_REST);
	update(listener);
}

static void ready(struct loop_io *io, uint32_t revents)
{
	static struct log_limit limit;
	struct listener *listener = container_of(io, struct listener, io);

	for (int i = 0; i < LISTENER_BATCH && io->loop && !listener->held; i++) {
		struct sockaddr_any peer = {.len = sizeof(peer.storage)};
		int fd;

		if (listener->may_accept && !listener->may_accept(listener)) {
			rest(listener);
			return;
		}
		fd = accept4(io->fd, &peer.sa, &peer.len, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0) {
			listener->accepted(listener, fd, &peer);
			continue;
		}
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			return;
		if (is_passing(errno))
			continue;
		log_limited(&limit, "cannot accept a connection: %s; it waits", g_strerror(errno));
		rest(listener);
		return;
	}
}

void listener_start(struct listener *listener, struct loop *loop, int fd,
		    void (*accepted)(struct listener *listener, int fd,
				     const struct sockaddr_any *peer))
{
	*listener = (struct listener){.accepted = accepted};
	loop_timer_init(loop, &listener->rest, rested);
	loop_io_add(loop, &listener->io, fd, EPOLLIN, ready);
}

void listener_hold(struct listener *listener, bool hold)
{
	if (!listener->io.loop || listener->held == hold)
		return;
	listener->held = hold;
	update(listener);
}

void listener_stop(struct listener *listener)
{
	if (!listener->io.loop)
		return;
	loop_timer_cancel(&listener->rest);
	loop_io_remove(&listener->io);
}
