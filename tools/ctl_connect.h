/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_CTL_CONNECT_H
#define USERNET_TOOLS_CTL_CONNECT_H

#include "ctl_session.h"

/* connect GUEST PORT: connects standard input and output to a guest. */
int ctl_run_connect(struct ctl_session *session, char **params);

#endif
