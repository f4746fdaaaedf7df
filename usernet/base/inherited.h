/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_INHERITED_H
#define USERNET_BASE_INHERITED_H

#include "base/sockaddr.h"

/*
 * Sockets that the service manager has opened for us (sd_listen_fds(3)). They are found by their
 * address: what would be bound there takes the inherited socket, and leaves its file at the end, as
 * it belongs to the manager. Those that it kept for us over a restart (fdstore.h) become ours
 * again. A descriptor that a netdev names by its number is used by that number.
 *
 * One list per process, as sockets are made in many places.
 */
#define INHERITED_MAX 1024 /* more are ignored */

/* Reads LISTEN_PID and LISTEN_FDS; marks the descriptors as not to be inherited further. */
void inherited_start(void);
void inherited_stop(void);
/* A duplicate of the inherited socket of this type at @addr, not blocking; -1: there is none. */
int inherited_take(const struct sockaddr_any *addr, int type);
/*
 * Everything was opened: closes the sockets that were kept for us and have not been taken, and
 * removes their files.
 */
void inherited_drop_rest(void);
/* Is there an inherited socket at @addr that belongs to the manager? */
bool inherited_has(const struct sockaddr_any *addr);

#endif
