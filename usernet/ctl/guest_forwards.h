/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_GUEST_FORWARDS_H
#define USERNET_CTL_GUEST_FORWARDS_H

#include <glib.h>
#include <stdbool.h>

#include "base/list.h"
#include "fwd/guestfwd.h"

/*
 * The guestfwd rules of one `user` netdev. Connects their grammar (fwd/guestfwd.h) to the service
 * (forward/guestfwd.h), and notifies the network's observers of changes.
 */
struct guest_forwards;
struct guestfwd;
struct netdev;
struct optstr;
struct user_config;

struct guest_forward {
	struct fwd_guestfwd rule; /* always has the server's address */
	char *text;               /* the rule as in guestfwd=, complete */
	struct guestfwd *fwd;
	struct list link; // guest_forwards_entries()
};

struct guest_forwards *guest_forwards_new(struct netdev *user);
/* Resets all connections; call before the netdev is destroyed. NULL is allowed. */
void guest_forwards_free(struct guest_forwards *forwards);

/*
 * Checks the guestfwd= of @opts as far as possible without opening anything. @config: the other
 * keys of @opts.
 */
bool guest_forwards_check(const struct optstr *opts, const struct user_config *config,
			  GError **error);
/* Appends the commands of @opts; free each. Invalid rules are skipped. */
void guest_forwards_commands(const struct optstr *opts, GPtrArray *commands);

/* @rule as in guestfwd=. NULL: the error is QEMU's message, then the reason. */
const struct guest_forward *guest_forwards_add(struct guest_forwards *forwards, const char *rule,
					       GError **error);
/* @rule: complete, or [tcp]:[SERVER]:PORT. ERROR_NOT_FOUND when there is none. */
bool guest_forwards_remove(struct guest_forwards *forwards, const char *rule, GError **error);
/* guest_forward::text of @rule, newly allocated; NULL: invalid. */
char *guest_forwards_canonical(struct guest_forwards *forwards, const char *rule);
/* All texts: a set of char *, newly allocated. */
GHashTable *guest_forwards_canonicals(struct guest_forwards *forwards);
/* Removes the rule with this text; does nothing when there is none. */
void guest_forwards_drop(struct guest_forwards *forwards, const char *text);
struct list *guest_forwards_entries(struct guest_forwards *forwards); // heads guest_forward::link

#endif
