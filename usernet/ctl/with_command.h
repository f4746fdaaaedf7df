/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_WITH_COMMAND_H
#define USERNET_CTL_WITH_COMMAND_H

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

#include "ctl/background.h"

/*
 * `usernet -- COMMAND`: this process starts the network as a child, then the command as another. It
 * waits for the command, stops the network and exits with the command's status (127: it cannot be
 * run; 128 + N: signal N ended it). SIGTERM and SIGHUP go to the command; ^C reaches it from the
 * terminal. Both children end if this process is killed.
 *
 * True: the caller is the network, in a process group of its own, with standard output at
 * /dev/null; background_ready() starts the command. *@parent is its parent. False: this process is
 * done and exits with *@status, or failed with @error.
 */
bool with_command(char *const *command, struct background *background, pid_t *parent, int *status,
		  GError **error);

#endif
