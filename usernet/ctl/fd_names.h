/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_FD_NAMES_H
#define USERNET_CTL_FD_NAMES_H

#include <glib.h>
#include <stdbool.h>

#include "ctl/attachment.h"

/*
 * Descriptors that a QMP client has passed (SCM_RIGHTS): first pending, then named by `getfd`, then
 * used by fd=NAME of a netdev. They belong to the client's session and are closed with it.
 */
#define FD_NAMES_MAX         64
#define FD_NAMES_PENDING_MAX 8

struct fd_names {
	struct fd_source source; /* takes a descriptor by name */
	GHashTable *named;       /* char * -> fd */
	int pending[FD_NAMES_PENDING_MAX];
	unsigned n_pending;
};

void fd_names_init(struct fd_names *names);
void fd_names_clear(struct fd_names *names);
/*
 * Takes ownership of @fd, which came with a message. Above FD_NAMES_PENDING_MAX the oldest is
 * closed.
 */
void fd_names_receive(struct fd_names *names, int fd);
/* Gives @name to the oldest pending one; replaces one of that name (QEMU monitor/fds.c). */
bool fd_names_getfd(struct fd_names *names, const char *name, GError **error);
bool fd_names_closefd(struct fd_names *names, const char *name, GError **error);

/* The command line's source: numbers of inherited descriptors. */
struct fd_source *fd_numbers(void);
/* "7" -> 7; false when @text is not the number of a usable descriptor. */
bool fd_number_parse(const char *text, int *fd);

#endif
