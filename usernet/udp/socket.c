/* SPDX-License-Identifier: BSD-3-Clause */
#include "udp/socket.h"

#include <errno.h>
#include <netinet/udp.h>
#include <unistd.h>

#include "base/file.h"

/* Bytes. Bursts wait in the kernel during a turn; it caps this at net.core.rmem_max. */
#define RECEIVE_BUFFER (4 << 20)

static bool is_any(const struct sockaddr_any *addr)
{
	return addr->sa.sa_family == AF_INET6 ? IN6_IS_ADDR_UNSPECIFIED(&addr->in6.sin6_addr)
					      : addr->in.sin_addr.s_addr == 0;
}

static bool set(int fd, int level, int option, int value)
{
	return !setsockopt(fd, level, option, &value, sizeof(value));
}

static bool ask_for_local(int fd, int family)
{
	return family == AF_INET6 ? set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
				  : set(fd, IPPROTO_IP, IP_PKTINFO, 1);
}

static bool ask_for_tos(int fd, int family)
{
	return family == AF_INET6 ? set(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1)
				  : set(fd, IPPROTO_IP, IP_RECVTOS, 1);
}

int udp_socket_open(const struct sockaddr_any *host, bool early, struct sockaddr_any *bound,
		    GError **error)
{
	autofd int fd = early ? socket_bind_early(host, SOCK_DGRAM, error)
			      : socket_bind(host, SOCK_DGRAM, error);

	if (fd < 0)
		return -1;
	bound->len = sizeof(bound->storage);
	if (getsockname(fd, &bound->sa, &bound->len) < 0 || !ask_for_tos(fd, host->sa.sa_family) ||
	    (is_any(host) && !ask_for_local(fd, host->sa.sa_family))) {
		g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
			    "cannot set up a UDP socket: %s", g_strerror(errno));
		return -1;
	}
	/* Failures are ignored: the kernel may lack coalescing. */
	(void)set(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
	(void)set(fd, SOL_UDP, UDP_GRO, 1);
	return steal_fd(&fd);
}
