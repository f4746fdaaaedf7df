/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_CTL_PIPE_H
#define USERNET_TOOLS_CTL_PIPE_H

#include "ctl_session.h"

/*
 * pipe [-- COMMAND]: a link of the network whose frames, in QEMU's stream framing, pass standard
 * input and output: ours, or those of COMMAND, whose exit status is returned.
 */
int ctl_run_pipe(struct ctl_session *session, char **params);

#endif
