/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_CTL_EVENTS_H
#define USERNET_TOOLS_CTL_EVENTS_H

#include "ctl_session.h"

/* Prints events until interrupted, or until the network ends. */
int ctl_run_events(struct ctl_session *session, char **params);

#endif
