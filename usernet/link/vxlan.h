/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_LINK_VXLAN_H
#define USERNET_LINK_VXLAN_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/sockaddr.h"

/*
 * A VXLAN tunnel endpoint (VTEP, RFC 7348): frames in UDP, to other hosts' VTEPs: those of Linux,
 * of Open vSwitch and ours. Each remote VTEP is a port, so the switch learns which one has a MAC
 * address, and floods to all of them (head-end replication). Datagrams of a remote are known by
 * their source address; the source port varies (RFC 7348 section 5).
 *
 * Frames from other addresses are refused, unless @unlisted: then such an address becomes a remote
 * until it has been silent for VXLAN_SILENCE.
 */
struct network;
struct netdev;

#define VXLAN_MAX_REMOTES  256
#define VXLAN_MAX_UNLISTED 64
#define VXLAN_SILENCE      (300 * USEC_PER_SEC)

struct vxlan_config {
	const char *id;
	uint32_t vni;                       /* to VXLAN_VNI_MAX */
	struct sockaddr_any local;          /* with the port, which is the remotes' as well */
	const struct sockaddr_any *remotes; /* of local's family, each once, the port is set */
	size_t n_remotes;                   /* to VXLAN_MAX_REMOTES */
	bool unlisted;
};

struct netdev *vxlan_netdev_new(struct network *network, const struct vxlan_config *config,
				GError **error);

#endif
