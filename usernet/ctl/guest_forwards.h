/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_GUEST_FORWARDS_H
#define USERNET_CTL_GUEST_FORWARDS_H

#include <glib.h>
#include <stdbool.h>

#include "base/list.h"
#include "fwd/guestfwd.h"

/*
 * The guestfwd rules of one `user` netdev: joins their grammar (fwd/guestfwd.h) to what serves them
 * (forward/guestfwd.h), and tells the network's observers what came and went.
 */
struct guest_forwards;
struct guestfwd;
struct netdev;
struct optstr;
struct user_config;

struct guest_forward {
	struct fwd_guestfwd rule; /* the server's address is never left out */
	char *text;               /* as guestfwd= has it, nothing left out */
	struct guestfwd *fwd;
	struct list link; // guest_forwards_entries()
};

struct guest_forwards *guest_forwards_new(struct netdev *user);
/* Resets all; before the netdev goes. NULL is fine. */
void guest_forwards_free(struct guest_forwards *forwards);

/*
 * Are the guestfwd= of @opts right, as far as can be said before anything is opened? @config is
 * what the rest of @opts says.
 */
bool guest_forwards_check(const struct optstr *opts, const struct user_config *config,
			  GError **error);
/* Appends the commands of @opts, each to be freed. What is no rule is left out. */
void guest_forwards_commands(const struct optstr *opts, GPtrArray *commands);

/* @rule as guestfwd= has it. NULL: errors in QEMU's words, then the reason. */
const struct guest_forward *guest_forwards_add(struct guest_forwards *forwards, const char *rule,
					       GError **error);
/* @rule: the whole, or [tcp]:[SERVER]:PORT. ERROR_NOT_FOUND when there is none. */
bool guest_forwards_remove(struct guest_forwards *forwards, const char *rule, GError **error);
/* guest_forward::text of @rule, newly allocated; NULL: it is none. */
char *guest_forwards_canonical(struct guest_forwards *forwards, const char *rule);
/* All texts there are: a set of char *, newly allocated. */
GHashTable *guest_forwards_canonicals(struct guest_forwards *forwards);
/* By its text. Nothing when there is none. */
void guest_forwards_drop(struct guest_forwards *forwards, const char *text);
struct list *guest_forwards_entries(struct guest_forwards *forwards); // heads guest_forward::link

#endif
