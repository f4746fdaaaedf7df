/* SPDX-License-Identifier: BSD-3-Clause */
#include "link/dialer.h"

#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <sys/epoll.h>

#include "base/log.h"

usec_t dialer_spread(usec_t wait, double at)
{
	return wait - wait / 4 + (usec_t)((double)(wait / 2) * at);
}

static void close_fd(struct dialer *dialer)
{
	loop_io_remove(&dialer->io);
	if (dialer->fd >= 0)
		g_close(dialer->fd, NULL);
	dialer->fd = -1;
}

void dialer_redial(struct dialer *dialer)
{
	usec_t wait = dialer_spread(dialer->wait, g_random_double());

	close_fd(dialer);
	if (!dialer->most) {
		loop_timer_cancel(&dialer->timer);
		return;
	}
	loop_timer_set(&dialer->timer, loop_now(dialer->loop) + wait);
	dialer->wait = MIN(dialer->wait * 2, dialer->most);
}

static void failed(struct dialer *dialer, int error)
{
	g_autofree char *to = sockaddr_format(&dialer->addr);

	dialer->error = error;
	if (dialer->most)
		log_debug("cannot connect to %s: %s", to, g_strerror(error));
	else
		log_warning("cannot connect to %s: %s; not retried because reconnect is 0", to,
			    g_strerror(error));
	dialer_redial(dialer);
}

/*
 * Redialling a local port in the ephemeral range can make TCP pick that very port as its own and
 * connect the socket to itself (simultaneous open, RFC 9293 3.5).
 */
static bool met_itself(int fd)
{
	struct sockaddr_any here = {.len = sizeof(here.storage)};
	struct sockaddr_any there = {.len = sizeof(there.storage)};

	if (getsockname(fd, &here.sa, &here.len) || getpeername(fd, &there.sa, &there.len))
		return false;
	return here.sa.sa_family != AF_UNIX && sockaddr_equal(&here, &there);
}

static void succeeded(struct dialer *dialer)
{
	int fd = dialer->fd;

	if (met_itself(fd)) {
		failed(dialer, ECONNREFUSED);
		return;
	}
	loop_timer_cancel(&dialer->timer);
	loop_io_remove(&dialer->io);
	dialer->fd = -1;
	dialer->error = 0;
	dialer->connected(dialer, fd);
}

static void ready(struct loop_io *io, uint32_t revents)
{
	struct dialer *dialer = container_of(io, struct dialer, io);
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(io->fd, SOL_SOCKET, SO_ERROR, &error, &len))
		error = errno;
	if (error)
		failed(dialer, error);
	else
		succeeded(dialer);
}

static void dial(struct loop_timer *timer)
{
	struct dialer *dialer = container_of(timer, struct dialer, timer);
	bool in_progress = false;

	if (dialer->fd >= 0) {
		failed(dialer, ETIMEDOUT);
		return;
	}
	dialer->fd = dialer->mptcp ? socket_connect_mptcp(&dialer->addr, &in_progress)
				   : socket_connect(&dialer->addr, SOCK_STREAM, &in_progress);
	if (dialer->fd < 0) {
		failed(dialer, errno);
		return;
	}
	if (!in_progress) {
		succeeded(dialer);
		return;
	}
	loop_timer_set(timer, loop_now(dialer->loop) + DIALER_TIMEOUT);
	loop_io_add(dialer->loop, &dialer->io, dialer->fd, EPOLLOUT, ready);
}

void dialer_init(struct dialer *dialer, struct loop *loop, const struct sockaddr_any *addr,
		 usec_t first, usec_t most, void (*connected)(struct dialer *dialer, int fd))
{
	*dialer = (struct dialer){
		.loop = loop,
		.addr = *addr,
		.first = MIN(first, most),
		.most = most,
		.wait = MIN(first, most),
		.fd = -1,
		.connected = connected,
	};
	loop_timer_init(loop, &dialer->timer, dial);
}

void dialer_start(struct dialer *dialer)
{
	loop_timer_set(&dialer->timer, loop_now(dialer->loop));
}

void dialer_good(struct dialer *dialer)
{
	dialer->wait = dialer->first;
}

void dialer_stop(struct dialer *dialer)
{
	loop_timer_cancel(&dialer->timer);
	close_fd(dialer);
}
