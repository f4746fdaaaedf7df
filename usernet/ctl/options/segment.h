/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_OPTIONS_SEGMENT_H
#define USERNET_CTL_OPTIONS_SEGMENT_H

#include "ctl/options/optstr.h"
#include "net/vlan.h"

/*
 * The keys of every netdev for guests that QEMU does not have.
 *
 *     isolate=on|off|GROUP  which guests they reach, besides the gateway: none (on), those of
 *                           netdevs with off, or those of the same group. Without isolate=: as the
 *                           user netdev, else off
 *     vlan=N                the VLAN of untagged frames (net/vlan.h)
 *     trunk=N;FIRST..LAST   the VLANs that pass with their tag
 *     capture=FILE          a pcapng copy of the frames of its ports, until the network ends
 *     uplink=on|off         on: leads to another switch; no frames pass between uplinks. Without
 *                           uplink= the kind decides
 *     guard=on|off          off: addresses need not stay with their port (net/guard.h)
 */
#define SEGMENT_SPECS                                                                              \
	{.key = "isolate"}, {.key = "capture"}, {.key = "guard", .type = OPT_BOOL},                \
		{.key = "uplink", .type = OPT_BOOL},                                               \
		{.key = "vlan", .type = OPT_NUMBER, .min = 1, .max = VLAN_MAX},                    \
	{                                                                                          \
		.key = "trunk", .flags = OPT_REPEATS                                               \
	}

struct netdev;

/* Errors are ERROR_USAGE and name the key. */
bool segment_check(const struct optstr *opts, GError **error);
/* Only vlan=, for a gateway. @opts are checked, as for the next. */
void segment_apply_vlans(struct netdev *netdev, const struct optstr *opts);
void segment_apply(struct netdev *netdev, const struct optstr *opts);

#endif
