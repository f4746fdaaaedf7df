/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CONNTRACK_HOSTADDR_H
#define USERNET_CONNTRACK_HOSTADDR_H

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>

/*
 * Which addresses are the host's own, as its kernel routes at this moment: asked each time, so
 * that what comes with a VPN or goes with a cable is never missed (rtnetlink(7), RTM_GETROUTE).
 */
struct hostaddr;

/* NULL: the kernel has no rtnetlink for us. */
struct hostaddr *hostaddr_new(GError **error);
void hostaddr_free(struct hostaddr *hostaddr);
/*
 * Would the host keep a packet for @addr (v4-mapped or IPv6) to itself? Two system calls. True also
 * when the kernel does not say.
 */
bool hostaddr_is_own(struct hostaddr *hostaddr, const struct in6_addr *addr);

#endif
