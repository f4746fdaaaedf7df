/* SPDX-License-Identifier: BSD-3-Clause */
#include "link/stream.h"

#include <errno.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <sys/socket.h>

#include "base/file.h"
#include "base/log.h"
#include "base/reserve.h"
#include "link/address_text.h"
#include "link/dial_dir.h"
#include "link/dialer.h"
#include "link/listener.h"
#include "link/share.h"
#include "link/stream_port.h"
#include "net/netdev.h"
#include "net/network.h"
#include "net/port.h"

struct stream_netdev {
	struct netdev netdev;
	enum stream_mode mode;
	int given_fd; /* STREAM_FD: its number, for display; else -1 */
	struct tcp_keepalive keepalive;
	int listen_fd;             /* -1: not a server */
	struct sockaddr_any bound; /* the address we bound, to unlink; len 0: none */
	struct listener listener;
	struct dialer dialer;
	struct dial_dir *dir; /* STREAM_DIR */
	unsigned n_peers, max_peers;
	struct stream_rests rests;
	struct loop_task reap;
};

static struct stream_netdev *from_netdev(struct netdev *netdev)
{
	return container_of(netdev, struct stream_netdev, netdev);
}

/* --- peers --- */

/* "pid 4711", "127.0.0.1:5000"; newly allocated, NULL if unknown. */
static char *describe_peer(int fd)
{
	struct sockaddr_any peer = {.len = sizeof(peer.storage)};
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getpeername(fd, &peer.sa, &peer.len))
		return NULL;
	if (peer.sa.sa_family != AF_UNIX)
		return sockaddr_format(&peer);
	/* pid 0: a process of another pid namespace */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) || cred.pid <= 0)
		return NULL;
	return g_strdup_printf("pid %d", (int)cred.pid);
}

static void peer_carried(void *owner)
{
	struct stream_netdev *self = owner;

	if (self->mode == STREAM_CLIENT)
		dialer_good(&self->dialer);
}

static void peer_gone(void *owner)
{
	struct stream_netdev *self = owner;

	self->n_peers--;
	link_share_give(self->netdev.network);
	if (self->listen_fd >= 0)
		listener_hold(&self->listener, false);
	else if (self->mode == STREAM_CLIENT)
		dialer_redial(&self->dialer);
}

static const struct stream_port_events port_events = {
	.carried = peer_carried,
	.gone = peer_gone,
};

static void dialled_carried(void *owner)
{
	dial_dir_good(owner);
}

static void dialled_gone(void *owner)
{
	struct stream_netdev *self = dial_dir_owner(owner);

	self->n_peers--;
	dial_dir_lost(owner);
}

static const struct stream_port_events dialled_events = {
	.carried = dialled_carried,
	.gone = dialled_gone,
};

static void add_port(struct stream_netdev *self, int fd, const struct stream_port_events *events,
		     void *owner)
{
	g_autofree char *peer = describe_peer(fd);

	tcp_tune(fd, &self->keepalive);
	self->n_peers++;
	link_share_take(self->netdev.network);
	stream_port_new(&self->netdev, fd, peer, &self->rests, events, owner);
}

static void add_peer(struct stream_netdev *self, int fd)
{
	add_port(self, fd, &port_events, self);
}

static bool may_accept(struct listener *listener)
{
	static struct log_limit limit, memory_limit;
	struct stream_netdev *self = container_of(listener, struct stream_netdev, listener);

	if (reserve_is_low()) {
		log_limited(&memory_limit, "netdev %s: no memory for another link; it waits",
			    self->netdev.id);
		return false;
	}
	if (link_share_has_room(self->netdev.network))
		return true;
	self->netdev.n_refused++;
	log_limited(&limit,
		    "netdev %s: links hold %u descriptors, a quarter of the process's limit; "
		    "others wait",
		    self->netdev.id, self->netdev.network->n_links);
	return false;
}

static void accepted(struct listener *listener, int fd, const struct sockaddr_any *peer)
{
	static struct log_limit limit;
	struct stream_netdev *self = container_of(listener, struct stream_netdev, listener);

	add_peer(self, fd);
	if (self->n_peers < self->max_peers)
		return;
	log_limited(&limit, "netdev %s: %u peers, the limit; others wait", self->netdev.id,
		    self->n_peers);
	listener_hold(listener, true);
}

static void connected(struct dialer *dialer, int fd)
{
	add_peer(container_of(dialer, struct stream_netdev, dialer), fd);
}

static void dir_connected(void *owner, struct dialled *dialled, int fd)
{
	add_port(owner, fd, &dialled_events, dialled);
}

/* --- lifecycle --- */

static void reap(struct loop_task *task)
{
	g_free(container_of(task, struct stream_netdev, reap));
}

static void stream_destroy(struct netdev *netdev)
{
	struct stream_netdev *self = from_netdev(netdev);

	list_for_each_safe (port, &netdev->ports, struct port, netdev_link) {
		stream_port_close(port);
		link_share_give(netdev->network);
	}
	listener_stop(&self->listener);
	if (self->mode == STREAM_CLIENT)
		dialer_stop(&self->dialer);
	dial_dir_free(self->dir);
	if (self->listen_fd >= 0)
		g_close(self->listen_fd, NULL);
	if (self->bound.len)
		socket_unlink(&self->bound);
	netdev_fini(netdev);
	/* Runs after the ports' tasks, which were deferred earlier. */
	loop_task_defer(&self->reap);
}

/* --- QEMU's info text (QEMU net/stream.c and net/socket.c, qemu_set_info_str) --- */

static char *stream_info(const struct netdev *netdev, const struct port *port)
{
	const struct stream_netdev *self = container_of(netdev, struct stream_netdev, netdev);
	bool server = self->listen_fd >= 0;
	struct sockaddr_any addr;

	/* A unix client is unnamed: show the server's address. */
	if (port) {
		stream_port_address(port, server, &addr);
		return address_text_uri(&addr);
	}
	if (server)
		return g_strdup("listening");
	if (self->mode == STREAM_CLIENT && !self->dialer.most && self->dialer.error)
		return g_strdup_printf("error: %s", g_strerror(self->dialer.error));
	return g_strdup(self->mode == STREAM_CLIENT ? "connecting" : "");
}

static char *socket_info(const struct netdev *netdev, const struct port *port)
{
	const struct stream_netdev *self = container_of(netdev, struct stream_netdev, netdev);
	g_autofree char *text = NULL;
	struct sockaddr_any addr;

	if (self->mode == STREAM_FD)
		return g_strdup_printf("socket: fd=%d", self->given_fd);
	if (self->mode == STREAM_CLIENT) {
		text = address_text_host_port(&self->dialer.addr);
		return g_strdup_printf("socket: connect to %s", text);
	}
	if (!port)
		return g_strdup("");
	stream_port_address(port, false, &addr);
	text = address_text_host_port(&addr);
	return g_strdup_printf("socket: connection from %s", text);
}

static const struct netdev_ops stream_ops = {
	.kind = "stream", .info = stream_info, .destroy = stream_destroy};
static const struct netdev_ops socket_ops = {
	.kind = "socket", .info = socket_info, .destroy = stream_destroy};

static bool fail_fd(GError **error, int fd, const char *why)
{
	g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "fd %d %s", fd, why);
	return false;
}

static bool check_fd(int fd, bool listens, bool *listening, GError **error)
{
	struct sockaddr_any peer = {.len = sizeof(peer.storage)};
	int type = 0, accepts = 0;
	socklen_t len = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len))
		return fail_fd(error, fd, errno == EBADF ? "is not open" : "is not a socket");
	if (type != SOCK_STREAM)
		return fail_fd(error, fd, "is not a stream socket");
	len = sizeof(accepts);
	getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &len);
	*listening = accepts;
	if (accepts || !getpeername(fd, &peer.sa, &peer.len))
		return !listens || accepts ||
		       fail_fd(error, fd, "is connected; server=on needs a listening socket");
	if (!listens)
		return fail_fd(error, fd, "neither listens nor is connected");
	/* QEMU also listens on a bound socket (util/qemu-sockets.c, socket_listen). */
	if (listen(fd, SOMAXCONN))
		return fail_fd(error, fd, g_strerror(errno));
	*listening = true;
	return true;
}

static char *describe(const struct stream_config *config, int fd, bool server)
{
	struct sockaddr_any addr = config->addr;
	g_autofree char *text = NULL;
	const char *family;

	if (config->mode == STREAM_FD)
		return g_strdup_printf("fd:%d%s", fd, server ? " (server)" : "");
	if (server) {
		/* The kernel may have chosen the port. */
		addr.len = sizeof(addr.storage);
		if (getsockname(fd, &addr.sa, &addr.len))
			addr = config->addr;
	}
	text = sockaddr_format(&addr);
	if (config->mode == STREAM_DIR)
		return g_strdup_printf("unix:%s* (client)", text);
	family = addr.sa.sa_family == AF_UNIX ? "unix" : "tcp";
	return g_strdup_printf("%s:%s (%s)", family, text, server ? "server" : "client");
}

/* Sets *@listen_fd to the listening fd, or -1 when the netdev is not a server. */
static bool open_server(const struct stream_config *config, int *listen_fd,
			struct sockaddr_any *bound, GError **error)
{
	bool given =
		config->mode == STREAM_FD || (config->mode == STREAM_SERVER && config->fd >= 0);
	bool listening = false;

	*listen_fd = -1;
	if (given) {
		if (!check_fd(config->fd, config->listens, &listening, error))
			return false;
		if (!listening && config->mode == STREAM_SERVER)
			return fail_fd(error, config->fd, "does not listen");
		if (listening) {
			*listen_fd = config->fd;
			/* accept() must not block when the client is gone already. */
			g_unix_set_fd_nonblocking(config->fd, TRUE, NULL);
		}
		return true;
	}
	if (config->mode == STREAM_CLIENT || config->mode == STREAM_DIR)
		return true;
	*listen_fd = socket_bind(&config->addr, SOCK_STREAM, error);
	*bound = config->addr;
	if (*listen_fd < 0)
		return false;
	if (socket_share(bound, &config->file, error))
		return true;
	g_close(*listen_fd, NULL);
	socket_unlink(bound);
	return false;
}

static void start_dialer(struct stream_netdev *self, const struct stream_config *config)
{
	bool said = config->reconnect || config->once;
	usec_t first = said ? config->reconnect : STREAM_RECONNECT_DEFAULT;
	usec_t most = said ? config->reconnect : STREAM_RECONNECT_MAX;

	dialer_init(&self->dialer, self->netdev.network->loop, &config->addr, first, most,
		    connected);
	self->dialer.mptcp = config->mptcp;
	dialer_start(&self->dialer);
}

struct netdev *stream_netdev_new(struct network *network, const struct stream_config *config,
				 GError **error)
{
	struct sockaddr_any bound = {0};
	struct stream_netdev *self;
	bool socket = !strcmp(config->kind, "socket");
	int listen_fd;

	if (!netdev_check_id(network, config->id, error))
		return NULL;
	if (!open_server(config, &listen_fd, &bound, error))
		return NULL;
	self = g_new0(struct stream_netdev, 1);
	self->mode = config->mode;
	self->listen_fd = listen_fd;
	self->given_fd = config->mode == STREAM_FD ? config->fd : -1;
	self->keepalive = config->keepalive;
	list_init(&self->rests.ports);
	self->bound = bound;
	self->max_peers = config->max_peers ? config->max_peers : STREAM_MAX_PEERS;
	loop_task_init(network->loop, &self->reap, LOOP_REAP, reap);
	netdev_init(&self->netdev, socket ? &socket_ops : &stream_ops, network, config->id);
	self->netdev.description =
		describe(config, listen_fd >= 0 ? listen_fd : config->fd, listen_fd >= 0);
	if (listen_fd >= 0) {
		listener_start(&self->listener, network->loop, listen_fd, accepted);
		self->listener.may_accept = may_accept;
	} else if (config->mode == STREAM_CLIENT) {
		start_dialer(self, config);
	} else if (config->mode == STREAM_DIR) {
		self->dir = dial_dir_new(network->loop, config->addr.un.sun_path, dir_connected,
					 self, error);
		if (!self->dir) {
			stream_destroy(&self->netdev);
			return NULL;
		}
	} else {
		add_peer(self, config->fd);
	}
	return &self->netdev;
}
