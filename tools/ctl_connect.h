/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_CTL_CONNECT_H
#define USERNET_TOOLS_CTL_CONNECT_H

#include "ctl_session.h"

/* connect GUEST PORT: connects standard input and output to a guest. */
int ctl_run_connect(struct ctl_session *session, char **params);
/*
 * Copies from standard input to @sock and from @sock to standard output, until @sock ends. The end
 * of standard input is passed on. @silent, which may be NULL, is called if @sock ends without a
 * byte, before standard output is closed.
 */
int ctl_carry_both(int sock, void (*silent)(void *data), void *data);

#endif
