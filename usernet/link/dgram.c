/* SPDX-License-Identifier: BSD-3-Clause */
#include "link/dgram.h"

#include <errno.h>
#include <sys/epoll.h>

#include "link/dgram_in.h"
#include "link/dgram_port.h"
#include "link/dgram_server.h"
#include "link/dgram_socket.h"
#include "net/netdev.h"
#include "net/network.h"
#include "net/vswitch.h"

#define SERVER_PAUSE USEC_PER_MSEC /* how long a server that reads only a flood is not read */

struct dgram_netdev {
	struct netdev netdev;
	struct dgram_socket socket;
	struct dgram_in *in;
	struct loop_io io;
	struct dgram_server *server; /* its peers; NULL for the other modes, which have one peer */
	struct loop_timer unpause;   /* of a server */
	struct dgram_port port;      /* without a server */
	struct loop_task reap;
	void *owned; /* dgram_config */
	void (*release)(void *owned);
};

/* Do frames from @from belong to this port? */
static bool is_welcome(struct dgram_netdev *self, const struct sockaddr_any *from)
{
	struct dgram_socket *socket = &self->socket;

	if (socket->mode == DGRAM_MULTICAST)
		return !dgram_socket_is_own(socket, from);
	if (!socket->remote.len || socket->remote.sa.sa_family == AF_UNIX)
		return true;
	return sockaddr_equal(from, &socket->remote);
}

static void input(struct dgram_netdev *self, const struct dgram_in_frame *in, size_t n)
{
	struct port *port = &self->port.port;
	struct frame frames[DGRAM_IN_MAX];
	size_t n_frames = 0;

	for (size_t i = 0; i < n; i++) {
		if (!is_welcome(self, in[i].from)) {
			/* A multicast group returns our own frames: do not count them as drops. */
			if (self->socket.mode != DGRAM_MULTICAST)
				port_drop(port, DROP_SPOOFED, 1);
		} else if (in[i].truncated) {
			port_drop(port, DROP_OVERSIZE, 1);
		} else if (in[i].frame.len < FRAME_MIN) {
			port_drop(port, DROP_RUNT, 1);
		} else {
			frames[n_frames++] = in[i].frame;
		}
	}
	if (n_frames)
		vswitch_input(port, frames, n_frames);
}

static void unpause(struct loop_timer *timer)
{
	struct dgram_netdev *self = container_of(timer, struct dgram_netdev, unpause);

	loop_io_events(&self->io, EPOLLIN);
}

/*
 * A flood keeps the server reading what it then drops. Unix senders wait while their receiver does
 * not read, so a short pause loses nothing. Into an inet socket they send on, and its buffer would
 * lose other guests' frames, too.
 */
static void pause_server(struct dgram_netdev *self)
{
	if (dgram_socket_is_unreliable(&self->socket))
		return;
	loop_io_events(&self->io, 0);
	loop_timer_set(&self->unpause, loop_now(self->netdev.network->loop) + SERVER_PAUSE);
}

static void ready(struct loop_io *io, uint32_t revents)
{
	struct dgram_netdev *self = container_of(io, struct dgram_netdev, io);
	const struct dgram_in_frame *frames;
	size_t n, max = dgram_in_max(self->server ? dgram_server_read_max(self->server)
						  : self->port.port.read_max);

	/*
	 * An error belongs to an earlier send (nothing listens at the peer) and is cleared by this
	 * call; dgram_out counts the lost frames.
	 */
	if (!dgram_in_read(self->in, io->fd, max, &frames, &n) || !n)
		return;
	if (self->server) {
		if (!dgram_server_input(self->server, frames, n, n == max))
			pause_server(self);
	} else {
		self->port.port.has_more = n == max;
		input(self, frames, n);
	}
}

static void pause_port(struct dgram_port *port, bool pause)
{
	struct dgram_netdev *self = container_of(port, struct dgram_netdev, port);

	loop_io_events(&self->io, pause ? 0 : EPOLLIN);
}

/* --- lifecycle --- */

static void reap(struct loop_task *task)
{
	struct dgram_netdev *self = container_of(task, struct dgram_netdev, reap);

	if (self->server)
		dgram_server_free(self->server);
	dgram_in_free(self->in);
	g_free(self);
}

static void dgram_destroy(struct netdev *netdev)
{
	struct dgram_netdev *self = container_of(netdev, struct dgram_netdev, netdev);

	if (self->server)
		dgram_server_stop(self->server);
	else
		dgram_port_remove(&self->port);
	loop_timer_cancel(&self->unpause);
	loop_io_remove(&self->io);
	dgram_socket_close(&self->socket);
	if (self->release)
		self->release(self->owned);
	netdev_fini(netdev);
	loop_task_defer(&self->reap);
}

static char *dgram_info(const struct netdev *netdev, const struct port *port)
{
	const struct dgram_netdev *self = container_of(netdev, struct dgram_netdev, netdev);

	return dgram_socket_info(&self->socket, port ? port->peer : NULL);
}

static char *socket_info(const struct netdev *netdev, const struct port *port)
{
	g_autofree char *text = dgram_info(netdev, port);
	const char *local = strstr(text, "/");

	/* For `socket`, the older netdev, QEMU prints only the destination. */
	if (g_str_has_prefix(text, "udp=") && local)
		return g_strdup_printf("socket: udp=%s", local + 1);
	return g_strdup_printf("socket: %s", text);
}

static const struct netdev_ops dgram_ops = {
	.kind = "dgram", .info = dgram_info, .destroy = dgram_destroy};
static const struct netdev_ops socket_ops = {
	.kind = "socket", .info = socket_info, .destroy = dgram_destroy};

static char *vde_info(const struct netdev *netdev, const struct port *port)
{
	/* QEMU net/vde.c: "sock=%s,fd=%d". */
	return g_strdup_printf("sock=%s", netdev->description + strlen("vde:"));
}

static const struct netdev_ops vde_ops = {
	.kind = "vde", .info = vde_info, .destroy = dgram_destroy};

static const struct netdev_ops *ops_of(const char *kind)
{
	return !strcmp(kind, "vde") ? &vde_ops : !strcmp(kind, "socket") ? &socket_ops : &dgram_ops;
}

static void add_port(struct dgram_netdev *self)
{
	struct dgram_socket *socket = &self->socket;
	g_autofree char *peer = socket->remote.len ? sockaddr_format(&socket->remote) : NULL;

	dgram_out_named(&self->port.out, self->netdev.network->loop, socket->send_fd,
			&socket->remote, dgram_port_room);
	self->port.pause = pause_port;
	dgram_port_add(&self->port, &self->netdev, peer);
	self->port.port.unreliable = dgram_socket_is_unreliable(socket);
}

struct netdev *dgram_netdev_new(struct network *network, const struct dgram_config *config,
				GError **error)
{
	struct dgram_netdev *self;
	struct dgram_socket socket;
	struct dgram_in *in;

	if (!netdev_check_id(network, config->id, error))
		return NULL;
	in = dgram_in_new();
	if (!in) {
		g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
			    "no address space for datagrams: %s", g_strerror(errno));
		return NULL;
	}
	if (!dgram_socket_open(&socket, config, error)) {
		dgram_in_free(in);
		return NULL;
	}
	self = g_new0(struct dgram_netdev, 1);
	self->socket = socket;
	self->in = in;
	loop_task_init(network->loop, &self->reap, LOOP_REAP, reap);
	netdev_init(&self->netdev, ops_of(config->kind), network, config->id);
	self->owned = config->owned;
	self->release = config->release;
	self->netdev.description = dgram_socket_describe(&socket, config);
	loop_timer_init(network->loop, &self->unpause, unpause);
	loop_io_add(network->loop, &self->io, socket.fd, EPOLLIN, ready);
	if (socket.mode == DGRAM_SERVER)
		self->server = dgram_server_new(&self->netdev, socket.fd);
	else
		add_port(self);
	return &self->netdev;
}
