/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_CTL_FORWARDS_H
#define USERNET_TOOLS_CTL_FORWARDS_H

#include "ctl_session.h"

/* Commands for hostfwd= and guestfwd= rules. */
int ctl_run_forwards(struct ctl_session *session, char **params);
int ctl_run_hostfwd_add(struct ctl_session *session, char **params);
int ctl_run_hostfwd_remove(struct ctl_session *session, char **params);
int ctl_run_guestfwd_add(struct ctl_session *session, char **params);
int ctl_run_guestfwd_remove(struct ctl_session *session, char **params);

#endif
