/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_FORWARD_HOSTFWD_H
#define USERNET_FORWARD_HOSTFWD_H

#include <glib.h>

#include "forward/backlog.h"

/*
 * One listening socket of the host's side, TCP or unix, whose clients go to a guest. It accepts a
 * bounded number a turn. Without descriptors or room in the backlog it pauses: clients wait in the
 * kernel.
 */
struct hostfwd;

#define HOSTFWD_ACCEPTS  256                   /* clients accepted per turn */
#define HOSTFWD_REST_MIN USEC_PER_MSEC         /* pause while the guest answers nobody; doubles */
#define HOSTFWD_REST     (100 * USEC_PER_MSEC) /* pause when nothing can be accepted */

/*
 * Listens at *@bound, with @early even if the host does not have that address yet; port 0 is
 * replaced by the port chosen. Makes @target's rule if it is NULL. A unix socket gets mode 0600 and
 * replaces a stale one. NULL: the error says who has the address, or which permission is missing.
 */
struct hostfwd *hostfwd_new(struct loop *loop, struct backlog *backlog, struct sockaddr_any *bound,
			    bool early, const struct caller_target *target, GError **error);
/* Resets waiting clients; connections go on. Removes a unix socket. */
void hostfwd_free(struct hostfwd *hostfwd);
/* Waiting and future clients go to @target. */
void hostfwd_retarget(struct hostfwd *hostfwd, const struct caller_target *target);
/* Clients that had to wait for their guest, in all. */
uint64_t hostfwd_waited(const struct hostfwd *hostfwd);
int hostfwd_fd(const struct hostfwd *hostfwd);

#endif
