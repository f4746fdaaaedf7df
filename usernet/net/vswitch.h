/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_VSWITCH_H
#define USERNET_NET_VSWITCH_H

#include <limits.h>

#include "net/port.h"
#include "net/station.h"

/*
 * Forwards batches of frames between ports by learned MAC address (IEEE 802.1D filtering, without
 * spanning tree). Knows only ports and stations. Frames are borrowed.
 *
 * Consecutive frames for one port are passed in one send. Broadcast, multicast and unknown unicast
 * go to every other port. A frame is never sent back to its own port. Stations belong to their VLAN
 * (vlan.h). A frame that a port cannot take as it is, is copied for it (rewrite.h).
 */
struct chunk_pool;
struct fair;
struct vswitch;

/*
 * isolate=: frames pass between two untrusted ports only if both are in one group. A group is a
 * name's GQuark or one of these:
 */
#define PORT_GROUP_NONE  0              /* not set: OPEN, or ALONE while isolated */
#define PORT_GROUP_OPEN  (UINT_MAX - 1) /* isolate=off */
#define PORT_GROUP_ALONE UINT_MAX       /* isolate=on: reaches no other guest */

/*
 * Split horizon: frames pass between two ports with port::uplink in no case, so switches that are
 * all linked to each other by uplinks do not loop frames.
 */

/*
 * Checks a frame between a port's reader and the switch. False drops it; the guard counts the
 * reason. Not called for trusted ports, nor for a frame with the same MAC and source IP addresses
 * as the one before it unless guard_must_see().
 */
typedef bool (*vswitch_guard_fn)(void *data, struct port *from, const struct frame *frame);

/* A station that was just at @from now sends from @to. */
typedef void (*vswitch_moved_fn)(void *data, mac_t mac, struct port *from, struct port *to);

/* @chunks must outlive it. */
struct vswitch *vswitch_new(struct loop *loop, struct chunk_pool *chunks);
/* All ports must have been removed. */
void vswitch_free(struct vswitch *vswitch);
void vswitch_set_guard(struct vswitch *vswitch, vswitch_guard_fn guard, void *data);
void vswitch_set_moved(struct vswitch *vswitch, vswitch_moved_fn moved, void *data);

/* Guests reach only trusted ports, unless their netdev has a group (the gateway's isolate=on). */
void vswitch_set_isolated(struct vswitch *vswitch, bool isolated);

/* @mac is only at trusted ports, whoever else sends from it: the gateway's. 0: none. */
void vswitch_set_fixed(struct vswitch *vswitch, mac_t mac);

void vswitch_add_port(struct vswitch *vswitch, struct port *port);
/* Forgets its stations and resumes the ports that wait for it. Does nothing when not added. */
void vswitch_remove_port(struct port *port);

/*
 * Frames received at @from: FRAME_MIN to FRAME_MAX bytes each, in memory that stays valid until the
 * end of the turn. Must not be called from a port's ops, nor from an observer of guests or of the
 * network.
 */
void vswitch_input(struct port *from, const struct frame *frames, size_t n);

/*
 * The VLAN of the gateway (0): it and all that know guests by MAC address alone mean stations of
 * that VLAN.
 */
void vswitch_set_home(struct vswitch *vswitch, uint16_t vlan);
uint16_t vswitch_home(const struct vswitch *vswitch);
/* The port where @mac was last seen in @vlan, or NULL. */
struct port *vswitch_lookup_in(struct vswitch *vswitch, uint16_t vlan, mac_t mac);
/* The same in the gateway's VLAN. */
struct port *vswitch_lookup(struct vswitch *vswitch, mac_t mac);
/* When a frame of @mac last arrived; 0: not remembered. */
usec_t vswitch_heard(const struct vswitch *vswitch, mac_t mac);
struct list *vswitch_ports(struct vswitch *vswitch); // heads port::link
struct loop *vswitch_loop(struct vswitch *vswitch);
struct fair *vswitch_fair(struct vswitch *vswitch);
unsigned vswitch_n_stations(const struct vswitch *vswitch);

#endif
