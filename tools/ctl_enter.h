/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_CTL_ENTER_H
#define USERNET_TOOLS_CTL_ENTER_H

#include "ctl_session.h"

/* Options of `enter`. */
struct ctl_enter {
	int pid;      /* 0: make the namespaces */
	int ready_fd; /* a byte is written when the network is there; 0: none */
	char *hostname;
	char *address; /* "10.0.2.77/24"; NULL: by DHCP */
	char *ifname;
	gboolean root;
};

/* enter [-- COMMAND]: runs a command on the network. Returns the command's exit status. */
int ctl_run_enter(struct ctl_session *session, char **params);

#endif
