/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_DOORS_DOOR_RULES_H
#define USERNET_CTL_DOORS_DOOR_RULES_H

#include <glib.h>
#include <stdbool.h>

#include "fwd/table.h"

/*
 * The forwards that were added through a door, with the number and the words that its clients know
 * them by. The table of forwards owns the rules: one that was removed elsewhere, or whose `user`
 * netdev is gone, is forgotten here by door_rules_update().
 */
struct forwards;

struct door_rule {
	int id;               /* from 1, never used again */
	char *text;           /* the rule with its actual port, as fwd_entry_format() writes it */
	char *local, *remote; /* as the client wrote them; may be NULL */
	const struct fwd_entry *entry; /* borrowed; set by door_rules_update() */
};

struct door_rules {
	GPtrArray *rules; /* struct door_rule *, in the order of addition */
	int last_id;
};

void door_rules_init(struct door_rules *rules);
void door_rules_clear(struct door_rules *rules);
/* Forgets rules that @forwards, which may be NULL, does not have, and sets entry of the others. */
void door_rules_update(struct door_rules *rules, struct forwards *forwards);
/* @text: a value of hostfwd=. The result is borrowed. NULL: @error says why. */
struct door_rule *door_rules_add(struct door_rules *rules, struct forwards *forwards,
				 const char *text, GError **error);
/* Removes it from @forwards as well. Frees @rule. */
bool door_rules_remove(struct door_rules *rules, struct forwards *forwards, struct door_rule *rule,
		       GError **error);

#endif
