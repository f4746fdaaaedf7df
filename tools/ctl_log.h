/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_CTL_LOG_H
#define USERNET_TOOLS_CTL_LOG_H

#include "ctl_session.h"

/* The messages of the network. */
int ctl_run_log(struct ctl_session *session, char **params);

#endif
