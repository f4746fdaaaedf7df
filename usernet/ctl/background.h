/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_BACKGROUND_H
#define USERNET_CTL_BACKGROUND_H

#include <glib.h>
#include <stdbool.h>

#include "ctl/options/settings.h"

/*
 * --daemon and --log-file. The process that was started forks before anything is opened, and ends
 * once its child says that guests may come, or with the child's exit status. Until then messages
 * go to the terminal and to the log.
 *
 *     background_fork()       child and parent
 *     background_open_log()   before the first process is started by us
 *     background_ready()      the terminal is let go of
 */
struct background {
	int ready_fd; /* the child's, to the parent; -1: not in the background */
	int terminal; /* where messages also go until we are ready; -1: nowhere */
	char *log;    /* of the log file; NULL: standard error */
};

void background_init(struct background *background);
/*
 * True in the child. False in the parent, when *@status is what to exit with, or when fork failed,
 * which is @error.
 */
bool background_fork(struct background *background, int *status, GError **error);
/*
 * --log-file, or for a daemon without one: log in the state directory, or in the run directory if
 * no state is kept. Directories of the default are made.
 */
bool background_open_log(struct background *background, const struct settings *settings,
			 GError **error);
/* Guests may come. */
void background_ready(struct background *background);
void background_clear(struct background *background);

#endif
