/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_UDP_PEER_H
#define USERNET_UDP_PEER_H

#include "udp/session.h"

/* Whom a guest sees as the client of a UDP forward. */
struct user_config;

/* Can a guest answer @addr (IPv6 or v4-mapped), so that it comes to the gateway and means the same
 * there? */
bool udp_peer_is_answerable(const struct user_config *config, const struct in6_addr *addr);
/*
 * Fills in @flow's peer for @client; the guest is in it already. The client itself, where the guest
 * can answer it and no other session has that place; else the gateway, with the client's port or
 * another one that is free. False: none is, which cannot be with no more than UDP_SESSIONS_MAX
 * sessions but by worse luck than anybody has.
 */
bool udp_peer_choose(struct udp_sessions *sessions, const struct user_config *config,
		     const struct udp_client *client, bool masquerade, struct udp_flow *flow);

#endif
