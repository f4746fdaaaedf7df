/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_CTL_POLICY_H
#define USERNET_TOOLS_CTL_POLICY_H

#include "ctl_session.h"

/* Commands for what guests may reach and have reached. */
int ctl_run_policy(struct ctl_session *session, char **params);
int ctl_run_policy_log(struct ctl_session *session, char **params);
int ctl_run_policy_learned(struct ctl_session *session, char **params);
int ctl_run_explain(struct ctl_session *session, char **params);
int ctl_run_policy_add(struct ctl_session *session, char **params);
int ctl_run_policy_remove(struct ctl_session *session, char **params);
int ctl_run_host_loopback(struct ctl_session *session, char **params);
int ctl_run_host_addresses(struct ctl_session *session, char **params);
int ctl_run_connections(struct ctl_session *session, char **params);

#endif
