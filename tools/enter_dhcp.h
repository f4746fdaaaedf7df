/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_ENTER_DHCP_H
#define USERNET_TOOLS_ENTER_DHCP_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>

/*
 * A small DHCP client (RFC 2131) for `usernetctl enter`: one interface, in the network namespace of
 * the caller. Needs rp_filter off until the interface has its address.
 */
#define ENTER_ROUTES_MAX  32
#define ENTER_SERVERS_MAX 3

struct enter_route {
	struct in_addr net, via; /* via 0: on the link */
	unsigned len;
};

struct enter_lease {
	struct in_addr addr, mask, server;
	unsigned mtu;     /* 0: not said */
	unsigned seconds; /* of validity */
	struct enter_route routes[ENTER_ROUTES_MAX];
	unsigned n_routes;
	struct in_addr dns[ENTER_SERVERS_MAX];
	unsigned n_dns;
	char domain[256]; /* "" when not said, or not a domain name */
};

struct enter_dhcp {
	int fd;
	char ifname[IFNAMSIZ];
	unsigned char mac[6];
	unsigned xid;
	const char *name; /* host name to ask for; may be NULL */
	struct enter_lease lease;
};

/* Asks for some seconds; false: no server answered, or errno is set by a failed call. */
bool enter_dhcp_ask(struct enter_dhcp *dhcp, const char *ifname, const char *name);
/* Renews the lease; false: no answer, or it was refused. */
bool enter_dhcp_renew(struct enter_dhcp *dhcp);
/* Gives the lease back and closes the socket. */
void enter_dhcp_release(struct enter_dhcp *dhcp);

#endif
