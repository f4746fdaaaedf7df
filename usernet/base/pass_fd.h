/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_PASS_FD_H
#define USERNET_BASE_PASS_FD_H

#include <sys/types.h>
#include <sys/uio.h>

/* A descriptor beside the bytes of a message on a unix socket (unix(7), SCM_RIGHTS). */

/* As sendmsg(2), without SIGPIPE. @fd: -1 for none; it stays open here. */
ssize_t pass_fd(int sock, struct iovec *iov, unsigned n_iov, int fd, int flags);
/*
 * As recvmsg(2). *@fd: the descriptor that came, close-on-exec, for the caller to close; -1: none
 * came. -1, EMSGSIZE: the message is longer than @iov.
 */
ssize_t take_fd(int sock, struct iovec *iov, unsigned n_iov, int *fd, int flags);

#endif
