/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_ENTER_SPACE_H
#define USERNET_TOOLS_ENTER_SPACE_H

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/types.h>

#include "enter_dhcp.h"

/* The namespaces that `usernetctl enter` makes or joins, and the tap in them. Linux only. */

/*
 * Moves this process to a user, mount and network namespace of its own (as root: without the user
 * namespace). @root: be root there; otherwise user and group stay.
 */
bool enter_space_make(bool root, GError **error);
/* Joins those of process @pid. @mounts: also its mount namespace, of which it takes a copy. */
bool enter_space_join(pid_t pid, bool mounts, GError **error);
/* Lets the command that this process executes keep the rights over the network namespace. */
void enter_space_keep_rights(void);

/* Makes a tap, sets @ifname (IFNAMSIZ bytes; "" for a free name), and returns its descriptor. */
int enter_space_tap(char *ifname, GError **error);
/* Starts the loopback interface, and @ifname, which gets an IPv6 address by itself. */
bool enter_space_up(const char *ifname, GError **error);
/* Address, MTU and routes of the lease. */
bool enter_space_configure(const char *ifname, const struct enter_lease *lease, GError **error);
/* Waits until @ifname has a global IPv6 address, for some time. */
void enter_space_await_v6(const char *ifname);
/* Shows @text as /etc/resolv.conf, in this mount namespace, and hides the host's resolvers. */
bool enter_space_resolv_conf(const char *text, GError **error);

#endif
