/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_STATEDIR_H
#define USERNET_CTL_STATEDIR_H

#include <glib.h>
#include <stdbool.h>

/*
 * The directory of a network's persistent data, the leases: $XDG_STATE_HOME/usernet/NAME
 * (~/.local/state if the variable is unset), or --state-dir. Locked by one process.
 */
struct statedir {
	char *path; /* NULL: there is none */
	char *lock_path;
	int lock_fd; /* -1: not held */
};

/* The absolute path, newly allocated. NULL: @error, no variable gives a place. */
char *statedir_path(const char *name, const char *explicit_path, GError **error);
/*
 * Creates, checks and locks it. If the default (@explicit_path NULL) cannot be used, the network
 * runs without and a message is logged; an explicit path that fails is an error.
 */
bool statedir_open(struct statedir *statedir, const char *name, const char *explicit_path,
		   GError **error);
/* Releases the lock; directory and lock file stay. Does nothing when it was not opened. */
void statedir_close(struct statedir *statedir);

#endif
