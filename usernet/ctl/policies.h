/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_POLICIES_H
#define USERNET_CTL_POLICIES_H

#include <glib.h>
#include <stdbool.h>

/*
 * The allow= and deny= of options (of `user`, and of guests), and of commands, brought to the
 * gateway's conntrack (conntrack/conntrack.h).
 */
struct control;
struct network;
struct optstr;

/* The rules in @opts by themselves. Errors are ERROR_USAGE. */
bool policies_check(const struct optstr *opts, GError **error);
/*
 * For `user`: also that allow= would not allow what nobody denies.
 */
bool policies_check_user(const struct optstr *opts, bool restricted, GError **error);
/* Of @guest, or of the network (NULL); @opts was checked. Nothing without a gateway. */
void policies_apply(struct network *network, const char *guest, const struct optstr *opts);
/* Those of all guests that were named, when the gateway comes after them. */
void policies_apply_guests(struct control *control);
/*
 * What @old says and @next does not goes, what only @next says comes, what was added by command
 * stays. @told, which may be NULL, hears "deny=10.0.0.0/8 removed". Flows are judged again.
 */
void policies_change(struct network *network, const char *guest, const struct optstr *old,
		     const struct optstr *next, void (*told)(void *data, const char *what),
		     void *data);
/* @guest is not named any more. */
void policies_forget(struct network *network, const char *guest);

/*
 * @rule: "deny=10.0.0.0/8". Flows are judged again; *@n_cut of them were cut. ERROR_USAGE,
 * ERROR_NOT_FOUND: no such guest, ERROR_FAILED: no gateway.
 */
bool policies_add(struct control *control, const char *guest, const char *rule, unsigned *n_cut,
		  GError **error);
bool policies_remove(struct control *control, const char *guest, const char *rule, unsigned *n_cut,
		     GError **error);

#endif
