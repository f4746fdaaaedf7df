/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_CTL_SSH_H
#define USERNET_TOOLS_CTL_SSH_H

#include "ctl_session.h"

/* ssh reaches a guest through `usernetctl connect`: no forward, no port of the host. */

int ctl_run_ssh(struct ctl_session *session, char **params);
int ctl_run_ssh_config(struct ctl_session *session, char **params);
/* "web.usernet" or, of the network lab, "web.lab.usernet" without the end. Newly allocated. */
char *ctl_ssh_guest(const struct ctl_session *session, const char *host);

#endif
