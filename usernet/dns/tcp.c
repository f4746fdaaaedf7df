/* SPDX-License-Identifier: BSD-3-Clause */
#include "dns/tcp.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "dns/wire.h"

struct dns_tcp_conn {
	struct dns_tcp *tcp;
	struct dns_client client;
	struct list link; // dns_tcp::conns, or dns_tcp::closed
	struct loop_io io;
	int fd; /* -1: closed, kept while queries wait; it has no buffers then */
	unsigned waiting;
	bool ended;   /* the peer has closed its end */
	bool overrun; /* it has too many answers to take: it will be closed */
	struct loop_timer idle;
	usec_t active;
	GByteArray *in;  /* an incomplete query */
	GByteArray *out; /* answers with their lengths */
	size_t sent;     /* bytes of out */
	struct loop_task work;
};

struct dns_tcp {
	struct loop *loop;
	dns_tcp_query_fn query;
	void *data;
	struct list conns;  /* heads dns_tcp_conn::link; longest inactive first */
	struct list closed; /* heads dns_tcp_conn::link; closed ones with queries waiting */
	unsigned n_conns;
	uint64_t displaced;
};

/* --- life of a connection --- */

static void conn_free(struct dns_tcp_conn *conn)
{
	list_remove(&conn->link);
	g_free(conn);
}

static void conn_shut(struct dns_tcp_conn *conn)
{
	loop_timer_cancel(&conn->idle);
	loop_task_cancel(&conn->work);
	loop_io_remove(&conn->io);
	close(conn->fd);
	conn->fd = -1;
	g_byte_array_free(conn->in, TRUE);
	g_byte_array_free(conn->out, TRUE);
	conn->tcp->n_conns--;
	list_remove(&conn->link);
	list_append(&conn->tcp->closed, &conn->link);
}

/* Only from the loop's callbacks, as their last action: a caller may hold it otherwise. */
static void conn_close(struct dns_tcp_conn *conn)
{
	conn_shut(conn);
	if (!conn->waiting)
		conn_free(conn);
}

static void touch(struct dns_tcp_conn *conn)
{
	struct dns_tcp *tcp = conn->tcp;

	conn->active = loop_now(tcp->loop);
	list_remove(&conn->link);
	list_append(&tcp->conns, &conn->link);
	loop_timer_set(&conn->idle, conn->active + DNS_TCP_IDLE);
}

/* --- reading --- */

static bool may_read(const struct dns_tcp_conn *conn)
{
	return !conn->ended && conn->waiting < DNS_TCP_WAITING &&
	       conn->out->len - conn->sent < DNS_TCP_BACKLOG;
}

/* Passes on whole queries, up to the bound. */
static void take_queries(struct dns_tcp_conn *conn)
{
	size_t at = 0;

	while (conn->waiting < DNS_TCP_WAITING && conn->out->len - conn->sent < DNS_TCP_BACKLOG &&
	       conn->in->len - at >= 2) {
		size_t len = dns_get16(conn->in->data + at);

		if (conn->in->len - at - 2 < len)
			break;
		conn->waiting++;
		conn->tcp->query(conn->tcp->data, conn, conn->in->data + at + 2, len);
		at += 2 + len;
	}
	if (at)
		g_byte_array_remove_range(conn->in, 0, (guint)at);
}

/* False: close the connection. */
static bool read_some(struct dns_tcp_conn *conn)
{
	uint8_t buffer[16384];
	ssize_t n = recv(conn->fd, buffer, sizeof(buffer), 0);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0) {
		conn->ended = true;
		return true;
	}
	touch(conn);
	g_byte_array_append(conn->in, buffer, (guint)n);
	return true;
}

/* --- writing --- */

static bool write_some(struct dns_tcp_conn *conn)
{
	ssize_t n;

	if (conn->sent == conn->out->len)
		return true;
	n = send(conn->fd, conn->out->data + conn->sent, conn->out->len - conn->sent, MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	touch(conn);
	conn->sent += (size_t)n;
	if (conn->sent == conn->out->len) {
		g_byte_array_set_size(conn->out, 0);
		conn->sent = 0;
	}
	return true;
}

/* --- the loop --- */

/* Will nothing more come of it? */
static bool is_done(const struct dns_tcp_conn *conn)
{
	return conn->ended && !conn->waiting && conn->sent == conn->out->len;
}

/* Reads and writes what it can, and sets the events to wait for. The last action of a callback. */
static void proceed(struct dns_tcp_conn *conn, bool readable)
{
	bool more;

	if (conn->overrun || (readable && may_read(conn) && !read_some(conn))) {
		conn_close(conn);
		return;
	}
	take_queries(conn);
	if (!write_some(conn) || is_done(conn)) {
		conn_close(conn);
		return;
	}
	more = conn->sent < conn->out->len;
	loop_io_events(&conn->io, (may_read(conn) ? EPOLLIN : 0) | (more ? EPOLLOUT : 0));
}

static void conn_ready(struct loop_io *io, uint32_t revents)
{
	struct dns_tcp_conn *conn = container_of(io, struct dns_tcp_conn, io);

	if (revents & EPOLLERR) {
		conn_close(conn);
		return;
	}
	proceed(conn, revents & (EPOLLIN | EPOLLHUP));
}

/* Answers came: writes them together; then more queries may be read. */
static void conn_work(struct loop_task *task)
{
	proceed(container_of(task, struct dns_tcp_conn, work), false);
}

/* A connection whose queries wait is not idle; one that does not take its answers is. */
static void conn_idle(struct loop_timer *timer)
{
	struct dns_tcp_conn *conn = container_of(timer, struct dns_tcp_conn, idle);

	if (conn->waiting && conn->sent == conn->out->len)
		loop_timer_set(&conn->idle, loop_now(conn->tcp->loop) + DNS_TCP_IDLE);
	else
		conn_close(conn);
}

static void conn_new(struct dns_tcp *tcp, int fd, const struct dns_client *client)
{
	struct dns_tcp_conn *conn = g_new0(struct dns_tcp_conn, 1);

	conn->tcp = tcp;
	conn->client = *client;
	conn->fd = fd;
	conn->in = g_byte_array_new();
	conn->out = g_byte_array_new();
	list_append(&tcp->conns, &conn->link);
	tcp->n_conns++;
	loop_timer_init(tcp->loop, &conn->idle, conn_idle);
	loop_task_init(tcp->loop, &conn->work, LOOP_SERVICE, conn_work);
	loop_io_add(tcp->loop, &conn->io, fd, EPOLLIN, conn_ready);
	touch(conn);
}

/* --- making room --- */

static unsigned count_of_port(const struct dns_tcp *tcp, unsigned port_id)
{
	unsigned n = 0;

	list_for_each (conn, &tcp->conns, struct dns_tcp_conn, link)
		n += conn->client.port_id == port_id;
	return n;
}

/* The longest silent one of the port that has the most. */
static struct dns_tcp_conn *find_victim(const struct dns_tcp *tcp)
{
	struct dns_tcp_conn *victim = NULL;
	unsigned most = 0;

	list_for_each (conn, &tcp->conns, struct dns_tcp_conn, link) {
		unsigned n;

		/* Counted already, with another of its port. */
		if (victim && conn->client.port_id == victim->client.port_id)
			continue;
		n = count_of_port(tcp, conn->client.port_id);
		if (n > most) {
			most = n;
			victim = conn;
		}
	}
	return victim;
}

static struct dns_tcp_conn *first_of_port(const struct dns_tcp *tcp, unsigned port_id)
{
	list_for_each (conn, &tcp->conns, struct dns_tcp_conn, link) {
		if (conn->client.port_id == port_id)
			return conn;
	}
	return NULL;
}

/* --- interface --- */

struct dns_tcp *dns_tcp_new(struct loop *loop, dns_tcp_query_fn query, void *data)
{
	struct dns_tcp *tcp = g_new0(struct dns_tcp, 1);

	tcp->loop = loop;
	tcp->query = query;
	tcp->data = data;
	list_init(&tcp->conns);
	list_init(&tcp->closed);
	return tcp;
}

void dns_tcp_free(struct dns_tcp *tcp)
{
	if (!tcp)
		return;
	list_for_each_safe (conn, &tcp->conns, struct dns_tcp_conn, link)
		conn_shut(conn);
	list_for_each_safe (conn, &tcp->closed, struct dns_tcp_conn, link)
		conn_free(conn);
	g_free(tcp);
}

bool dns_tcp_take(struct dns_tcp *tcp, int fd, const struct dns_client *client)
{
	struct dns_tcp_conn *victim = NULL;

	if (fd < 0)
		return false;
	if (count_of_port(tcp, client->port_id) >= DNS_TCP_PER_PORT)
		victim = first_of_port(tcp, client->port_id);
	else if (tcp->n_conns >= DNS_TCP_MAX)
		victim = find_victim(tcp);
	if (victim) {
		tcp->displaced++;
		conn_close(victim);
	}
	conn_new(tcp, fd, client);
	return true;
}

const struct dns_client *dns_tcp_client(const struct dns_tcp_conn *conn)
{
	return &conn->client;
}

unsigned dns_tcp_count(const struct dns_tcp *tcp)
{
	return tcp->n_conns;
}

size_t dns_tcp_bytes(const struct dns_tcp *tcp)
{
	size_t bytes = 0;

	list_for_each (conn, &tcp->conns, struct dns_tcp_conn, link)
		bytes += conn->in->len + conn->out->len;
	return bytes;
}

uint64_t dns_tcp_displaced(const struct dns_tcp *tcp)
{
	return tcp->displaced;
}

void dns_tcp_forget(struct dns_tcp_conn *conn)
{
	conn->waiting--;
	if (conn->fd >= 0)
		loop_task_defer(&conn->work);
	else if (!conn->waiting)
		conn_free(conn);
}

/* Queries read before may all have long answers. False: the connection will be closed. */
static bool has_room(struct dns_tcp_conn *conn, size_t len)
{
	/* A client that reads slowly may never take all: what it has taken must not pile up. */
	if (conn->sent > DNS_TCP_BACKLOG) {
		g_byte_array_remove_range(conn->out, 0, (guint)conn->sent);
		conn->sent = 0;
	}
	if (!conn->overrun && conn->out->len - conn->sent + len > DNS_TCP_UNREAD) {
		conn->overrun = true;
		conn->tcp->displaced++;
	}
	return !conn->overrun;
}

void dns_tcp_answer(struct dns_tcp_conn *conn, const uint8_t *message, size_t len)
{
	uint8_t prefix[2];

	if (conn->fd >= 0 && has_room(conn, sizeof(prefix) + len)) {
		dns_put16(prefix, (unsigned)len);
		g_byte_array_append(conn->out, prefix, sizeof(prefix));
		g_byte_array_append(conn->out, message, (guint)len);
	}
	dns_tcp_forget(conn);
}
