/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/sockaddr.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fdstore.h"
#include "base/file.h"
#include "base/file_error.h"
#include "base/inherited.h"
#include "base/log.h"
#include "base/portholder.h"
#include "base/socket_maker.h"
#include "base/socket_unix.h"

static bool is_unix_path(const struct sockaddr_any *addr)
{
	return addr->len > offsetof(struct sockaddr_un, sun_path) &&
	       addr->sa.sa_family == AF_UNIX && addr->un.sun_path[0];
}

static bool is_multicast(const struct sockaddr_any *addr)
{
	if (addr->sa.sa_family == AF_INET)
		return IN_MULTICAST(ntohl(addr->in.sin_addr.s_addr));
	return addr->sa.sa_family == AF_INET6 && IN6_IS_ADDR_MULTICAST(&addr->in6.sin6_addr);
}

/* Can the socket maker, which has more rights, do better? */
static bool maker_may_help(const GError *error)
{
	return socket_maker_runs() && (g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_ACCES) ||
				       g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_PERM) ||
				       g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_ROFS) ||
				       g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT));
}

static bool bind_path(int fd, const struct sockaddr_any *addr, int type, GError **error)
{
	GError *why = NULL;

	if (unix_socket_bind(fd, addr, type, &why))
		return true;
	if (!maker_may_help(why)) {
		g_propagate_error(error, why);
		return false;
	}
	g_error_free(why);
	return socket_maker_bind(fd, addr, type, error);
}

/* Sets the error for a failed bind or listen on @addr; @err is the errno. */
static bool address_failed(const struct sockaddr_any *addr, int type, int err, GError **error)
{
	g_autofree char *name = sockaddr_format(addr);
	g_autofree char *holder = NULL;
	bool inet = addr->sa.sa_family == AF_INET || addr->sa.sa_family == AF_INET6;
	const char *proto = !inet ? "socket" : type == SOCK_STREAM ? "TCP address" : "UDP address";

	switch (err) {
	case EADDRINUSE:
		if (inet)
			holder = socket_maker_runs() ? socket_maker_port_holder(addr, type)
						     : port_holder(addr, type);
		return file_error(error, err, "%s %s is in use by %s", proto, name,
				  holder ? holder : "another process");
	case EADDRNOTAVAIL:
		return file_error(error, err, "%s %s is not on this host", proto, name);
	case EACCES:
		if (!inet)
			return file_error(error, err, "no right to bind %s %s", proto, name);
		return file_error(
			error, err,
			"no right to bind %s %s: a port below sysctl "
			"net.ipv4.ip_unprivileged_port_start needs CAP_NET_BIND_SERVICE, or that "
			"sysctl lowered to %u",
			proto, name, ntohs(addr->in.sin_port)); /* same offset in in6 */
	default:
		return file_error(error, err, "cannot bind %s %s: %s", proto, name,
				  g_strerror(err));
	}
}

static bool set_option(int fd, int level, int option, const char *name, GError **error)
{
	int on = 1;

	if (setsockopt(fd, level, option, &on, sizeof(on)) < 0)
		return file_error(error, errno, "cannot set %s: %s", name, g_strerror(errno));
	return true;
}

/* Binds even where the host does not have @addr: the socket works once it has (ip(7)). */
static bool bind_early(int fd, const struct sockaddr_any *addr)
{
	bool v6 = addr->sa.sa_family == AF_INET6;
	int on = 1;

	return setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_FREEBIND : IP_FREEBIND, &on,
			  sizeof(on)) == 0 &&
	       bind(fd, &addr->sa, addr->len) == 0;
}

static void warn_early(const struct sockaddr_any *addr, int type)
{
	g_autofree char *name = sockaddr_format(addr);

	log_warning("%s address %s is not on this host now: it is served as soon as it is",
		    type == SOCK_STREAM ? "TCP" : "UDP", name);
}

static bool bind_inet(int fd, const struct sockaddr_any *addr, int type, bool early, GError **error)
{
	if (bind(fd, &addr->sa, addr->len) == 0)
		return true;
	if (!early || errno != EADDRNOTAVAIL || !bind_early(fd, addr))
		return address_failed(addr, type, errno, error);
	warn_early(addr, type);
	return true;
}

static int open_bound(const struct sockaddr_any *addr, int type, bool early, GError **error)
{
	int family = addr->sa.sa_family;
	bool inet = family == AF_INET || family == AF_INET6;
	autofd int fd = inherited_take(addr, type);

	if (fd >= 0)
		return steal_fd(&fd);
	fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		file_error(error, errno, "cannot create a socket: %s", g_strerror(errno));
		return -1;
	}
	if (inet && (type == SOCK_STREAM || is_multicast(addr)) &&
	    !set_option(fd, SOL_SOCKET, SO_REUSEADDR, "SO_REUSEADDR", error))
		return -1;
	/* "::" means IPv6 only: a bound 0.0.0.0, ours or another's, must not conflict. */
	if (family == AF_INET6 && !set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, "IPV6_V6ONLY", error))
		return -1;
	if (is_unix_path(addr) ? !bind_path(fd, addr, type, error)
			       : !bind_inet(fd, addr, type, early && inet, error))
		return -1;
	/* With SO_REUSEADDR a conflict shows only at listen(). */
	if (type == SOCK_STREAM && listen(fd, SOMAXCONN) < 0) {
		address_failed(addr, type, errno, error);
		return -1;
	}
	fdstore_keep(fd, addr, type);
	return steal_fd(&fd);
}

int socket_bind(const struct sockaddr_any *addr, int type, GError **error)
{
	return open_bound(addr, type, false, error);
}

int socket_bind_early(const struct sockaddr_any *addr, int type, GError **error)
{
	return open_bound(addr, type, true, error);
}

static in_port_t *port_of(struct sockaddr_any *addr)
{
	return addr->sa.sa_family == AF_INET6 ? &addr->in6.sin6_port : &addr->in.sin_port;
}

/* -1: see errno. */
static int try_listen(const struct sockaddr_any *addr, const struct tcp_listen *options)
{
	autofd int fd = socket(addr->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			       options->mptcp ? IPPROTO_MPTCP : 0);
	bool v6 = addr->sa.sa_family == AF_INET6;
	int on = 1, only = !options->dual;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)))
		return -1;
	if (v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)))
		return -1;
	if (bind(fd, &addr->sa, addr->len) < 0) {
		if (errno != EADDRINUSE || !v6 || only)
			return -1;
		/* The port may be in use for IPv4 only (QEMU util/qemu-sockets.c, try_bind). */
		if (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) ||
		    bind(fd, &addr->sa, addr->len) < 0)
			return -1;
	}
	return listen(fd, SOMAXCONN) < 0 ? -1 : steal_fd(&fd);
}

int socket_listen(struct sockaddr_any *addr, const struct tcp_listen *options, GError **error)
{
	unsigned first = ntohs(*port_of(addr));
	unsigned last = MAX(first, options->last_port);
	g_autofree char *name = NULL;

	for (unsigned port = first; port <= last; port++) {
		int fd;

		*port_of(addr) = htons((uint16_t)port);
		fd = try_listen(addr, options);
		if (fd >= 0) {
			addr->len = sizeof(addr->storage);
			if (getsockname(fd, &addr->sa, &addr->len) == 0)
				return fd;
			file_error(error, errno, "a listening socket has no address: %s",
				   g_strerror(errno));
			close(fd);
			return -1;
		}
		if (errno != EADDRINUSE)
			break;
	}
	if (errno != EADDRINUSE || first == last) {
		address_failed(addr, SOCK_STREAM, errno, error);
		return -1;
	}
	*port_of(addr) = htons((uint16_t)first);
	name = sockaddr_format(addr);
	file_error(error, EADDRINUSE, "TCP address %s and the ports after it to %u are all in use",
		   name, last);
	return -1;
}

static int open_client(const struct sockaddr_any *addr, int type, int protocol)
{
	return socket(addr->sa.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
}

/* @fd: always taken over. */
static int connect_by(int fd, const struct sockaddr_any *addr, bool *in_progress)
{
	int err;

	*in_progress = false;
	if (fd < 0)
		return -1;
	if (connect(fd, &addr->sa, addr->len) == 0)
		return fd;
	if (errno == EINPROGRESS) {
		*in_progress = true;
		return fd;
	}
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

void socket_reset(int fd)
{
	const struct linger at_once = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
}

int socket_connect(const struct sockaddr_any *addr, int type, bool *in_progress)
{
	return connect_by(open_client(addr, type, 0), addr, in_progress);
}

bool socket_bind_source(int fd, const struct sockaddr_any *from)
{
	int on = 1;

	/* connect() then chooses the port: one may serve several destinations (ip(7)). */
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	if (bind(fd, &from->sa, from->len) == 0)
		return true;
	if (errno == EADDRNOTAVAIL)
		errno = ENETUNREACH;
	return false;
}

int socket_connect_hops(const struct sockaddr_any *addr, const struct sockaddr_any *from,
			uint8_t hops, bool *in_progress)
{
	bool v6 = addr->sa.sa_family == AF_INET6;
	int fd = open_client(addr, SOCK_STREAM, 0), number = hops, on = 1;

	if (fd >= 0 && hops)
		setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_UNICAST_HOPS : IP_TTL,
			   &number, sizeof(number));
	if (fd >= 0 && from && !socket_bind_source(fd, from)) {
		int err = errno;

		close(fd);
		errno = err;
		return -1;
	}
	/* The error may come within connect(), and IPv6 then keeps it for those who have asked. */
	if (fd >= 0 && v6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on));
	return connect_by(fd, addr, in_progress);
}

int socket_connect_mptcp(const struct sockaddr_any *addr, bool *in_progress)
{
	return connect_by(open_client(addr, SOCK_STREAM, IPPROTO_MPTCP), addr, in_progress);
}

bool socket_has_mptcp(void)
{
	autofd int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);

	return fd >= 0;
}

bool socket_share(const struct sockaddr_any *addr, const struct socket_file *file, GError **error)
{
	GError *why = NULL;

	if (!is_unix_path(addr) || unix_socket_share(addr, file, &why))
		return true;
	if (!maker_may_help(why)) {
		g_propagate_error(error, why);
		return false;
	}
	g_error_free(why);
	return socket_maker_share(addr, file, error);
}

void socket_unlink(const struct sockaddr_any *addr)
{
	if (fdstore_release(addr))
		return;
	if (is_unix_path(addr) && !inherited_has(addr) && !unix_socket_unlink(addr) &&
	    socket_maker_runs())
		socket_maker_unlink(addr);
}

bool socket_peer_is_ours(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return false;
	return cred.uid == geteuid() || cred.uid == 0;
}
