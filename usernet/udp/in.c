/* SPDX-License-Identifier: BSD-3-Clause */
#include "conntrack/conntrack.h"
#include "packet/echo.h"
#include "packet/ip_header.h"
#include "packet/segment.h"
#include "udp/udp_priv.h"

/*
 * From host sockets to guests: finds the conn of what a socket received, and builds the guest's
 * frames.
 */

/* --- the conn --- */

/* May the peer of @key, to which the guest has not sent, reach the guest? NULL: no. */
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

/* The conn that @message belongs to. NULL: it must not reach the guest. */
static struct conn *conn_of(struct udp_socket *socket, const struct udp_message *message)
{
	struct udp *udp = socket->host.udp;
	struct conn_key key = {
		.guest = socket->key.guest,
		.peer = udp_shown(udp, &message->from),
		.guest_port = socket->key.port,
		.peer_port = message->port,
		.proto = socket->key.proto,
	};
	struct conn *conn = conn_find(udp->env.conns, &key);

	/*
	 * Port 0 cannot be answered (RFC 768: no reply is meant); a late echo reply is of no
	 * use.
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

static void deliver_udp(struct udp *udp, const struct conn *conn, unsigned i)
{
	struct udp_address address = {
		.eth_src = udp->mac,
		.eth_dst = conn->mac,
		.src = conn->key.peer,
		.dst = conn->key.guest,
		.sport = conn->key.peer_port,
		.dport = conn->key.guest_port,
	};

	udp_message_deliver(udp->receiver, i, udp->env.outbox, &address);
}

/* An echo reply, with the guest's own identifier. */
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
		.ttl = message->ttl > 1 ? (uint8_t)(message->ttl - 1) : IP_HOP_LIMIT,
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
	struct udp *udp = socket->host.udp;
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

size_t udp_socket_read(struct udp_host *host)
{
	struct udp_socket *socket = container_of(host, struct udp_socket, host);
	size_t bytes = 0;
	uint32_t mtu;
	unsigned n;

	if (host->failed) {
		host->failed = false;
		udp_read_errors(host, &mtu);
	}
	if (udp_host_waits(host, socket->mac))
		return 0;
	n = udp_host_receive(host);
	if (n > 0)
		udp_used(socket);
	for (unsigned i = 0; i < n; i++) {
		bytes += udp_message_get(host->udp->receiver, i)->len;
		deliver(socket, i);
	}
	return bytes;
}
