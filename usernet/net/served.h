/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_SERVED_H
#define USERNET_NET_SERVED_H

#include <netinet/in.h>
#include <stdbool.h>

/*
 * Additional addresses of the gateway: the guestfwd servers. The gateway answers ARP, neighbour
 * discovery and pings for them; guests may not use them.
 */
struct served;

struct served *served_new(void);
void served_free(struct served *served);
/* v4-mapped or IPv6. Counts users; true for the first. */
bool served_add(struct served *served, const struct in6_addr *addr);
/* True for the last user: the address is gone. */
bool served_remove(struct served *served, const struct in6_addr *addr);
bool served_has(const struct served *served, const struct in6_addr *addr);
bool served_has_v4(const struct served *served, struct in_addr addr);

#endif
