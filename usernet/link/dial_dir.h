/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_LINK_DIAL_DIR_H
#define USERNET_LINK_DIAL_DIR_H

#include <glib.h>

#include "link/dialer.h"

/*
 * Connects to every unix socket in one directory, and to each new one as it appears (inotify(7);
 * without inotify the directory is read every 2 s). A lost connection is redialled as long as its
 * socket is in the directory.
 */
#define DIAL_DIR_MAX   1024 /* sockets; further ones are ignored with a warning */
#define DIAL_DIR_FIRST (100 * USEC_PER_MSEC)
#define DIAL_DIR_MOST  (10 * USEC_PER_SEC) /* longest wait before redialling, ±25 % */
#define DIAL_DIR_POLL  (2 * USEC_PER_SEC)

struct dial_dir;

/* One socket of the directory; freed by dial_dir_lost() or dial_dir_free(). */
struct dialled {
	struct dialer dialer;
	struct dial_dir *dir;
	char *name;       /* in the directory */
	bool connected;   /* until dial_dir_lost() */
	struct list link; // dial_dir::sockets
};

/*
 * Creates @path (0700) if it is missing; it must be owned by us. @connected is called from the loop
 * with a non-blocking fd that the callee owns. NULL: @error (G_FILE_ERROR).
 */
struct dial_dir *dial_dir_new(struct loop *loop, const char *path,
			      void (*connected)(void *owner, struct dialled *dialled, int fd),
			      void *owner, GError **error);
void *dial_dir_owner(const struct dialled *dialled);
/* The connection works: resets the back-off. */
void dial_dir_good(struct dialled *dialled);
/* The connection is lost: redials, or frees @dialled when its socket left the directory. */
void dial_dir_lost(struct dialled *dialled);
/* Also removes the directory if it is empty. NULL is allowed. */
void dial_dir_free(struct dial_dir *dir);

#endif
