/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_CTL_NAMES_H
#define USERNET_TOOLS_CTL_NAMES_H

#include "ctl_session.h"

/* Commands for named guests, the name server, and the configuration file. */
int ctl_run_guest_add(struct ctl_session *session, char **params);
int ctl_run_guest_remove(struct ctl_session *session, char **params);
/* 1 to 63 letters, digits and "-". */
bool ctl_names_is_host_name(const char *name);
int ctl_run_mac(struct ctl_session *session, char **params);
int ctl_run_dns_add(struct ctl_session *session, char **params);
int ctl_run_dns_remove(struct ctl_session *session, char **params);
int ctl_run_dns_status(struct ctl_session *session, char **params);
int ctl_run_dns_list(struct ctl_session *session, char **params);
int ctl_run_reload(struct ctl_session *session, char **params);

#endif
