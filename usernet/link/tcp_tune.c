/* SPDX-License-Identifier: BSD-3-Clause */
#include "link/tcp_tune.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/log.h"

/*
 * The send buffer of a unix socket. It decides how many bytes a guest's read and our write move at
 * once. The kernel limits it to net.core.wmem_max.
 */
#define UNIX_SNDBUF (1024 * 1024)

static void set_option(int fd, int level, int option, int value)
{
	/* A failure affects only speed and timeouts. */
	if (setsockopt(fd, level, option, &value, sizeof(value)))
		log_debug("socket option %d of level %d: %s", option, level, g_strerror(errno));
}

void tcp_tune(int fd, const struct tcp_keepalive *keepalive)
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
	if (keepalive->off)
		return;
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	if (keepalive->idle)
		set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, keepalive->idle);
	if (keepalive->interval)
		set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, keepalive->interval);
	if (keepalive->count)
		set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, keepalive->count);
}
