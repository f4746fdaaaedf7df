/* SPDX-License-Identifier: BSD-3-Clause */
#include "dns/tcp_listener.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/file.h"
#include "base/sockaddr.h"

struct dns_tcp_listener {
	struct loop *loop;
	struct dns_tcp *tcp;
	int fd;
	uint16_t port;
	unsigned accepted;
	struct loop_io io;
	struct loop_timer pause;
};

static void resume(struct loop_timer *timer)
{
	loop_io_events(&container_of(timer, struct dns_tcp_listener, pause)->io, EPOLLIN);
}

static void ready(struct loop_io *io, uint32_t revents)
{
	struct dns_tcp_listener *listener = container_of(io, struct dns_tcp_listener, io);
	struct sockaddr_any peer = {.len = sizeof(peer.storage)};
	int fd = accept4(listener->fd, &peer.sa, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	/* Whose it is cannot be seen here: each counts as a port of its own. */
	struct dns_client client = {.port_id = ~listener->accepted++};
	int on = 1;

	if (fd >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		dns_tcp_take(listener->tcp, fd, &client);
	} else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
		loop_io_events(&listener->io, 0);
		loop_timer_set(&listener->pause, loop_now(listener->loop) + DNS_TCP_PAUSE);
	}
}

struct dns_tcp_listener *dns_tcp_listen(struct dns_tcp *tcp, struct loop *loop, bool v6,
					GError **error)
{
	struct dns_tcp_listener *listener;
	struct sockaddr_any addr;
	autofd int fd = -1;

	if (!sockaddr_inet(&addr, v6 ? "::1" : "127.0.0.1", "0", error))
		return NULL;
	fd = socket_bind(&addr, SOCK_STREAM, error);
	if (fd < 0)
		return NULL;
	addr.len = sizeof(addr.storage);
	if (getsockname(fd, &addr.sa, &addr.len) < 0) {
		g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
			    "cannot see which port was given: %s", g_strerror(errno));
		return NULL;
	}
	listener = g_new0(struct dns_tcp_listener, 1);
	listener->loop = loop;
	listener->tcp = tcp;
	listener->fd = steal_fd(&fd);
	listener->port = g_ntohs(v6 ? addr.in6.sin6_port : addr.in.sin_port);
	loop_timer_init(loop, &listener->pause, resume);
	loop_io_add(loop, &listener->io, listener->fd, EPOLLIN, ready);
	return listener;
}

void dns_tcp_listener_free(struct dns_tcp_listener *listener)
{
	if (!listener)
		return;
	loop_timer_cancel(&listener->pause);
	loop_io_remove(&listener->io);
	close(listener->fd);
	g_free(listener);
}

uint16_t dns_tcp_listener_port(const struct dns_tcp_listener *listener)
{
	return listener->port;
}
