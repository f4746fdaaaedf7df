/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_OPTIONS_SOCKET_FILE_H
#define USERNET_CTL_OPTIONS_SOCKET_FILE_H

#include "base/sockaddr.h"
#include "ctl/options/optstr.h"

/* mode= and group= of a netdev that makes a unix socket; the names are those of QEMU's `vde`. */
#define SOCKET_FILE_SPECS                                                                          \
	{.key = "mode"},                                                                           \
	{                                                                                          \
		.key = "group"                                                                     \
	}

/* @bound: the address the netdev binds; NULL: none. Refuses keys without effect. */
bool socket_file_parse(struct socket_file *out, const struct optstr *opts,
		       const struct sockaddr_any *bound, GError **error);

#endif
