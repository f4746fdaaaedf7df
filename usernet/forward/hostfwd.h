/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_FORWARD_HOSTFWD_H
#define USERNET_FORWARD_HOSTFWD_H

#include <glib.h>

#include "forward/backlog.h"

/*
 * One listening socket of the host's side, TCP or unix, whose clients become callers of a guest.
 * Of as many clients as there are it accepts a bounded number a turn; without descriptors, or when
 * the NAT has no room for more, it rests: clients wait in the kernel.
 */
struct hostfwd;

#define HOSTFWD_ACCEPTS 256                   /* a turn */
#define HOSTFWD_REST    (100 * USEC_PER_MSEC) /* when nothing can be accepted */

/*
 * @target's rule may be NULL: it is made. Listens at *@bound, where the port that was chosen for
 * port 0 is put then. A unix socket is made with mode 0600; a stale one in its place goes. NULL:
 * the error says who has the address, or what right is missing.
 */
struct hostfwd *hostfwd_new(struct loop *loop, struct backlog *backlog, struct sockaddr_any *bound,
			    const struct caller_target *target, GError **error);
/* Resets who waits; connections go on. A unix socket is removed. */
void hostfwd_free(struct hostfwd *hostfwd);
/* Who waits, and who comes, goes there. */
void hostfwd_retarget(struct hostfwd *hostfwd, const struct caller_target *target);
/* Clients that had to wait for their guest, in all. */
uint64_t hostfwd_waited(const struct hostfwd *hostfwd);
int hostfwd_fd(const struct hostfwd *hostfwd);

#endif
