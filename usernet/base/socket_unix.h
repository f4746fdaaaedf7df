/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_SOCKET_UNIX_H
#define USERNET_BASE_SOCKET_UNIX_H

#include "base/sockaddr.h"

/*
 * The files of unix sockets, with this process's own rights; socket_bind() and its like also know
 * the socket maker. @addr has a path. Errors are G_FILE_ERROR.
 */

/* Mode 0600. Replaces a socket of ours that no process serves. */
bool unix_socket_bind(int fd, const struct sockaddr_any *addr, int type, GError **error);
bool unix_socket_share(const struct sockaddr_any *addr, const struct socket_file *file,
		       GError **error);
/* False: there is none of ours, or it cannot be removed. */
bool unix_socket_unlink(const struct sockaddr_any *addr);

#endif
