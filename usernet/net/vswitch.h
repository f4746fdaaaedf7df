/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_VSWITCH_H
#define USERNET_NET_VSWITCH_H

#include <limits.h>

#include "net/port.h"
#include "net/station.h"

/*
 * Forwards batches of frames between ports by learned MAC address (IEEE 802.1D filtering, without
 * spanning tree). Knows ports and stations, nothing else. Frames are borrowed: nothing is copied
 * here.
 *
 * A run of frames for one port is handed over in one send. Broadcast, multicast and unknown
 * unicast go to every other port. A frame never goes back where it came from.
 */
struct fair;
struct vswitch;

/*
 * isolate=: frames pass between two ports that are not trusted only if both are of one group.
 * Beside those of names (GQuark) there are:
 */
#define PORT_GROUP_NONE  0              /* nothing was said: OPEN, or ALONE while isolated */
#define PORT_GROUP_OPEN  (UINT_MAX - 1) /* isolate=off */
#define PORT_GROUP_ALONE UINT_MAX       /* isolate=on: reaches not even its like */

/*
 * What stands between a port's reader and the switch; false drops the frame, reason counted by it.
 * Not asked for frames of trusted ports, nor for one with the same MAC and source IP addresses as
 * the frame before it unless guard_must_see().
 */
typedef bool (*vswitch_guard_fn)(void *data, struct port *from, const struct frame *frame);

/* A station that was at @from a moment ago sends from @to. */
typedef void (*vswitch_moved_fn)(void *data, mac_t mac, struct port *from, struct port *to);

struct vswitch *vswitch_new(struct loop *loop);
/* All ports must have been removed. */
void vswitch_free(struct vswitch *vswitch);
void vswitch_set_guard(struct vswitch *vswitch, vswitch_guard_fn guard, void *data);
void vswitch_set_moved(struct vswitch *vswitch, vswitch_moved_fn moved, void *data);

/* Guests reach only trusted ports, unless their netdev has a group (isolate=on of the gateway). */
void vswitch_set_isolated(struct vswitch *vswitch, bool isolated);

void vswitch_add_port(struct vswitch *vswitch, struct port *port);
/* Forgets its stations, resumes whoever waits for it. Harmless when not added. */
void vswitch_remove_port(struct port *port);

/*
 * @frames have come in at @from: at least FRAME_MIN and at most FRAME_MAX bytes each, in memory
 * that stays until the end of the turn. Must not be called from a port's ops, nor from an
 * observer of guests or network.
 */
void vswitch_input(struct port *from, const struct frame *frames, size_t n);

/* The port where @mac was last seen, or NULL. */
struct port *vswitch_lookup(struct vswitch *vswitch, mac_t mac);
/* When a frame of @mac last came; 0: none that is remembered. */
usec_t vswitch_heard(const struct vswitch *vswitch, mac_t mac);
struct list *vswitch_ports(struct vswitch *vswitch); // heads port::link
struct loop *vswitch_loop(struct vswitch *vswitch);
struct fair *vswitch_fair(struct vswitch *vswitch);
unsigned vswitch_n_stations(const struct vswitch *vswitch);

#endif
