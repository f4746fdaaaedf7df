/* SPDX-License-Identifier: BSD-3-Clause */
#include "dns/channel_priv.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

/* --- reading --- */

static void ready(struct loop_io *io, uint32_t revents)
{
	struct channel_socket *s = container_of(io, struct channel_socket, io);
	uint8_t buffer[DNS_CHANNEL_DATAGRAM];

	for (unsigned n = 0; n < DNS_CHANNEL_BURST; n++) {
		ssize_t len = recv(io->fd, buffer, sizeof(buffer), MSG_TRUNC);

		if (len < 0) {
			/* ECONNREFUSED: the server's port is closed. */
			if (errno != EAGAIN && errno != EINTR)
				channel_fail(&s->attempts);
			return;
		}
		channel_received(s->channel, s, buffer, MIN((size_t)len, sizeof(buffer)),
				 (size_t)len > sizeof(buffer));
		/* No answer is due: save the call that would return EAGAIN. */
		if (list_empty(&s->attempts))
			return;
	}
}

/* --- the pool --- */

static void socket_free(struct channel_socket *s)
{
	int fd = s->io.fd;

	list_remove(&s->link);
	loop_io_remove(&s->io);
	close(fd);
	g_free(s);
}

/* Connected: the kernel drops datagrams from others, and chooses a random port (RFC 6056). */
static struct channel_socket *socket_new(struct dns_channel *channel)
{
	struct channel_socket *s;
	bool in_progress;
	int fd = socket_connect(&channel->server, SOCK_DGRAM, &in_progress);

	if (fd < 0)
		return NULL;
	s = g_new0(struct channel_socket, 1);
	s->channel = channel;
	list_init(&s->link);
	list_init(&s->attempts);
	loop_io_add(channel->loop, &s->io, fd, EPOLLIN, ready);
	return s;
}

static bool retire(struct dns_channel *channel, struct channel_socket *s)
{
	if (channel->n_retired >= DNS_CHANNEL_SOCKETS)
		return false;
	channel->n_retired++;
	list_append(&channel->retired, &s->link);
	/* Not now: a caller may be reading from it. */
	if (list_empty(&s->attempts))
		loop_task_defer(&channel->reap);
	return true;
}

static void fail_refused(struct channel_socket *s)
{
	if (!s || !s->refused)
		return;
	s->refused = false;
	channel_fail(&s->attempts);
}

void channel_udp_reap(struct loop_task *task)
{
	struct dns_channel *channel = container_of(task, struct dns_channel, reap);

	for (unsigned i = 0; i < DNS_CHANNEL_SOCKETS; i++)
		fail_refused(channel->sockets[i]);
	list_for_each (s, &channel->retired, struct channel_socket, link)
		fail_refused(s);
	list_for_each_safe (s, &channel->retired, struct channel_socket, link) {
		if (!list_empty(&s->attempts))
			continue;
		channel->n_retired--;
		socket_free(s);
	}
}

/* Without descriptors, use any open socket. */
static struct channel_socket *any_open(struct dns_channel *channel)
{
	for (unsigned i = 0; i < DNS_CHANNEL_SOCKETS; i++) {
		if (channel->sockets[i])
			return channel->sockets[i];
	}
	return NULL;
}

static struct channel_socket *pick(struct dns_channel *channel)
{
	struct channel_socket **slot =
		&channel->sockets[channel_random(channel) % DNS_CHANNEL_SOCKETS];

	if (*slot && (*slot)->uses >= DNS_CHANNEL_USES && retire(channel, *slot))
		*slot = NULL;
	if (!*slot)
		*slot = socket_new(channel);
	return *slot ? *slot : any_open(channel);
}

bool channel_udp_send(struct dns_channel *channel, struct dns_attempt *attempt)
{
	struct channel_socket *s = pick(channel);
	ssize_t sent;

	if (!s)
		return false;
	s->uses++;
	sent = send(s->io.fd, attempt->query, attempt->len, MSG_NOSIGNAL);
	/* The error belongs to an earlier query; now read, the loop will not see it. */
	if (sent < 0 && errno == ECONNREFUSED) {
		s->refused = true;
		loop_task_defer(&channel->reap);
		sent = send(s->io.fd, attempt->query, attempt->len, MSG_NOSIGNAL);
	}
	/* A full queue loses a datagram, as networks do. */
	if (sent < 0 && errno != EAGAIN && errno != ENOBUFS)
		return false;
	attempt->socket = s;
	list_append(&s->attempts, &attempt->link);
	return true;
}

void channel_udp_close(struct dns_channel *channel)
{
	for (unsigned i = 0; i < DNS_CHANNEL_SOCKETS; i++) {
		if (channel->sockets[i])
			socket_free(channel->sockets[i]);
		channel->sockets[i] = NULL;
	}
	list_for_each_safe (s, &channel->retired, struct channel_socket, link)
		socket_free(s);
	channel->n_retired = 0;
}
