/* SPDX-License-Identifier: BSD-3-Clause */
#include "link/vxlan.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <netinet/udp.h>
#include <sys/epoll.h>

#include "base/file.h"
#include "base/log.h"
#include "link/dgram_in.h"
#include "link/dgram_port.h"
#include "link/vxlan_header.h"
#include "net/netdev.h"
#include "net/network.h"
#include "net/vswitch.h"

/* Holds a burst while the switch is busy. The kernel limits it to net.core.rmem_max. */
#define BUFFER         (4 * 1024 * 1024)
#define SILENCE_PERIOD (VXLAN_SILENCE / 5) /* how often silent remotes are looked for */

struct vxlan {
	struct netdev netdev;
	uint32_t vni;
	uint8_t header[VXLAN_HEADER]; /* of every datagram to send */
	uint16_t port;                /* of the remotes; network byte order */
	int fd;
	struct dgram_in *in;
	struct loop_io io;
	size_t read_max;     /* the least port::read_max of the remotes last seen */
	GHashTable *by_addr; /* sockaddr_any -> remote; the key is in the remote */
	bool unlisted;
	unsigned n_unlisted;
	struct loop_timer silence;
	struct loop_task reap;
};

struct remote {
	struct dgram_port base;
	struct vxlan *vxlan;
	struct sockaddr_any addr; /* key of vxlan::by_addr */
	bool unlisted;
	usec_t heard;
	bool gone; /* freed by reap */
	struct loop_task reap;
};

/* --- remotes --- */

static void reap_remote(struct loop_task *task)
{
	struct remote *remote = container_of(task, struct remote, reap);

	dgram_port_remove(&remote->base);
	g_free(remote);
}

static void forget(struct remote *remote)
{
	if (remote->gone)
		return;
	remote->gone = true;
	remote->vxlan->n_unlisted -= remote->unlisted;
	g_hash_table_remove(remote->vxlan->by_addr, &remote->addr);
	loop_task_defer(&remote->reap);
}

static struct remote *add_remote(struct vxlan *self, const struct sockaddr_any *addr, bool unlisted)
{
	struct loop *loop = self->netdev.network->loop;
	struct remote *remote = g_new0(struct remote, 1);
	g_autofree char *name = sockaddr_format(addr);

	remote->vxlan = self;
	remote->addr = *addr;
	remote->unlisted = unlisted;
	remote->heard = loop_now(loop);
	self->n_unlisted += unlisted;
	loop_task_init(loop, &remote->reap, LOOP_REAP, reap_remote);
	dgram_out_named(&remote->base.out, loop, self->fd, addr, dgram_port_room);
	remote->base.out.header = self->header;
	remote->base.out.header_len = sizeof(self->header);
	g_hash_table_insert(self->by_addr, &remote->addr, remote);
	dgram_port_add(&remote->base, &self->netdev, name);
	/* A VTEP may send without a UDP checksum (RFC 7348 section 5). */
	remote->base.port.unreliable = true;
	return remote;
}

static void forget_silent(struct loop_timer *timer)
{
	struct vxlan *self = container_of(timer, struct vxlan, silence);
	usec_t now = loop_now(self->netdev.network->loop);

	list_for_each_safe (port, &self->netdev.ports, struct port, netdev_link) {
		struct dgram_port *base = container_of(port, struct dgram_port, port);
		struct remote *remote = container_of(base, struct remote, base);

		if (remote->unlisted && now - remote->heard >= VXLAN_SILENCE)
			forget(remote);
	}
	loop_timer_set(timer, now + SILENCE_PERIOD);
}

/* @from with the port of its VTEP: a datagram's source port differs for each flow. */
static struct sockaddr_any vtep_of(const struct vxlan *self, const struct sockaddr_any *from)
{
	struct sockaddr_any vtep = *from;

	if (vtep.sa.sa_family == AF_INET)
		vtep.in.sin_port = self->port;
	else
		vtep.in6.sin6_port = self->port;
	return vtep;
}

static bool is_host(const struct sockaddr_any *a, const struct sockaddr_any *b)
{
	if (a->sa.sa_family != b->sa.sa_family)
		return false;
	if (a->sa.sa_family == AF_INET)
		return a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
	return IN6_ARE_ADDR_EQUAL(&a->in6.sin6_addr, &b->in6.sin6_addr) &&
	       a->in6.sin6_scope_id == b->in6.sin6_scope_id;
}

/* A datagram with our VNI came from an address that is no remote. */
static struct remote *meet(struct vxlan *self, const struct sockaddr_any *vtep)
{
	static struct log_limit limit;
	g_autofree char *name = sockaddr_format(vtep);

	if (self->unlisted && self->n_unlisted < VXLAN_MAX_UNLISTED)
		return add_remote(self, vtep, true);
	self->netdev.n_refused++;
	if (self->unlisted)
		log_limited(&limit, "netdev %s: %s is refused: the limit is %d unlisted remotes",
			    self->netdev.id, name, VXLAN_MAX_UNLISTED);
	else
		log_limited(&limit,
			    "netdev %s: frames from %s are refused: it is not in remote=, and "
			    "unlisted=on is not given",
			    self->netdev.id, name);
	return NULL;
}

/* --- frames --- */

static void input(struct remote *remote, const struct frame *frames, size_t n, bool has_more)
{
	struct vxlan *self = remote->vxlan;
	struct port *port = &remote->base.port;

	if (!n)
		return;
	remote->heard = loop_now(self->netdev.network->loop);
	/* One socket has all remotes' frames, so a port that rests (net/fair.h) loses its own. */
	if (port_rests(port)) {
		port_drop(port, DROP_BUDGET, n);
		return;
	}
	port->has_more = has_more;
	self->read_max = MIN(self->read_max, port->read_max);
	vswitch_input(port, frames, n);
}

/* Removes the header. False: the frame was dropped and counted at @port, which may be NULL. */
static bool unwrap(struct vxlan *self, struct port *port, const struct dgram_in_frame *in,
		   struct frame *out)
{
	enum drop_reason why = DROP_MALFORMED;
	uint32_t vni;

	if (!in->truncated && vxlan_read(in->frame.data, in->frame.len, &vni)) {
		*out = in->frame;
		out->data += VXLAN_HEADER;
		out->len -= VXLAN_HEADER;
		if (vni == self->vni && out->len >= FRAME_MIN) {
			/* The prefix takes the place of the header. */
			frame_set_prefix((uint8_t *)out->data, out->len);
			return true;
		}
		why = vni == self->vni ? DROP_RUNT : DROP_VLAN;
	}
	if (port)
		port_drop(port, in->truncated ? DROP_OVERSIZE : why, 1);
	return false;
}

static struct remote *find(const struct vxlan *self, const struct sockaddr_any *vtep)
{
	return g_hash_table_lookup(self->by_addr, vtep);
}

static void take(struct vxlan *self, const struct dgram_in_frame *in, size_t n, bool has_more)
{
	struct frame run[DGRAM_IN_MAX];
	struct remote *last = NULL;
	size_t n_run = 0;

	self->read_max = PORT_READ_MAX;
	for (size_t i = 0; i < n; i++) {
		struct remote *remote = last;
		struct frame frame;
		bool usable;

		if (!last || !is_host(&last->addr, in[i].from)) {
			struct sockaddr_any vtep = vtep_of(self, in[i].from);

			remote = find(self, &vtep);
			usable = unwrap(self, remote ? &remote->base.port : NULL, &in[i], &frame);
			if (!remote && usable)
				remote = meet(self, &vtep);
		} else {
			usable = unwrap(self, &last->base.port, &in[i], &frame);
		}
		if (!remote)
			continue;
		if (remote != last) {
			if (last)
				input(last, run, n_run, has_more);
			last = remote;
			n_run = 0;
		}
		if (usable)
			run[n_run++] = frame;
	}
	if (last)
		input(last, run, n_run, has_more);
}

static void ready(struct loop_io *io, uint32_t revents)
{
	struct vxlan *self = container_of(io, struct vxlan, io);
	size_t n, max = dgram_in_max(self->read_max);
	const struct dgram_in_frame *frames;

	if (dgram_in_read(self->in, io->fd, max, &frames, &n) && n)
		take(self, frames, n, n == max);
}

/* --- lifecycle --- */

static void reap(struct loop_task *task)
{
	struct vxlan *self = container_of(task, struct vxlan, reap);

	g_hash_table_unref(self->by_addr);
	dgram_in_free(self->in);
	g_free(self);
}

static void destroy(struct netdev *netdev)
{
	struct vxlan *self = container_of(netdev, struct vxlan, netdev);

	list_for_each_safe (port, &netdev->ports, struct port, netdev_link) {
		struct dgram_port *base = container_of(port, struct dgram_port, port);

		forget(container_of(base, struct remote, base));
		dgram_port_remove(base);
	}
	loop_timer_cancel(&self->silence);
	loop_io_remove(&self->io);
	g_close(self->fd, NULL);
	netdev_fini(netdev);
	loop_task_defer(&self->reap);
}

static const struct netdev_ops ops = {.kind = "vxlan", .destroy = destroy};

static int open_socket(const struct sockaddr_any *local, GError **error)
{
	int fd = socket_bind(local, SOCK_DGRAM, error);
	int size = BUFFER, on = 1, dont = IP_PMTUDISC_DONT;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	/* A full frame and its headers exceed an ethernet MTU: they are sent in fragments. */
	if (local->sa.sa_family == AF_INET)
		setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &dont, sizeof(dont));
	else
		setsockopt(fd, IPPROTO_UDP, UDP_NO_CHECK6_RX, &on, sizeof(on)); /* RFC 6935 */
	return fd;
}

static guint addr_hash(gconstpointer addr)
{
	return sockaddr_hash(addr);
}

static gboolean addr_equal(gconstpointer a, gconstpointer b)
{
	return sockaddr_equal(a, b);
}

struct netdev *vxlan_netdev_new(struct network *network, const struct vxlan_config *config,
				GError **error)
{
	const struct sockaddr_any *local = &config->local;
	g_autofree char *name = sockaddr_format(local);
	struct vxlan *self;
	struct dgram_in *in;
	int fd;

	if (!netdev_check_id(network, config->id, error))
		return NULL;
	in = dgram_in_new();
	if (!in) {
		g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
			    "no address space for datagrams: %s", g_strerror(errno));
		return NULL;
	}
	fd = open_socket(local, error);
	if (fd < 0) {
		dgram_in_free(in);
		return NULL;
	}
	self = g_new0(struct vxlan, 1);
	self->vni = config->vni;
	self->port = local->sa.sa_family == AF_INET ? local->in.sin_port : local->in6.sin6_port;
	self->fd = fd;
	self->in = in;
	self->read_max = PORT_READ_MAX;
	self->unlisted = config->unlisted;
	self->by_addr = g_hash_table_new(addr_hash, addr_equal);
	vxlan_write(self->header, config->vni);
	loop_task_init(network->loop, &self->reap, LOOP_REAP, reap);
	loop_timer_init(network->loop, &self->silence, forget_silent);
	if (config->unlisted)
		loop_timer_set(&self->silence, loop_now(network->loop) + SILENCE_PERIOD);
	netdev_init(&self->netdev, &ops, network, config->id);
	self->netdev.uplink = true;
	self->netdev.description = g_strdup_printf("vxlan:%u udp:%s", config->vni, name);
	loop_io_add(network->loop, &self->io, fd, EPOLLIN, ready);
	for (size_t i = 0; i < config->n_remotes; i++)
		add_remote(self, &config->remotes[i], false);
	return &self->netdev;
}
