/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_UDP_PEER_H
#define USERNET_UDP_PEER_H

#include "udp/session.h"

/* Chooses the address that a guest sees as the client of a UDP forward. */
struct user_config;

/*
 * Can a guest answer @addr (IPv6 or v4-mapped) through the gateway, and does it mean the same
 * there?
 */
bool udp_peer_is_answerable(const struct user_config *config, const struct in6_addr *addr);
/*
 * Fills in @flow's peer for @client; the guest is set. It is the client itself if the guest can
 * answer it and no other session has this peer; else the gateway, with the client's port or another
 * free one. False: no free port found, which is very unlikely below UDP_SESSIONS_MAX sessions.
 */
bool udp_peer_choose(struct udp_sessions *sessions, const struct user_config *config,
		     const struct udp_client *client, bool masquerade, struct udp_flow *flow);

#endif
