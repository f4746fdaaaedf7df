/* SPDX-License-Identifier: BSD-3-Clause */
#include "dns/channel_priv.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

/* DNS over TCP (RFC 1035 4.2.2, RFC 7766): one connection with pipelined queries. */

static struct dns_channel *channel_of(struct channel_stream *stream)
{
	return container_of(stream, struct dns_channel, stream);
}

void channel_stream_close(struct channel_stream *stream)
{
	if (stream->fd < 0)
		return;
	loop_timer_cancel(&stream->stall);
	loop_io_remove(&stream->io);
	close(stream->fd);
	stream->fd = -1;
	g_byte_array_free(stream->in, TRUE);
	g_byte_array_free(stream->out, TRUE);
}

/* --- writing --- */

static void put_query(struct channel_stream *stream, const struct dns_attempt *attempt)
{
	uint8_t prefix[2];

	dns_put16(prefix, (unsigned)attempt->len);
	g_byte_array_append(stream->out, prefix, sizeof(prefix));
	g_byte_array_append(stream->out, attempt->query, (guint)attempt->len);
}

/* False: the connection has failed. */
static bool write_some(struct channel_stream *stream)
{
	ssize_t n = send(stream->fd, stream->out->data + stream->sent,
			 stream->out->len - stream->sent, MSG_NOSIGNAL);

	/* ENOTCONN: still connecting. */
	if (n < 0)
		return errno == EAGAIN || errno == EINTR || errno == ENOTCONN;
	stream->sent += (size_t)n;
	if (stream->sent == stream->out->len) {
		g_byte_array_set_size(stream->out, 0);
		stream->sent = 0;
	}
	return true;
}

/* --- the end of a connection --- */

static bool open_stream(struct dns_channel *channel);

/*
 * Servers close connections at will (RFC 7766 6.2.4): if this one had answered before, the queries
 * under way are sent once more on another.
 */
static void lost(struct channel_stream *stream)
{
	bool worked = stream->answers;
	struct list again;

	channel_stream_close(stream);
	list_init(&again);
	list_for_each_safe (attempt, &stream->attempts, struct dns_attempt, link) {
		if (!worked || attempt->repeated)
			continue;
		attempt->repeated = true;
		list_remove(&attempt->link);
		list_append(&again, &attempt->link);
	}
	channel_fail(&stream->attempts);
	if (list_empty(&again))
		return;
	list_splice(&stream->attempts, &again);
	/* The callback of a failed attempt may have opened a new one. */
	if (stream->fd < 0 && !open_stream(channel_of(stream))) {
		channel_fail(&stream->attempts);
		return;
	}
	list_for_each (attempt, &stream->attempts, struct dns_attempt, link)
		put_query(stream, attempt);
	loop_io_events(&stream->io, EPOLLIN | EPOLLOUT);
}

static void stalled(struct loop_timer *timer)
{
	struct channel_stream *stream = container_of(timer, struct channel_stream, stall);

	channel_stream_close(stream);
	channel_fail(&stream->attempts);
}

static void note_progress(struct channel_stream *stream)
{
	if (stream->n_attempts)
		loop_timer_set(&stream->stall,
			       loop_now(channel_of(stream)->loop) + DNS_CHANNEL_STREAM_WAIT);
	else
		loop_timer_cancel(&stream->stall);
}

/* --- reading --- */

static bool read_some(struct channel_stream *stream)
{
	uint8_t buffer[16384];
	ssize_t n = recv(stream->fd, buffer, sizeof(buffer), 0);
	size_t at = 0;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		return false;
	g_byte_array_append(stream->in, buffer, (guint)n);
	stream->answers = true;
	while (stream->in->len - at >= 2) {
		size_t len = dns_get16(stream->in->data + at);

		if (stream->in->len - at - 2 < len)
			break;
		channel_received(channel_of(stream), NULL, stream->in->data + at + 2, len, false);
		at += 2 + len;
	}
	if (at)
		g_byte_array_remove_range(stream->in, 0, (guint)at);
	note_progress(stream);
	return true;
}

static void ready(struct loop_io *io, uint32_t revents)
{
	struct channel_stream *stream = container_of(io, struct channel_stream, io);

	if ((revents & (EPOLLIN | EPOLLERR | EPOLLHUP)) && !read_some(stream)) {
		lost(stream);
		return;
	}
	if (stream->sent < stream->out->len && !write_some(stream)) {
		lost(stream);
		return;
	}
	loop_io_events(io, EPOLLIN | (stream->sent < stream->out->len ? EPOLLOUT : 0));
}

/* --- opening --- */

static bool open_stream(struct dns_channel *channel)
{
	struct channel_stream *stream = &channel->stream;
	bool in_progress;
	int on = 1;

	stream->fd = socket_connect(&channel->server, SOCK_STREAM, &in_progress);
	if (stream->fd < 0)
		return false;
	setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	stream->in = g_byte_array_new();
	stream->out = g_byte_array_new();
	stream->sent = 0;
	stream->answers = false;
	loop_io_add(channel->loop, &stream->io, stream->fd, EPOLLIN | EPOLLOUT, ready);
	loop_timer_set(&stream->stall, loop_now(channel->loop) + DNS_CHANNEL_STREAM_WAIT);
	return true;
}

bool channel_stream_send(struct dns_channel *channel, struct dns_attempt *attempt)
{
	struct channel_stream *stream = &channel->stream;

	if (stream->n_attempts > DNS_CHANNEL_STREAMED || (stream->fd < 0 && !open_stream(channel)))
		return false;
	put_query(stream, attempt);
	loop_io_events(&stream->io, EPOLLIN | EPOLLOUT);
	if (!loop_timer_is_set(&stream->stall))
		loop_timer_set(&stream->stall, loop_now(channel->loop) + DNS_CHANNEL_STREAM_WAIT);
	return true;
}

void channel_stream_init(struct dns_channel *channel)
{
	struct channel_stream *stream = &channel->stream;

	stream->fd = -1;
	list_init(&stream->attempts);
	loop_timer_init(channel->loop, &stream->stall, stalled);
}
