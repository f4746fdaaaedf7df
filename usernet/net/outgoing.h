/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_OUTGOING_H
#define USERNET_NET_OUTGOING_H

#include <glib.h>
#include <stdbool.h>

#include "base/sockaddr.h"
#include "net/frame.h"

/*
 * outgoing=: the host's address from which connections, datagrams and pings of guests leave, one of
 * each family: the network's, or a guest's own. Without the host's address nothing leaves, rather
 * than from another.
 */
struct network;
struct user_config;

struct outgoing {
	struct in_addr v4;  /* 0: the host chooses */
	struct in6_addr v6; /* "::": the host chooses */
};

/* Adds an address. False: @text is none, or there is one of its family. */
bool outgoing_parse(struct outgoing *outgoing, const char *text, GError **error);
/* Warns in the log of addresses that are not the host's now. @whose: "netdev nat". */
void outgoing_warn(const struct outgoing *outgoing, const char *whose);
/* The address for the guest with @mac, port 0, in @out. False: the host chooses. */
bool outgoing_find(const struct network *network, const struct user_config *config, mac_t mac,
		   bool v6, struct sockaddr_any *out);

#endif
