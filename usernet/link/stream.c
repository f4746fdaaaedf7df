/* SPDX-License-Identifier: BSD-3-Clause */
#include "link/stream.h"

#include <errno.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/file.h"
#include "base/log.h"
#include "link/dial_dir.h"
#include "link/dialer.h"
#include "link/listener.h"
#include "link/stream_port.h"
#include "net/netdev.h"
#include "net/network.h"
#include "net/port.h"

/*
 * What a unix socket may hold on its way to the peer: it decides how many bytes a guest's read and
 * our write move at once. The kernel cuts it to net.core.wmem_max.
 */
#define UNIX_SNDBUF (1024 * 1024)

/* A peer behind TCP that vanished without a word is given up after two minutes (tcp(7)). */
enum { KEEPALIVE_IDLE = 60, KEEPALIVE_INTERVAL = 15, KEEPALIVE_COUNT = 4 };

struct stream_netdev {
	struct netdev netdev;
	enum stream_mode mode;
	int listen_fd;             /* -1: not a server */
	struct sockaddr_any bound; /* what we bound and unlink; len 0: nothing */
	struct listener listener;
	struct dialer dialer;
	struct dial_dir *dir; /* STREAM_DIR */
	unsigned n_peers, max_peers;
	struct loop_task reap;
};

static struct stream_netdev *from_netdev(struct netdev *netdev)
{
	return container_of(netdev, struct stream_netdev, netdev);
}

/* --- peers --- */

static void set_option(int fd, int level, int option, int value)
{
	/* Only speed and patience hang on these. */
	if (setsockopt(fd, level, option, &value, sizeof(value)))
		log_debug("socket option %d of level %d: %s", option, level, g_strerror(errno));
}

static void tune(int fd)
{
	int family = 0;
	socklen_t len = sizeof(family);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len))
		return;
	if (family == AF_UNIX) {
		set_option(fd, SOL_SOCKET, SO_SNDBUF, UNIX_SNDBUF);
		return;
	}
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE);
	set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL);
	set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT);
}

/* "pid 4711", "127.0.0.1:5000"; newly allocated, NULL when nobody knows. */
static char *describe_peer(int fd)
{
	struct sockaddr_any peer = {.len = sizeof(peer.storage)};
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getpeername(fd, &peer.sa, &peer.len))
		return NULL;
	if (peer.sa.sa_family != AF_UNIX)
		return sockaddr_format(&peer);
	/* pid 0: one of another pid namespace */
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

	tune(fd);
	self->n_peers++;
	stream_port_new(&self->netdev, fd, peer, events, owner);
}

static void add_peer(struct stream_netdev *self, int fd)
{
	add_port(self, fd, &port_events, self);
}

static void accepted(struct listener *listener, int fd, const struct sockaddr_any *peer)
{
	static struct log_limit limit;
	struct stream_netdev *self = container_of(listener, struct stream_netdev, listener);

	add_peer(self, fd);
	if (self->n_peers < self->max_peers)
		return;
	log_limited(&limit, "netdev %s: %u peers, the most it takes; others wait", self->netdev.id,
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

/* --- life --- */

static void reap(struct loop_task *task)
{
	g_free(container_of(task, struct stream_netdev, reap));
}

static void stream_destroy(struct netdev *netdev)
{
	struct stream_netdev *self = from_netdev(netdev);

	list_for_each_safe (port, &netdev->ports, struct port, netdev_link)
		stream_port_close(port);
	listener_stop(&self->listener);
	if (self->mode == STREAM_CLIENT)
		dialer_stop(&self->dialer);
	dial_dir_free(self->dir);
	if (self->listen_fd >= 0)
		g_close(self->listen_fd, NULL);
	if (self->bound.len)
		socket_unlink(&self->bound);
	netdev_fini(netdev);
	/* After the ports: those deferred earlier run earlier. */
	loop_task_defer(&self->reap);
}

static const struct netdev_ops stream_ops = {.kind = "stream", .destroy = stream_destroy};
static const struct netdev_ops socket_ops = {.kind = "socket", .destroy = stream_destroy};

static bool fail_fd(GError **error, int fd, const char *why)
{
	g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "fd %d %s", fd, why);
	return false;
}

static bool check_fd(int fd, bool *listening, GError **error)
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
	if (!accepts && getpeername(fd, &peer.sa, &peer.len))
		return fail_fd(error, fd, "neither listens nor is connected");
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
		/* The port may have been the kernel's choice. */
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

/* The listening fd in *@listen_fd, or -1 when the netdev is no server. */
static bool open_server(const struct stream_config *config, int *listen_fd,
			struct sockaddr_any *bound, GError **error)
{
	bool given =
		config->mode == STREAM_FD || (config->mode == STREAM_SERVER && config->fd >= 0);
	bool listening = false;

	*listen_fd = -1;
	if (given) {
		if (!check_fd(config->fd, &listening, error))
			return false;
		if (!listening && config->mode == STREAM_SERVER)
			return fail_fd(error, config->fd, "does not listen");
		if (listening) {
			*listen_fd = config->fd;
			/* accept() must not sleep when a client has gone again. */
			g_unix_set_fd_nonblocking(config->fd, TRUE, NULL);
		}
		return true;
	}
	if (config->mode == STREAM_CLIENT || config->mode == STREAM_DIR)
		return true;
	*listen_fd = socket_bind(&config->addr, SOCK_STREAM, error);
	*bound = config->addr;
	return *listen_fd >= 0;
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
	self->bound = bound;
	self->max_peers = config->max_peers ? config->max_peers : STREAM_MAX_PEERS;
	loop_task_init(network->loop, &self->reap, LOOP_REAP, reap);
	netdev_init(&self->netdev, socket ? &socket_ops : &stream_ops, network, config->id);
	self->netdev.description =
		describe(config, listen_fd >= 0 ? listen_fd : config->fd, listen_fd >= 0);
	if (listen_fd >= 0) {
		listener_start(&self->listener, network->loop, listen_fd, accepted);
	} else if (config->mode == STREAM_CLIENT) {
		dialer_init(&self->dialer, network->loop, &config->addr,
			    config->reconnect ? config->reconnect : STREAM_RECONNECT_DEFAULT,
			    STREAM_RECONNECT_MAX, connected);
		dialer_start(&self->dialer);
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
