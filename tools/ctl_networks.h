/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_CTL_NETWORKS_H
#define USERNET_TOOLS_CTL_NETWORKS_H

#include "ctl_session.h"

/*
 * The networks of this user. Each has a run directory with a control socket in it, below one of
 * $XDG_RUNTIME_DIR/usernet, /run/user/UID/usernet and /tmp/usernet-UID: usernet chooses by its own
 * environment, which need not be ours.
 */

/* The control socket of @name: of the one that runs, else where it would be. Newly allocated. */
char *ctl_networks_socket(const char *name);
/* "default, lab": the names of those that run; NULL: none does. Newly allocated. */
char *ctl_networks_names(void);
/* `usernetctl list`. */
int ctl_run_list(struct ctl_session *session, char **params);

#endif
