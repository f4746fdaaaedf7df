/* SPDX-License-Identifier: BSD-3-Clause */
#include "conntrack/conn_log.h"

#include <arpa/inet.h>

#include "base/address.h"
#include "base/log.h"
#include "conntrack/conn.h"

static void format(char text[INET6_ADDRSTRLEN], const struct in6_addr *addr)
{
	if (IN6_IS_ADDR_V4MAPPED(addr))
		inet_ntop(AF_INET, &addr->s6_addr[12], text, INET6_ADDRSTRLEN);
	else
		inet_ntop(AF_INET6, addr, text, INET6_ADDRSTRLEN);
}

static const char *protocol(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	default:
		return "icmp";
	}
}

void conn_log(const struct conn *conn, const char *what)
{
	char guest[INET6_ADDRSTRLEN], peer[INET6_ADDRSTRLEN];

	if (G_LIKELY(!log_would(LOG_LEVEL_DEBUG)))
		return;
	format(guest, &conn->key.guest);
	format(peer, &conn->key.peer);
	log_debug("conn %s guest %s port %u, peer %s port %u: %s (opener: %s)",
		  protocol(conn->key.proto), guest, conn->key.guest_port, peer, conn->key.peer_port,
		  what, conn_opener_name((enum conn_opener)conn->opener));
}
