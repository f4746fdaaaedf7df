/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_CONFIG_RELOAD_PRIV_H
#define USERNET_CTL_CONFIG_RELOAD_PRIV_H

#include <json-glib/json-glib.h>

#include "ctl/options/optstr.h"

/* A reload in progress. Only for reload*.c. */
struct control;
struct config;
struct config_entry;
struct attachment;

struct reload {
	struct control *control;
	struct config *next;
	GHashTable *changed; /* "netdev lan": removed, to be added again with other keys */
	JsonArray *applied, *restart, *failed;
};

/* --- the report: @kind "netdev", @name "lan" or NULL --- */

/* @to: one of the three arrays. @member: "action", "key" or "error". */
void reload_report(JsonArray *to, const char *kind, const char *name, const char *member,
		   const char *text);
/* Takes ownership of @error. */
void reload_report_failure(struct reload *reload, const char *kind, const char *name,
			   GError *error);

/* --- reload_user.c --- */

/* Applies changes of allow= and deny= of the user netdev (@guest is NULL) or of a guest. */
void reload_rules(struct reload *reload, const char *guest, const char *kind, const char *name,
		  struct optstr *old, const struct optstr *next);
/* Applies the keys of a user netdev that stays. */
void reload_user(struct reload *reload, struct attachment *user, const struct config_entry *entry);

#endif
