/* SPDX-License-Identifier: BSD-3-Clause */
#include "link/dgram_socket.h"

#include <errno.h>
#include <glib/gstdio.h>

#include "base/file.h"
#include "base/log.h"
#include "link/address_text.h"

/* Holds a burst while the switch is busy. The kernel limits it to net.core.rmem_max. */
#define RCVBUF (4 * 1024 * 1024)

static bool fail(GError **error, int err, const char *what, const struct sockaddr_any *addr)
{
	g_autofree char *name = sockaddr_format(addr);

	g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(err), "%s %s: %s", what, name,
		    g_strerror(err));
	return false;
}

static bool is_group(const struct sockaddr_any *addr)
{
	return addr->len && addr->sa.sa_family == AF_INET &&
	       IN_MULTICAST(ntohl(addr->in.sin_addr.s_addr));
}

/* --- multicast (QEMU net/socket.c, net_socket_mcast_create) --- */

static bool find_own_address(const struct dgram_socket *self, struct sockaddr_any *own)
{
	autofd int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return false;
	/* Connects to learn the source address for the group; sends nothing. */
	setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &self->interface, sizeof(self->interface));
	if (connect(fd, &self->remote.sa, self->remote.len))
		return false;
	own->len = sizeof(own->storage);
	return getsockname(fd, &own->sa, &own->len) == 0;
}

static void learn_own(struct dgram_socket *self)
{
	struct sockaddr_any sender = {.len = sizeof(sender.storage)};
	struct sockaddr_any route;

	/* Without it our own frames are not recognised and would be forwarded again. */
	if (getsockname(self->send_fd, &sender.sa, &sender.len))
		log_debug("own address of a multicast socket: %s", g_strerror(errno));
	self->own = sender;
	if (!sender.in.sin_addr.s_addr && find_own_address(self, &route))
		self->own.in.sin_addr = route.in.sin_addr;
}

bool dgram_socket_is_own(struct dgram_socket *self, const struct sockaddr_any *from)
{
	if (!from->len || from->in.sin_port != self->own.in.sin_port)
		return false;
	/* The same port at another address: another host, or our address changed. */
	if (from->in.sin_addr.s_addr != self->own.in.sin_addr.s_addr)
		learn_own(self);
	return from->in.sin_addr.s_addr == self->own.in.sin_addr.s_addr;
}

static bool open_multicast(struct dgram_socket *self, int given, GError **error)
{
	struct ip_mreq member = {.imr_multiaddr = self->remote.in.sin_addr,
				 .imr_interface = self->interface};
	struct sockaddr_any from = {
		.len = sizeof(from.in),
		.in = {.sin_family = AF_INET, .sin_addr = self->interface},
	};
	autofd int fd = given >= 0 ? -1 : socket_bind(&self->remote, SOCK_DGRAM, error);
	autofd int send_fd = -1;
	int on = 1;

	if (given < 0 && fd < 0)
		return false;
	/* A passed fd may already be a member. */
	if (setsockopt(given >= 0 ? given : fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &member,
		       sizeof(member)) &&
	    errno != EADDRINUSE) {
		if (errno == ENODEV)
			return fail(
				error, ENODEV,
				"no interface has a route to multicast groups; name one by a local "
				"address",
				&self->remote);
		return fail(error, errno, "cannot join the group", &self->remote);
	}
	send_fd = socket_bind(&from, SOCK_DGRAM, error);
	if (send_fd < 0)
		return false;
	if (setsockopt(send_fd, IPPROTO_IP, IP_MULTICAST_LOOP, &on, sizeof(on)) ||
	    setsockopt(send_fd, IPPROTO_IP, IP_MULTICAST_IF, &self->interface,
		       sizeof(self->interface)))
		return fail(error, errno, "cannot send from", &from);
	self->fd = given >= 0 ? given : steal_fd(&fd);
	self->send_fd = steal_fd(&send_fd);
	learn_own(self);
	return true;
}

/* --- other modes --- */

static bool fail_fd(GError **error, int fd, const char *why)
{
	g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "fd %d %s", fd, why);
	return false;
}

static bool open_fd(struct dgram_socket *self, int fd, GError **error)
{
	struct sockaddr_any addr = {.len = sizeof(addr.storage)};
	int type = 0;
	socklen_t len = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len))
		return fail_fd(error, fd, errno == EBADF ? "is not open" : "is not a socket");
	if (type != SOCK_DGRAM)
		return fail_fd(error, fd, "is not a datagram socket");
	self->fd = self->send_fd = fd;
	if (!getpeername(fd, &addr.sa, &addr.len)) {
		self->mode = DGRAM_PAIR;
		return true;
	}
	addr.len = sizeof(addr.storage);
	if (getsockname(fd, &addr.sa, &addr.len))
		return fail_fd(error, fd, "has no address");
	if (is_group(&addr)) {
		self->mode = DGRAM_MULTICAST;
		self->remote = addr;
		return open_multicast(self, fd, error);
	}
	self->mode = DGRAM_SERVER;
	if (addr.sa.sa_family != AF_UNIX || addr.len <= sizeof(sa_family_t))
		return fail_fd(error, fd,
			       "is neither connected, nor bound to a unix name or a multicast "
			       "group");
	return true;
}

/* A remote "any" address means this host, whose datagrams come from loopback (Linux, ip(7)). */
static void make_any_loopback(struct sockaddr_any *addr)
{
	if (addr->sa.sa_family == AF_INET && addr->in.sin_addr.s_addr == INADDR_ANY)
		addr->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else if (addr->sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&addr->in6.sin6_addr))
		addr->in6.sin6_addr = in6addr_loopback;
}

static bool open_bound(struct dgram_socket *self, const struct dgram_config *config, GError **error)
{
	int size = RCVBUF;

	if (config->mode == DGRAM_PAIR) {
		if (config->local.sa.sa_family != config->remote.sa.sa_family) {
			g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
				    "local and remote must be of the same address family");
			return false;
		}
		self->remote = config->remote;
		make_any_loopback(&self->remote);
	}
	self->fd = socket_bind(&config->local, SOCK_DGRAM, error);
	if (self->fd < 0)
		return false;
	if (!socket_share(&config->local, &config->file, error)) {
		g_close(self->fd, NULL);
		socket_unlink(&config->local);
		return false;
	}
	self->send_fd = self->fd;
	self->bound = config->local;
	setsockopt(self->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	setsockopt(self->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return true;
}

bool dgram_socket_open(struct dgram_socket *self, const struct dgram_config *config, GError **error)
{
	*self = (struct dgram_socket){
		.mode = config->mode, .given = config->mode == DGRAM_FD, .fd = -1, .send_fd = -1};
	switch (config->mode) {
	case DGRAM_MULTICAST:
		self->remote = config->remote;
		if (!is_group(&config->remote))
			return fail(error, EINVAL, "not an IPv4 multicast group", &config->remote);
		if (config->local.len && config->local.sa.sa_family != AF_INET)
			return fail(error, EINVAL, "not an IPv4 address of this host",
				    &config->local);
		if (config->local.len)
			self->interface = config->local.in.sin_addr;
		return open_multicast(self, -1, error);
	case DGRAM_FD:
		return open_fd(self, config->fd, error);
	case DGRAM_SERVER:
		if (config->local.sa.sa_family != AF_UNIX)
			return fail(error, EINVAL,
				    "without 'remote' a dgram needs a unix 'local', not",
				    &config->local);
		return open_bound(self, config, error);
	case DGRAM_PAIR:
		return open_bound(self, config, error);
	}
	g_assert_not_reached();
}

void dgram_socket_close(struct dgram_socket *self)
{
	if (self->send_fd != self->fd)
		g_close(self->send_fd, NULL);
	g_close(self->fd, NULL);
	if (self->bound.len)
		socket_unlink(&self->bound);
}

bool dgram_socket_is_unreliable(const struct dgram_socket *self)
{
	int family = AF_UNSPEC;
	socklen_t len = sizeof(family);

	return getsockopt(self->fd, SOL_SOCKET, SO_DOMAIN, &family, &len) || family != AF_UNIX;
}

static char *info_of_given(const struct dgram_socket *self)
{
	g_autofree char *group = NULL;

	if (self->mode != DGRAM_MULTICAST)
		return g_strdup_printf("fd=%d %s", self->fd,
				       dgram_socket_is_unreliable(self) ? "inet" : "unix");
	group = address_text_host_port(&self->remote);
	return g_strdup_printf("fd=%d (cloned mcast=%s)", self->fd, group);
}

char *dgram_socket_info(const struct dgram_socket *self, const char *peer)
{
	struct sockaddr_any local = {.len = sizeof(local.storage)};
	g_autofree char *here = NULL, *there = NULL;

	if (self->given)
		return info_of_given(self);
	if (self->mode == DGRAM_MULTICAST) {
		there = address_text_host_port(&self->remote);
		return g_strdup_printf("mcast=%s", there);
	}
	if (getsockname(self->fd, &local.sa, &local.len))
		local.len = 0;
	if (dgram_socket_is_unreliable(self)) {
		here = address_text_host_port(&local);
		there = address_text_host_port(&self->remote);
		return g_strdup_printf("udp=%s/%s", here, there);
	}
	here = address_text_path(&local);
	there = self->mode == DGRAM_SERVER ? g_strdup(peer ? peer : "")
					   : address_text_path(&self->remote);
	return g_strdup_printf("udp=%s:%s", here, there);
}

char *dgram_socket_describe(const struct dgram_socket *self, const struct dgram_config *config)
{
	struct sockaddr_any local = {.len = sizeof(local.storage)};
	g_autofree char *here = NULL, *there = NULL;
	const char *family;

	if (getsockname(self->fd, &local.sa, &local.len))
		local = config->local;
	here = sockaddr_format(&local);
	there = sockaddr_format(&self->remote);
	family = local.sa.sa_family == AF_UNIX ? "unix" : "udp";
	if (config->mode == DGRAM_FD)
		return g_strdup_printf("fd:%d%s", self->fd,
				       self->mode == DGRAM_SERVER ? " (server)" : "");
	if (self->mode == DGRAM_MULTICAST)
		return g_strdup_printf("mcast:%s", there);
	if (self->mode == DGRAM_SERVER)
		return g_strdup_printf("%s:%s (server)", family, here);
	return g_strdup_printf("%s:%s=%s", family, here, there);
}
