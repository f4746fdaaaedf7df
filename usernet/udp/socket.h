/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_UDP_SOCKET_H
#define USERNET_UDP_SOCKET_H

#include "base/sockaddr.h"

/*
 * A non-blocking socket bound to @host (inet or inet6; inet6 never includes IPv4), with @early by
 * socket_bind_early(); *@bound is its address, with the port that the kernel chose. -1: @error, as
 * in socket_bind().
 */
int udp_socket_open(const struct sockaddr_any *host, bool early, struct sockaddr_any *bound,
		    GError **error);

#endif
