/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_LINK_TAP_H
#define USERNET_LINK_TAP_H

#include "link/tap_device.h"

/*
 * The `tap` netdev (QEMU net/tap.c): one port, whose peer is the kernel of a network namespace. The
 * tap is one that the user owns, or comes as a descriptor.
 */
struct network;
struct netdev;

struct tap_config {
	const char *id;
	const char *ifname; /* NULL: "tap%d"; not used with fd */
	int fd;             /* -1: open ifname; owned by the netdev on success only */
	enum tap_vnet_hdr vnet_hdr;
	int sndbuf; /* bytes; 0: no limit */
};

struct netdev *tap_netdev_new(struct network *network, const struct tap_config *config,
			      GError **error);

#endif
