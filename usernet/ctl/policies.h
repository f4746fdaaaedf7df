/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_POLICIES_H
#define USERNET_CTL_POLICIES_H

#include <glib.h>
#include <stdbool.h>

/*
 * Passes the allow= and deny= of options (`user` and guests) and commands to the gateway's
 * conntrack (conntrack/conntrack.h).
 */
struct control;
struct network;
struct optstr;

/* Checks the rules in @opts. Errors are ERROR_USAGE. */
bool policies_check(const struct optstr *opts, GError **error);
/* The same for `user`; also refuses allow= when nothing is denied. */
bool policies_check_user(const struct optstr *opts, bool restricted, GError **error);
/*
 * Sets the rules of @guest, or (NULL) of the network; @opts was checked. Does nothing without a
 * gateway.
 */
void policies_apply(struct network *network, const char *guest, const struct optstr *opts);
/* Sets the rules of all named guests; for a gateway added after them. */
void policies_apply_guests(struct control *control);
/*
 * Removes the rules only in @old, adds those only in @next, keeps those added by command. @told
 * (may be NULL) gets "deny=10.0.0.0/8 removed". Existing flows are checked again.
 */
void policies_change(struct network *network, const char *guest, const struct optstr *old,
		     const struct optstr *next, void (*told)(void *data, const char *what),
		     void *data);
/* Removes the rules of @guest, which is no longer named. */
void policies_forget(struct network *network, const char *guest);

/*
 * @rule: "deny=10.0.0.0/8". Existing flows are checked again; *@n_cut were closed. ERROR_USAGE;
 * ERROR_NOT_FOUND: no such guest; ERROR_FAILED: no gateway.
 */
bool policies_add(struct control *control, const char *guest, const char *rule, unsigned *n_cut,
		  GError **error);
bool policies_remove(struct control *control, const char *guest, const char *rule, unsigned *n_cut,
		     GError **error);

#endif
