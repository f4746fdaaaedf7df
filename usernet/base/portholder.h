/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_PORTHOLDER_H
#define USERNET_BASE_PORTHOLDER_H

#include "base/sockaddr.h"

/*
 * Finds the process that prevents binding @addr; @type is SOCK_STREAM (listening) or SOCK_DGRAM.
 * Returns "pid 1234 (nginx)", newly allocated; "a process of user 33" when /proc hides the process;
 * NULL when it shows neither.
 */
char *port_holder(const struct sockaddr_any *addr, int type);

#endif
