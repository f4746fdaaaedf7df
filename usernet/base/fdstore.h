/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_FDSTORE_H
#define USERNET_BASE_FDSTORE_H

#include "base/sockaddr.h"

/*
 * Listening sockets that the service manager keeps while this process is restarted
 * (sd_pid_notify_with_fds(3), FDSTORE=1), so that guests and clients wait instead of being refused.
 * The next process finds them as inherited sockets (inherited.h).
 *
 * Kept are what socket_bind() makes and socket_unlink() ends: unix sockets with a path, and TCP
 * listeners with a port. Their names are "kept-" and the address. One store per process.
 */
#define FDSTORE_PREFIX   "kept-"
#define FDSTORE_NAME_MAX 255 /* bytes; systemd's limit for FDNAME= */

/* The manager has a store if FDSTORE is set to a number above 0: by it, or by the unit. */
void fdstore_start(void);
void fdstore_stop(void);
/* Does nothing without a store, or for sockets of other kinds. */
void fdstore_keep(int fd, const struct sockaddr_any *addr, int type);
/* The socket at @addr is kept already: it was inherited. */
void fdstore_note(const struct sockaddr_any *addr);
/* The socket at @addr ends. True: it stays kept, so its file must stay as well. */
bool fdstore_release(const struct sockaddr_any *addr);
/* The manager forgets the socket @name, as in LISTEN_FDNAMES. */
void fdstore_remove(const char *name);
/* From now on fdstore_release() keeps: the process ends to be started again. */
void fdstore_leave(void);

#endif
