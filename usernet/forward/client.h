/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_FORWARD_CLIENT_H
#define USERNET_FORWARD_CLIENT_H

#include "base/sockaddr.h"
#include "conntrack/conn_table.h"

/* Chooses the address that a guest sees as the client of a forward. */
struct user_config;

/*
 * Fills in @key's peer; proto, guest and guest_port are set. It is the client itself if the guest
 * can answer it and has no conn with it already; else the gateway, with the client's port or
 * another free one. @masquerade: always the gateway. False: no port is free.
 */
bool client_choose(struct conn_table *conns, const struct user_config *config,
		   const struct sockaddr_any *client, bool masquerade, struct conn_key *key);

#endif
