/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_LINK_VDE_H
#define USERNET_LINK_VDE_H

#include <glib.h>
#include <sys/types.h>

/*
 * The `vde` netdev (QEMU net/vde.c): one port, at a vde_switch. libvdeplug asks the switch for a
 * port; the frames then go over its datagram socket like those of `dgram`.
 */
struct network;
struct netdev;

struct vde_config {
	const char *id;
	const char *sock;  /* the switch's directory, or a VDE URL; NULL: the library's default */
	int port;          /* of the switch; 0: any */
	const char *group; /* of our socket; NULL: unchanged */
	mode_t mode;       /* of our socket; the switch must be able to write to it */
};

struct netdev *vde_netdev_new(struct network *network, const struct vde_config *config,
			      GError **error);

#endif
