/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_SLIRP_INSTANCE_DOOR_H
#define USERNET_SLIRP_INSTANCE_DOOR_H

#include "base/sockaddr.h"
#include "slirp/inflow.h"
#include "slirp/nat.h"

/*
 * Doors: how a connected descriptor of ours becomes a connection of libslirp's to its guest. For
 * instance*.c; nat_admit() is what others call.
 */
struct door;
struct instance;

/* The one handover that is under way. */
struct knock {
	struct door *door; /* NULL: none is */
	int fd, client;
	int spare; /* kept for libslirp's accept(), which must not fail for want of one */
	struct sockaddr_any name; /* of fd */
	struct inflow *inflow;
	bool done; /* libslirp has the client */
};

void instance_init_doors(struct instance *instance);
/* libslirp's part of them is gone, or goes next. */
void instance_close_doors(struct instance *instance);
/* Takes out those that have not been used for a while. */
void instance_sweep_doors(struct instance *instance, usec_t now);
/* Its guest is there. As nat_admit(). */
enum nat_admission instance_admit(struct instance *instance, int fd, uint16_t guest_port,
				  const struct nat_client *client);
void instance_abandon_knock(struct instance *instance);

/* --- from libslirp's callbacks --- */

/* In a fill: is @fd a door, and what is waited for there? */
bool instance_is_door(struct instance *instance, int fd, uint32_t *events, struct door **which);
void instance_number_door(struct door *door, int number);
/* libslirp has accepted @fd: it becomes the client's. False: it is nobody of ours. */
bool instance_take_in(struct instance *instance, int fd);
/* Right before a poll: is somebody at the door of the handover that is under way? The descriptor
 * that is kept for the door's accept() is free then. */
bool instance_door_ready(struct instance *instance);
/* After it. @was_ready: the door had somebody at it. */
void instance_knock_polled(struct instance *instance, bool was_ready);

/* --- the segments of those who came in --- */

/* @packet, from the guest, goes to libslirp next; flow->fd is set. */
void instance_inflow_segment(struct instance *instance, struct inflow *flow,
			     const struct packet *packet);
/* A reset went to libslirp, which may have closed @fd, or not. */
void instance_inflow_went_on(struct instance *instance, int fd);
/* libslirp is about to close @fd, whosever it is. */
void instance_inflow_closing(struct instance *instance, int fd);

#endif
