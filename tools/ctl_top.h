/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_CTL_TOP_H
#define USERNET_TOOLS_CTL_TOP_H

#include "ctl_session.h"

/* Shows rates until interrupted; not on a terminal, once. */
int ctl_run_top(struct ctl_session *session, char **params);

#endif
