/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_SLIRP_INFO_H
#define USERNET_SLIRP_INFO_H

#include "slirp/nat.h"

/*
 * Reads libslirp's table of connections, which is text only (slirp_connection_info, misc.c):
 *
 *     Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ
 *     TCP[ESTABLISHED]   23       10.0.2.15 40122        10.0.2.2  8000     0     0
 *
 * Rows that do not parse are left out. @text is written to.
 */
void nat_flow_parse(char *text, void (*each)(void *data, const struct nat_flow *flow), void *data);

#endif
