/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/doors/door_rules.h"

#include "ctl/forwards.h"

static void free_rule(gpointer data)
{
	struct door_rule *rule = data;

	g_free(rule->text);
	g_free(rule->local);
	g_free(rule->remote);
	g_free(rule);
}

void door_rules_init(struct door_rules *rules)
{
	rules->rules = g_ptr_array_new_with_free_func(free_rule);
	rules->last_id = 0;
}

void door_rules_clear(struct door_rules *rules)
{
	g_clear_pointer(&rules->rules, g_ptr_array_unref);
}

void door_rules_update(struct door_rules *rules, struct forwards *forwards)
{
	g_autoptr(GHashTable) entries =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	guint kept = 0;

	if (!rules->rules->len)
		return;
	if (forwards) {
		list_for_each (entry, forwards_entries(forwards), struct fwd_entry, link)
			g_hash_table_insert(entries, fwd_entry_format(entry), entry);
	}
	for (guint i = 0; i < rules->rules->len; i++) {
		struct door_rule *rule = g_ptr_array_index(rules->rules, i);

		rule->entry = g_hash_table_lookup(entries, rule->text);
		if (rule->entry)
			rules->rules->pdata[kept++] = rule;
		else
			free_rule(rule);
	}
	/* Shrinks the array without freeing what was moved. */
	g_ptr_array_set_free_func(rules->rules, NULL);
	g_ptr_array_set_size(rules->rules, (gint)kept);
	g_ptr_array_set_free_func(rules->rules, free_rule);
}

struct door_rule *door_rules_add(struct door_rules *rules, struct forwards *forwards,
				 const char *text, GError **error)
{
	const struct fwd_entry *entry = forwards_add(forwards, text, error);
	struct door_rule *rule;

	if (!entry)
		return NULL;
	rule = g_new0(struct door_rule, 1);
	rule->id = ++rules->last_id;
	rule->entry = entry;
	rule->text = fwd_entry_format(entry);
	g_ptr_array_add(rules->rules, rule);
	return rule;
}

bool door_rules_remove(struct door_rules *rules, struct forwards *forwards, struct door_rule *rule,
		       GError **error)
{
	if (!forwards_remove(forwards, rule->text, error))
		return false;
	g_ptr_array_remove(rules->rules, rule);
	return true;
}
