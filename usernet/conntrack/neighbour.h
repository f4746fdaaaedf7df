/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CONNTRACK_NEIGHBOUR_H
#define USERNET_CONNTRACK_NEIGHBOUR_H

#include <netinet/in.h>

#include "base/loop.h"
#include "net/frame.h"

/*
 * Who has an address, for what comes in: the guest table's word; else the guest that opened a
 * conversation from it last (a network behind a guest that routes); else who answered when we asked
 * on the wire (an address beside a lease, which is in no table).
 */
struct conn_table;
struct neighbours;
struct network;
struct outbox;
struct user_config;

/* Answers that are kept, and for how long. */
#define NEIGHBOURS_MAX 1024
#define NEIGHBOUR_LIFE (60 * USEC_PER_SEC)

/* All but @config's strings outlive it. @service is deferred after something was put into @outbox.
 */
struct neighbours *neighbours_new(struct network *network, const struct user_config *config,
				  struct conn_table *conns, struct outbox *outbox,
				  struct loop_task *service);
void neighbours_free(struct neighbours *neighbours);

/* The MAC of @addr (v4-mapped or IPv6); 0: not known. */
mac_t neighbour_find(struct neighbours *neighbours, const struct in6_addr *addr);
/* Asks on the wire: ARP, or a neighbour solicitation. */
void neighbour_ask(struct neighbours *neighbours, const struct in6_addr *addr);
/* @mac has answered that it has @addr. */
void neighbour_heard(struct neighbours *neighbours, const struct in6_addr *addr, mac_t mac);

#endif
