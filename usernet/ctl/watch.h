/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_WATCH_H
#define USERNET_CTL_WATCH_H

#include "base/loop.h"

/*
 * Notes the troubles (net/troubles.h) that no packet reports by itself: every WATCH_PERIOD it looks
 * for ports whose guest has no address, for limits that were reached, and for forwards whose
 * clients wait. It also writes what happens on the network to the log, at level debug.
 */
struct control;
struct watch;

#define WATCH_PERIOD (2 * USEC_PER_SEC)
/* A guest that sends frames and has no address for so long does not ask for one. */
#define WATCH_ADDRESS_PATIENCE (15 * USEC_PER_SEC)

struct watch *watch_new(struct control *control);
/* NULL is fine. */
void watch_free(struct watch *watch);

#endif
