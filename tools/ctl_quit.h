/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_CTL_QUIT_H
#define USERNET_TOOLS_CTL_QUIT_H

#include "ctl_session.h"

/* Stops the network, and returns when its lock is free: it can be started again at once. */
int ctl_run_quit(struct ctl_session *session, char **params);

#endif
