/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_UDP_SOCKET_H
#define USERNET_UDP_SOCKET_H

#include "base/sockaddr.h"

/*
 * A non-blocking socket at @host (inet or inet6, which never takes IPv4's port along); *@bound is
 * where it is, with the port that was chosen. -1: @error, as socket_bind() has it.
 */
int udp_socket_open(const struct sockaddr_any *host, struct sockaddr_any *bound, GError **error);

#endif
