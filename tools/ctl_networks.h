/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_CTL_NETWORKS_H
#define USERNET_TOOLS_CTL_NETWORKS_H

#include "ctl_session.h"

/* The networks of this user: each has a control socket in one of ctl_client_bases(). */

/* "default, lab": the names of the running networks; NULL: none. Newly allocated. */
char *ctl_networks_names(void);
/* `usernetctl list`. */
int ctl_run_list(struct ctl_session *session, char **params);

#endif
