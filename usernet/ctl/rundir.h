/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_RUNDIR_H
#define USERNET_CTL_RUNDIR_H

#include <glib.h>
#include <stdbool.h>

/*
 * The run directory of a network: $XDG_RUNTIME_DIR/usernet/NAME, or /tmp/usernet-UID/NAME if the
 * variable is unset. It holds the sockets, and the lock that reserves the name for one process.
 */
struct rundir {
	char *path;
	char *lock_path;
	int lock_fd; /* -1: not held */
};

/* The absolute path. @explicit_path: --run-dir, or NULL. Newly allocated. */
char *rundir_path(const char *name, const char *explicit_path);
/* Creates, checks and locks it. */
bool rundir_open(struct rundir *rundir, const char *name, const char *explicit_path,
		 GError **error);
/* Releases the lock. Directory and lock file stay (file_lock()). */
void rundir_close(struct rundir *rundir);
/* PATH/@file, newly allocated. */
char *rundir_file(const struct rundir *rundir, const char *file);

#endif
