/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_GATEWAY_HOSTNET_H
#define USERNET_GATEWAY_HOSTNET_H

#include "base/loop.h"

/*
 * Follows the host's network: tells when an address was removed, a route or link added, changed or
 * removed (rtnetlink(7)). Many messages at once, as from a VPN or after a resume, are one change.
 */
struct hostnet;

#define HOSTNET_SETTLE   (100 * USEC_PER_MSEC) /* from the first message to the call */
#define HOSTNET_INTERVAL (1 * USEC_PER_SEC)    /* between calls, at least */

/* NULL: the kernel gives no rtnetlink socket; changes are not noticed then. */
struct hostnet *hostnet_new(struct loop *loop, void (*changed)(void *data), void *data);
void hostnet_free(struct hostnet *hostnet);

#endif
