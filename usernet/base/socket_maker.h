/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_SOCKET_MAKER_H
#define USERNET_BASE_SOCKET_MAKER_H

#include "base/sockaddr.h"

/*
 * A helper process for unix sockets that are added while the network runs. It is forked before this
 * process gives up its rights, and can do only this: bind a socket that it is sent to a path where
 * no living socket is; set mode and group of a socket that it bound; remove such a socket; say
 * which process listens at a port. It writes no files, and connects to nothing but what is in the
 * way of a new socket.
 *
 *     socket_bind ──► [helper] bind() on the descriptor that came with the request
 *
 * One per process, as sockets are made in many places. It exits when this process does.
 */
#define SOCKET_MAKER_MAX  4096 /* sockets made and not removed */
#define SOCKET_MAKER_WAIT 5    /* s that a request may take, on a network file system for example */

/* Forks it. Call while the process has one thread. */
bool socket_maker_start(GError **error);
/* Does nothing when it does not run. */
void socket_maker_stop(void);
bool socket_maker_runs(void);

/* As those of socket_unix.h, done by the helper. */
bool socket_maker_bind(int fd, const struct sockaddr_any *addr, int type, GError **error);
bool socket_maker_share(const struct sockaddr_any *addr, const struct socket_file *file,
			GError **error);
void socket_maker_unlink(const struct sockaddr_any *addr);
/* As port_holder(), which sees other processes only without a sandbox. */
char *socket_maker_port_holder(const struct sockaddr_any *addr, int type);

#endif
