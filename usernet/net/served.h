/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_SERVED_H
#define USERNET_NET_SERVED_H

#include <netinet/in.h>
#include <stdbool.h>

/*
 * The addresses that the gateway owns beside its own: those of guestfwd's servers. It answers ARP,
 * neighbour discovery and pings for them, and nobody else may use them.
 */
struct served;

struct served *served_new(void);
void served_free(struct served *served);
/* v4-mapped or IPv6. Counted: true when it was not there before. */
bool served_add(struct served *served, const struct in6_addr *addr);
/* True when it is not there any more. */
bool served_remove(struct served *served, const struct in6_addr *addr);
bool served_has(const struct served *served, const struct in6_addr *addr);
bool served_has_v4(const struct served *served, struct in_addr addr);

#endif
