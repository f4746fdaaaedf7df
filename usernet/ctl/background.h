/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_BACKGROUND_H
#define USERNET_CTL_BACKGROUND_H

#include <glib.h>
#include <stdbool.h>

#include "ctl/options/settings.h"

/*
 * --daemon and --log-file. The first process forks before anything is opened. It exits when its
 * child is ready for guests, or with the child's exit status. Until then messages go to both the
 * terminal and the log.
 *
 *     background_fork()       in child and parent
 *     background_open_log()   before the first child process is started
 *     background_ready()      detaches from the terminal
 */
struct background {
	int ready_fd; /* pipe of the child to the parent; -1: not in the background */
	int terminal; /* second copy of messages until ready; -1: none */
	char *log;    /* path of the log file; NULL: standard error */
};

void background_init(struct background *background);
/*
 * True in the child. False in the parent, with *@status to exit with, or, if fork failed, with
 * @error.
 */
bool background_fork(struct background *background, int *status, GError **error);
/*
 * Opens --log-file; a daemon without it logs to `log` in the state directory, or in the run
 * directory if there is no state. Creates the default directories.
 */
bool background_open_log(struct background *background, const struct settings *settings,
			 GError **error);
/* Call when guests can connect. */
void background_ready(struct background *background);
void background_clear(struct background *background);

#endif
