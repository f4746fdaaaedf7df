/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_USER_ROUTE_H
#define USERNET_NET_USER_ROUTE_H

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>

/*
 * route=NET/LEN;VIA of the `user` netdev: a network that guests reach through another guest. DHCP
 * announces it (option 121, RFC 3442).
 */
struct user_route {
	struct in_addr prefix; /* host bits are 0 */
	unsigned len;          /* 0-32 */
	struct in_addr via;
};

/* Routes that fit in one DHCP message with its other options (9 bytes each, 576 in all). */
#define USER_ROUTES_MAX 32

struct user_config;

/* "192.168.7.0/24;10.0.2.20". Errors name the text and the correct form. */
bool user_route_parse(const char *text, struct user_route *route, GError **error);
/* Is the route's gateway a guest address of the network? @config is resolved. */
bool user_route_check(const struct user_config *config, GError **error);

#endif
