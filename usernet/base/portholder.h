/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_PORTHOLDER_H
#define USERNET_BASE_PORTHOLDER_H

#include "base/sockaddr.h"

/*
 * Who has an inet address of SOCK_STREAM (listening) or SOCK_DGRAM @type in use, such that @addr
 * cannot be bound: "pid 1234 (nginx)", newly allocated; "a process of user 33" when /proc does not
 * show us which; NULL when it does not even show that.
 */
char *port_holder(const struct sockaddr_any *addr, int type);

#endif
