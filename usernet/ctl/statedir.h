/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_STATEDIR_H
#define USERNET_CTL_STATEDIR_H

#include <glib.h>
#include <stdbool.h>

/*
 * Where a network keeps what outlives its process, the leases: $XDG_STATE_HOME/usernet/NAME
 * (~/.local/state without that variable), or --state-dir. One process has it at a time.
 */
struct statedir {
	char *path; /* NULL: there is none */
	char *lock_path;
	int lock_fd; /* -1: not held */
};

/* Where it is, absolute, newly allocated. NULL: @error, nothing says where. */
char *statedir_path(const char *name, const char *explicit_path, GError **error);
/*
 * Makes, checks and locks it. Where nobody asked for it by name (@explicit_path NULL) a network
 * goes on without, and says so in the log; else that is an error.
 */
bool statedir_open(struct statedir *statedir, const char *name, const char *explicit_path,
		   GError **error);
/* Gives the lock up; directory and lock file stay. Harmless when it was never opened. */
void statedir_close(struct statedir *statedir);

#endif
