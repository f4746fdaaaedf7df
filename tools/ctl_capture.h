/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_CTL_CAPTURE_H
#define USERNET_TOOLS_CTL_CAPTURE_H

#include "ctl_session.h"

/* usernetctl capture: frames as pcapng, until interrupted or until the reader has had enough. */
int ctl_run_capture(struct ctl_session *session, char **params);

#endif
