/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_POLICY_HOSTADDR_H
#define USERNET_POLICY_HOSTADDR_H

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>

/*
 * Tells the host's own addresses, as its kernel routes now. The kernel is asked each time, so
 * addresses that come with a VPN or go with a cable are right at once (rtnetlink(7), RTM_GETROUTE).
 */
struct hostaddr;

/* NULL: the kernel gives no rtnetlink socket. */
struct hostaddr *hostaddr_new(GError **error);
void hostaddr_free(struct hostaddr *hostaddr);
/*
 * Would the host deliver a packet for @addr (v4-mapped or IPv6) to itself? Two system calls. True
 * also when the kernel does not answer.
 */
bool hostaddr_is_own(struct hostaddr *hostaddr, const struct in6_addr *addr);

#endif
