/* SPDX-License-Identifier: BSD-3-Clause */
#include "link/dgram_server.h"

#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "link/dgram.h"
#include "link/dgram_port.h"
#include "link/share.h"
#include "net/netdev.h"
#include "net/network.h"
#include "net/vswitch.h"

#define PROBE_MAX 64 /* peers probed at a time */

struct dgram_peer {
	struct dgram_port base;
	struct dgram_server *server;
	struct sockaddr_any addr; /* key of dgram_server::by_addr */
	usec_t heard;
	bool gone; /* freed by reap */
	struct loop_task reap;
	struct list link; // dgram_server::peers
};

struct dgram_server {
	struct netdev *netdev;
	struct loop *loop;
	int fd;
	size_t read_max;     /* dgram_server_read_max() */
	GHashTable *by_addr; /* sockaddr_any -> dgram_peer; the key is in the peer */
	struct list peers;   /* heads dgram_peer::link, the least recently probed first */
	struct loop_timer probe;
};

/* --- peers --- */

static void reap_peer(struct loop_task *task)
{
	struct dgram_peer *peer = container_of(task, struct dgram_peer, reap);

	dgram_port_remove(&peer->base);
	g_free(peer);
}

static void forget(struct dgram_peer *peer)
{
	if (peer->gone)
		return;
	peer->gone = true;
	g_hash_table_remove(peer->server->by_addr, &peer->addr);
	list_remove(&peer->link);
	link_share_give(peer->server->netdev->network);
	loop_task_defer(&peer->reap);
}

static void peer_down(struct dgram_port *port)
{
	forget(container_of(port, struct dgram_peer, base));
}

static struct dgram_peer *meet(struct dgram_server *self, const struct sockaddr_any *addr)
{
	static struct log_limit limit;
	g_autofree char *name = sockaddr_format(addr);
	struct dgram_peer *peer;

	if (!addr->len) {
		log_limited(&limit,
			    "netdev %s: an unnamed socket sends frames but cannot receive any; "
			    "give QEMU's dgram a local.path",
			    self->netdev->id);
		return NULL;
	}
	if (g_hash_table_size(self->by_addr) >= DGRAM_MAX_PEERS) {
		self->netdev->n_refused++;
		log_limited(&limit, "netdev %s: %s is refused: the limit is %d peers",
			    self->netdev->id, name, DGRAM_MAX_PEERS);
		return NULL;
	}
	if (!link_share_has_room(self->netdev->network)) {
		self->netdev->n_refused++;
		log_limited(&limit,
			    "netdev %s: %s is refused: links hold %u descriptors, a quarter of the "
			    "process's limit",
			    self->netdev->id, name, self->netdev->network->n_links);
		return NULL;
	}
	peer = g_new0(struct dgram_peer, 1);
	dgram_out_connect(&peer->base.out, self->loop, self->fd, addr, dgram_port_room);
	if (!dgram_out_reach(&peer->base.out)) {
		log_limited(&limit,
			    "netdev %s: %s sends frames but cannot be reached (%s); QEMU's "
			    "local.path should be absolute",
			    self->netdev->id, name, g_strerror(errno));
		dgram_out_clear(&peer->base.out);
		g_free(peer);
		return NULL;
	}
	peer->server = self;
	peer->addr = *addr;
	peer->base.down = peer_down;
	loop_task_init(self->loop, &peer->reap, LOOP_REAP, reap_peer);
	g_hash_table_insert(self->by_addr, &peer->addr, peer);
	list_append(&self->peers, &peer->link);
	link_share_take(self->netdev->network);
	dgram_port_add(&peer->base, self->netdev, name);
	return peer;
}

/* --- frames --- */

/* False: the port rests, and its frames were dropped. */
static bool input(struct dgram_peer *peer, const struct frame *frames, size_t n, bool has_more)
{
	struct dgram_server *server = peer->server;
	struct port *port = &peer->base.port;

	if (!n)
		return !port_rests(port);
	peer->heard = loop_now(server->loop);
	if (port_rests(port)) {
		port_drop(port, DROP_BUDGET, n);
		return false;
	}
	port->has_more = has_more;
	server->read_max = MIN(server->read_max, port->read_max);
	vswitch_input(port, frames, n);
	return true;
}

/*
 * vfkit and libkrun (krunkit) say hello with these 4 bytes before their first frame
 * (gvisor-tap-vsock pkg/transport/unixgram_unix.go). The port is there from then on, and hears
 * broadcasts.
 */
static bool is_hello(const struct frame *frame)
{
	return frame->len == 4 && !memcmp(frame->data, "VFKT", 4);
}

size_t dgram_server_read_max(const struct dgram_server *server)
{
	return server->read_max;
}

bool dgram_server_input(struct dgram_server *self, const struct dgram_in_frame *in, size_t n,
			bool has_more)
{
	struct frame run[DGRAM_IN_MAX];
	struct dgram_peer *last = NULL;
	bool useful = false;
	size_t n_run = 0;

	g_assert(n <= DGRAM_IN_MAX);
	self->read_max = PORT_READ_MAX;
	for (size_t i = 0; i < n; i++) {
		const struct dgram_in_frame *f = &in[i];
		struct dgram_peer *peer = last;
		bool usable = !f->truncated && f->frame.len >= FRAME_MIN;

		if (!last || !sockaddr_equal(&last->addr, f->from))
			peer = g_hash_table_lookup(self->by_addr, f->from);
		if (!peer && (usable || is_hello(&f->frame)))
			peer = meet(self, f->from);
		if (!peer)
			continue;
		if (peer != last) {
			if (last)
				useful |= input(last, run, n_run, has_more);
			last = peer;
			n_run = 0;
		}
		if (usable)
			run[n_run++] = f->frame;
		else if (f->truncated || !is_hello(&f->frame))
			port_drop(&peer->base.port, f->truncated ? DROP_OVERSIZE : DROP_RUNT, 1);
	}
	if (last)
		useful |= input(last, run, n_run, has_more);
	return useful || !last;
}

/* --- probing --- */

/*
 * Datagram sockets have no end of connection: a peer that died is noticed when a frame to it is
 * refused. A silent peer is probed with connect(), which fails the same way and sends nothing.
 */
static bool is_dead(const struct dgram_peer *peer)
{
	bool in_progress;
	autofd int fd = socket_connect(&peer->addr, SOCK_DGRAM, &in_progress);

	return fd < 0 && (errno == ECONNREFUSED || errno == ENOENT);
}

static void probe(struct loop_timer *timer)
{
	struct dgram_server *self = container_of(timer, struct dgram_server, probe);
	usec_t now = loop_now(self->loop);
	unsigned n = MIN(PROBE_MAX, g_hash_table_size(self->by_addr));

	while (n-- > 0) {
		struct dgram_peer *peer = list_first(&self->peers, struct dgram_peer, link);

		list_remove(&peer->link);
		list_append(&self->peers, &peer->link);
		if (now - peer->heard >= DGRAM_PROBE && is_dead(peer))
			forget(peer);
	}
	loop_timer_set(timer, now + DGRAM_PROBE);
}

/* --- lifecycle --- */

static guint addr_hash(gconstpointer addr)
{
	return sockaddr_hash(addr);
}

static gboolean addr_equal(gconstpointer a, gconstpointer b)
{
	return sockaddr_equal(a, b);
}

struct dgram_server *dgram_server_new(struct netdev *netdev, int fd)
{
	struct dgram_server *self = g_new0(struct dgram_server, 1);

	self->netdev = netdev;
	self->loop = netdev->network->loop;
	self->fd = fd;
	self->read_max = PORT_READ_MAX;
	self->by_addr = g_hash_table_new(addr_hash, addr_equal);
	list_init(&self->peers);
	loop_timer_init(self->loop, &self->probe, probe);
	loop_timer_set(&self->probe, loop_now(self->loop) + DGRAM_PROBE);
	return self;
}

void dgram_server_stop(struct dgram_server *self)
{
	loop_timer_cancel(&self->probe);
	list_for_each_safe (port, &self->netdev->ports, struct port, netdev_link) {
		struct dgram_port *base = container_of(port, struct dgram_port, port);

		forget(container_of(base, struct dgram_peer, base));
		dgram_port_remove(base);
	}
}

void dgram_server_free(struct dgram_server *self)
{
	g_hash_table_unref(self->by_addr);
	g_free(self);
}
