/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/reserve.h"
#include "udp/udp_priv.h"

/* Keys are hashed and compared as bytes. */
G_STATIC_ASSERT(sizeof(struct udp_key) == 20);

guint udp_key_hash(gconstpointer key)
{
	return (guint)hash_bytes(hash_seed(), key, sizeof(struct udp_key));
}

gboolean udp_key_equal(gconstpointer a, gconstpointer b)
{
	return !memcmp(a, b, sizeof(struct udp_key));
}

/* --- shares --- */

static struct udp_share *share_of(struct udp *udp, struct charge *charge)
{
	struct udp_share *share = g_hash_table_lookup(udp->shares, charge);

	if (!share) {
		share = g_new0(struct udp_share, 1);
		share->charge = charge_ref(charge);
		list_init(&share->sockets);
		g_hash_table_insert(udp->shares, charge, share);
	}
	share->n_all++;
	return share;
}

static void leave_share(struct udp *udp, struct udp_share *share)
{
	if (--share->n_all > 0)
		return;
	g_hash_table_remove(udp->shares, share->charge);
	charge_put(share->charge);
	g_free(share);
}

static void move_to(struct udp_socket *socket, struct charge *charge)
{
	struct udp *udp = socket->host.udp;
	struct udp_share *old = socket->share;

	socket->share = share_of(udp, charge);
	if (socket->host.fd >= 0) {
		list_remove(&socket->link);
		old->n--;
		charge_move(old->charge, charge, CHARGE_FDS, 1);
		list_append(&socket->share->sockets, &socket->link);
		socket->share->n++;
	}
	leave_share(udp, old);
}

/* --- descriptors --- */

static void close_fd(struct udp_socket *socket)
{
	if (socket->host.fd < 0)
		return;
	udp_host_close(&socket->host);
	list_remove(&socket->link);
	socket->share->n--;
	socket->host.udp->n_open--;
	charge_give(socket->share->charge, CHARGE_FDS, 1);
}

/* Closes the socket of @share that was silent for longest. */
static bool give_way(struct udp_share *share)
{
	static struct log_limit limit;
	struct udp_socket *socket;
	const struct port *port;

	if (list_empty(&share->sockets) || reserve_is_low())
		return false;
	socket = list_first(&share->sockets, struct udp_socket, link);
	socket->host.udp->n_evicted++;
	port = udp_port_of(socket->host.udp, socket->mac);
	log_limited(&limit,
		    "%s: guests use all the UDP sockets they may have; the longest silent one is "
		    "closed",
		    port ? port->name : "(no port)");
	close_fd(socket);
	return true;
}

static bool take_charge(struct udp *udp, struct udp_share *share)
{
	unsigned max = UDP_SOCKETS_MAX;

	if (share->n >= UDP_SOCKETS_FEW)
		max -= UDP_SOCKETS_MAX / CHARGE_DENOMINATOR;
	if (udp->n_open >= max || share->n >= UDP_SOCKETS_MAX_PER_PORT)
		return give_way(share) && charge_take(share->charge, CHARGE_FDS, 1);
	return charge_take(share->charge, CHARGE_FDS, 1) ||
	       (give_way(share) && charge_take(share->charge, CHARGE_FDS, 1));
}

static void note_refusal(int error, bool ping, enum drop_reason *why)
{
	static struct log_limit limit;
	static bool told;

	if (error == ENOBUFS || error == ENOMEM)
		*why = DROP_MEMORY;
	if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM)
		return;
	*why = DROP_UNSUPPORTED;
	if (ping && error == EACCES && !told) {
		told = true;
		log_warning(
			"guests cannot ping: this user may open no ping sockets. As root: sysctl "
			"net.ipv4.ping_group_range=\"0 2147483647\"");
	} else if (!ping) {
		log_limited(&limit, "cannot open a UDP socket for a guest: %s", g_strerror(error));
	}
}

static int open_host(const struct udp_socket *socket)
{
	const struct udp_host *host = &socket->host;
	struct sockaddr_any from;
	bool bound = outgoing_find(host->udp->env.network, host->udp->env.config, socket->mac,
				   host->v6, &from);

	return udp_host_open(&socket->key, bound ? &from : NULL, host->ttl, host->tos,
			     host->dont_fragment);
}

static bool open_fd(struct udp_socket *socket, enum drop_reason *why)
{
	struct udp *udp = socket->host.udp;
	int fd;

	*why = drop_reason_no_room();
	if (!take_charge(udp, socket->share))
		return false;
	fd = open_host(socket);
	if (fd < 0 && (errno == EMFILE || errno == ENFILE) && give_way(socket->share))
		fd = open_host(socket);
	if (fd < 0) {
		note_refusal(errno, socket->key.proto != IPPROTO_UDP, why);
		charge_give(socket->share->charge, CHARGE_FDS, 1);
		return false;
	}
	udp_host_watch(&socket->host, fd);
	list_append(&socket->share->sockets, &socket->link);
	socket->share->n++;
	udp->n_open++;
	return true;
}

/* --- life --- */

static void on_last(struct udp_host *host)
{
	struct udp_socket *socket = container_of(host, struct udp_socket, host);

	close_fd(socket);
	leave_share(host->udp, socket->share);
	g_hash_table_remove(host->udp->sockets, &socket->key);
	g_free(socket);
}

static struct udp_socket *make(struct udp *udp, const struct udp_key *key, struct charge *charge)
{
	struct udp_socket *socket = g_new0(struct udp_socket, 1);

	udp_host_init(udp, &socket->host);
	socket->host.refs = 0;
	socket->host.last = on_last;
	socket->host.read = udp_socket_read;
	socket->host.v6 = !address_is_v4(&key->guest);
	socket->host.ping = key->proto != IPPROTO_UDP;
	socket->key = *key;
	list_init(&socket->link);
	socket->share = share_of(udp, charge);
	g_hash_table_insert(udp->sockets, &socket->key, socket);
	return socket;
}

static void on_ended(struct conn *conn)
{
	udp_detach(conn);
}

static const struct conn_ops conn_ops = {
	.ended = on_ended,
};

void udp_share_with(struct udp_socket *socket, struct conn *conn)
{
	if (!conn->charge)
		conn->charge = charge_ref(socket->share->charge);
	conn->udp = socket;
	conn->ops = &conn_ops;
	udp_host_hold(&socket->host);
}

void udp_detach(struct conn *conn)
{
	struct udp_socket *socket = conn->udp;

	if (conn->ops != &conn_ops)
		return;
	conn->udp = NULL;
	conn->ops = NULL;
	udp_host_release(&socket->host);
}

struct udp_socket *udp_attach(struct udp *udp, struct conn *conn)
{
	const struct udp_key key = {
		.guest = conn->key.guest, .port = conn->key.guest_port, .proto = conn->key.proto};
	struct udp_socket *socket = g_hash_table_lookup(udp->sockets, &key);

	if (!conn->charge)
		conn->charge = charge_get(udp->env.charges, conn->port_id);
	if (!socket)
		socket = make(udp, &key, conn->charge);
	udp_share_with(socket, conn);
	return socket;
}

bool udp_revive(struct udp_socket *socket, struct conn *conn, const struct udp_out *out,
		enum drop_reason *why)
{
	if (G_UNLIKELY(conn->charge && conn->charge != socket->share->charge))
		move_to(socket, conn->charge);
	if (G_LIKELY(socket->host.fd >= 0))
		return true;
	socket->host.ttl = out->ttl;
	socket->host.tos = out->tos;
	socket->host.dont_fragment = out->dont_fragment;
	socket->host.no_gso = false;
	return open_fd(socket, why);
}

void udp_used(struct udp_socket *socket)
{
	list_remove(&socket->link);
	list_append(&socket->share->sockets, &socket->link);
}
