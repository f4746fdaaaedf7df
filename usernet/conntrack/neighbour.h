/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CONNTRACK_NEIGHBOUR_H
#define USERNET_CONNTRACK_NEIGHBOUR_H

#include <netinet/in.h>

#include "base/loop.h"
#include "net/frame.h"

/*
 * Finds the guest that has an address, for packets from outside: by the guest table; else the guest
 * that last opened a conn from it (a network behind a guest that routes); else the guest that
 * answered an ARP request or solicitation (an address beside a lease, which no table holds).
 */
struct conn_table;
struct neighbours;
struct network;
struct outbox;
struct user_config;

/* Bound and lifetime of remembered answers. */
#define NEIGHBOURS_MAX 1024
#define NEIGHBOUR_LIFE (60 * USEC_PER_SEC)

/*
 * All but @config's strings outlive it. @service is deferred when a request was put into
 * @outbox.
 */
struct neighbours *neighbours_new(struct network *network, const struct user_config *config,
				  struct conn_table *conns, struct outbox *outbox,
				  struct loop_task *service);
void neighbours_free(struct neighbours *neighbours);

/* The MAC of @addr (v4-mapped or IPv6); 0: unknown. */
mac_t neighbour_find(struct neighbours *neighbours, const struct in6_addr *addr);
/* Sends an ARP request or a neighbour solicitation. */
void neighbour_ask(struct neighbours *neighbours, const struct in6_addr *addr);
/* @mac has answered: it has @addr. */
void neighbour_heard(struct neighbours *neighbours, const struct in6_addr *addr, mac_t mac);

#endif
