/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_WATCH_H
#define USERNET_CTL_WATCH_H

#include "base/loop.h"

/*
 * Notes the troubles (net/troubles.h) that no packet shows. Every WATCH_PERIOD it looks for ports
 * whose guest has no address, limits that were reached, and forwards with waiting clients. It also
 * logs network events at level debug.
 */
struct control;
struct watch;

#define WATCH_PERIOD (2 * USEC_PER_SEC)
/* A guest that sends frames for this long without an address does not request one. */
#define WATCH_ADDRESS_PATIENCE (15 * USEC_PER_SEC)

struct watch *watch_new(struct control *control);
/* NULL is allowed. */
void watch_free(struct watch *watch);

#endif
