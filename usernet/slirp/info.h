/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_SLIRP_INFO_H
#define USERNET_SLIRP_INFO_H

#include "slirp/nat.h"

/*
 * Parses libslirp's table of connections, which exists as text only (slirp_connection_info,
 * misc.c):
 *
 *     Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ
 *     TCP[ESTABLISHED]   23       10.0.2.15 40122        10.0.2.2  8000     0     0
 *
 * Skips rows that do not parse. Writes to @text.
 */
void nat_flow_parse(char *text, void (*each)(void *data, const struct nat_flow *flow), void *data);

#endif
