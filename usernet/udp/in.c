/* SPDX-License-Identifier: BSD-3-Clause */
#include <sys/epoll.h>

#include "conntrack/conntrack.h"
#include "packet/echo.h"
#include "packet/segment.h"
#include "udp/udp_priv.h"

/*
 * Ready sockets stand in a row. A turn reads a batch of each until it has read its share; what is
 * beyond waits in the kernel, and the row goes on there in the next turn. A socket whose guest's
 * port is congested is parked until the port has drained.
 */
#define PARKED_RETRY (50 * USEC_PER_MSEC) /* a port that was removed never drains */
#define HOP_LIMIT    64

/* --- whose --- */

/* May the peer of @key, whom the guest has not written to, reach it? NULL: no. */
static struct conn *peer_opens(struct udp *udp, const struct udp_socket *socket,
			       const struct conn_key *key)
{
	const struct port *port = udp_port_of(udp, socket->mac);
	const struct conn_origin origin = {
		.opener = CONN_BY_PEER, .mac = socket->mac, .port_id = port ? port->id : 0};
	const struct packet packet = {
		.v6 = !address_is_v4(&key->guest),
		.proto = key->proto,
		.src = key->peer,
		.dst = key->guest,
		.sport = key->peer_port,
		.dport = key->guest_port,
	};

	if (conntrack_open_to_guest(udp->env.conntrack, &packet, &origin) != CONNTRACK_PASS)
		return NULL;
	return conn_find(udp->env.conns, key);
}

/* The conn that @message belongs to. NULL: it is not to reach the guest. */
static struct conn *conn_of(struct udp_socket *socket, const struct udp_message *message)
{
	struct udp *udp = socket->udp;
	struct conn_key key = {
		.guest = socket->key.guest,
		.peer = udp_shown(udp, &message->from),
		.guest_port = socket->key.port,
		.peer_port = message->port,
		.proto = socket->key.proto,
	};
	struct conn *conn = conn_find(udp->env.conns, &key);

	/* Nobody can answer port 0 (RFC 768: none is meant); an echo that comes late is of no use.
	 */
	if (!conn && key.proto == IPPROTO_UDP && key.peer_port)
		conn = peer_opens(udp, socket, &key);
	if (!conn || conn->cut)
		return NULL;
	if (!conn->udp)
		udp_share_with(socket, conn);
	return conn->udp == socket ? conn : NULL;
}

/* --- frames --- */

static struct in6_addr bare(const struct in6_addr *addr)
{
	struct in6_addr out = {0};

	if (!address_is_v4(addr))
		return *addr;
	memcpy(&out, &addr->s6_addr[12], 4);
	return out;
}

static void deliver_udp(struct udp *udp, const struct conn *conn, unsigned i)
{
	struct udp_address address = {
		.eth_src = udp->mac,
		.eth_dst = conn->mac,
		.v6 = !address_is_v4(&conn->key.guest),
		.src = bare(&conn->key.peer),
		.dst = bare(&conn->key.guest),
		.sport = conn->key.peer_port,
		.dport = conn->key.guest_port,
	};

	udp_message_deliver(udp->receiver, i, udp->env.outbox, &address);
}

/* An echo reply: the guest knows it by its own identifier. */
static void deliver_echo(struct udp *udp, const struct conn *conn, unsigned i)
{
	static uint8_t frame[PACKET_MAX];
	const struct udp_message *message = udp_message_get(udp->receiver, i);
	struct icmp_echo echo = {
		.eth_src = udp->mac,
		.eth_dst = conn->mac,
		.src = conn->key.peer,
		.dst = conn->key.guest,
		.ident = conn->key.guest_port,
		.tos = message->tos,
		.ttl = message->ttl > 1 ? (uint8_t)(message->ttl - 1) : HOP_LIMIT,
	};
	size_t headers = echo_headers_len(!address_is_v4(&conn->key.guest));
	struct frame whole = {frame, (uint32_t)headers + message->len};
	struct packet packet;
	enum drop_reason why;

	if (message->len < 8 || whole.len > PACKET_MAX)
		return;
	udp_message_copy(udp->receiver, i, frame + headers);
	echo_put_reply(frame, &echo, message->len);
	if (packet_parse(&packet, &whole, &why))
		segment_packet(&packet, 0, user_config_mtu(udp->env.config), udp->env.outbox);
}

static void deliver(struct udp_socket *socket, unsigned i)
{
	struct udp *udp = socket->udp;
	const struct udp_message *message = udp_message_get(udp->receiver, i);
	struct conn *conn = conn_of(socket, message);
	unsigned n = udp_message_count(message);

	if (!conn) {
		port_drop(udp->env.outbox->port, DROP_POLICY, n);
		return;
	}
	if (socket->key.proto == IPPROTO_UDP)
		deliver_udp(udp, conn, i);
	else
		deliver_echo(udp, conn, i);
	conn_passed(udp->env.conns, conn, CONN_TO_GUEST, n, message->len, udp_now(udp));
}

/* --- the row --- */

void udp_on_ready(struct loop_io *io, uint32_t revents)
{
	struct udp_socket *socket = container_of(io, struct udp_socket, io);
	struct udp *udp = socket->udp;

	socket->failed |= (revents & EPOLLERR) != 0;
	if (list_empty(&socket->ready_link))
		list_append(&udp->ready, &socket->ready_link);
	loop_task_defer(udp->env.service);
}

static void park(struct udp_socket *socket)
{
	struct udp *udp = socket->udp;

	list_append(&udp->parked, &socket->ready_link);
	loop_io_events(&socket->io, 0);
	if (!loop_timer_is_set(&udp->retry))
		loop_timer_set(&udp->retry, udp_now(udp) + PARKED_RETRY);
}

void udp_unpark(struct udp *udp)
{
	list_for_each_safe (socket, &udp->parked, struct udp_socket, ready_link) {
		list_remove(&socket->ready_link);
		loop_io_events(&socket->io, EPOLLIN);
	}
	loop_timer_cancel(&udp->retry);
}

/* Returns the bytes read; *@more: there may be others. */
static size_t read_batch(struct udp_socket *socket, bool *more)
{
	struct udp *udp = socket->udp;
	unsigned n = udp_receive(udp->receiver, socket->fd, &socket->pace, more);
	size_t bytes = 0;

	if (n > 0)
		udp_used(socket);
	for (unsigned i = 0; i < n; i++) {
		bytes += udp_message_get(udp->receiver, i)->len;
		deliver(socket, i);
	}
	return bytes;
}

/* As read_batch(). */
static size_t serve(struct udp_socket *socket, bool *more)
{
	struct udp *udp = socket->udp;
	const struct port *port = udp_port_of(udp, socket->mac);
	uint32_t mtu;

	if (socket->failed) {
		socket->failed = false;
		udp_read_errors(socket, &mtu);
	}
	if (port && port->congested) {
		park(socket);
		return 0;
	}
	return read_batch(socket, more);
}

void udp_read_ready(struct udp *udp)
{
	size_t read = 0;

	/* Too much for this turn's outbox would be dropped. */
	while (!list_empty(&udp->ready) && read < UDP_TURN_BYTES &&
	       udp->env.outbox->n_chunks <= OUTBOX_MAX_CHUNKS / 2) {
		struct udp_socket *socket = list_first(&udp->ready, struct udp_socket, ready_link);
		bool more = false;

		udp_hold(socket); /* a conn that its datagrams open may end those that have it */
		list_remove(&socket->ready_link);
		read += serve(socket, &more);
		if (more && socket->fd >= 0 && list_empty(&socket->ready_link))
			list_append(&udp->ready, &socket->ready_link);
		udp_release(socket);
	}
	udp_receiver_rest(udp->receiver);
}
