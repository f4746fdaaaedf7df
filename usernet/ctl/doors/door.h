/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_DOORS_DOOR_H
#define USERNET_CTL_DOORS_DOOR_H

#include <glib.h>
#include <stdbool.h>

#include "base/sockaddr.h"
#include "link/listener.h"

/*
 * A unix socket at which clients of another program's API are served. Only our user and root may
 * connect. Clients above the limit wait in the socket's backlog.
 */
#define DOOR_MAX_CLIENTS 16

struct door {
	struct listener listener;
	int fd; /* -1: not open */
	struct sockaddr_any addr;
	const char *name; /* for messages */
	unsigned n_clients;
	/* The callee owns @fd and calls door_left() once when it has closed it. */
	void (*client)(struct door *door, int fd);
};

bool door_open(struct door *door, struct loop *loop, const char *name, const char *path,
	       void (*client)(struct door *door, int fd), GError **error);
void door_left(struct door *door);
/* Does nothing when it is not open. Clients must have been closed. */
void door_close(struct door *door);

#endif
