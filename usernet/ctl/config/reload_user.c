/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "ctl/config/config.h"
#include "ctl/config/reload_priv.h"
#include "ctl/control.h"
#include "ctl/forwards.h"
#include "ctl/guest_forwards.h"
#include "ctl/options/user.h"
#include "ctl/policies.h"
#include "gateway/gateway.h"
#include "net/netdev.h"

/* --- hostfwd= and guestfwd=: added and removed one by one --- */

struct rule_list {
	const char *key;
	void *(*of)(const struct attachment *user);
	/* The canonical form of a rule; NULL: it is invalid. */
	char *(*canonical)(void *rules, const char *text);
	/* All current rules in that form. */
	GHashTable *(*now)(void *rules);
	void (*drop)(void *rules, const char *canonical);
	bool (*add)(void *rules, const char *text, GError **error);
};

static void *forwards_of(const struct attachment *user)
{
	return user->forwards;
}

static char *forward_canonical(void *rules, const char *text)
{
	return forwards_canonical(rules, text, NULL);
}

static GHashTable *forwards_now(void *rules)
{
	return forwards_canonicals(rules);
}

static void forward_drop(void *rules, const char *canonical)
{
	forwards_drop(rules, canonical);
}

static bool forward_add(void *rules, const char *text, GError **error)
{
	return forwards_add_early(rules, text, error);
}

static void *guest_forwards_of(const struct attachment *user)
{
	return user->guest_forwards;
}

static char *guest_forward_canonical(void *rules, const char *text)
{
	return guest_forwards_canonical(rules, text);
}

static GHashTable *guest_forwards_now(void *rules)
{
	return guest_forwards_canonicals(rules);
}

static void guest_forward_drop(void *rules, const char *canonical)
{
	guest_forwards_drop(rules, canonical);
}

static bool guest_forward_add(void *rules, const char *text, GError **error)
{
	return guest_forwards_add(rules, text, error);
}

static const struct rule_list rule_lists[] = {
	{"hostfwd", forwards_of, forward_canonical, forwards_now, forward_drop, forward_add},
	{"guestfwd", guest_forwards_of, guest_forward_canonical, guest_forwards_now,
	 guest_forward_drop, guest_forward_add},
};

static void report_forward(struct reload *reload, const char *id, const char *key, const char *rule,
			   const char *did)
{
	g_autofree char *action = g_strdup_printf("%s %s %s", key, rule, did);

	reload_report(reload->applied, "netdev", id, "action", action);
}

static GHashTable *canonicals(const struct rule_list *list, void *rules, const struct optstr *opts)
{
	GHashTable *found = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autofree const char **texts = optstr_all(opts, list->key);

	for (unsigned i = 0; texts[i]; i++) {
		char *text = list->canonical(rules, texts[i]);

		if (text)
			g_hash_table_add(found, text);
	}
	return found;
}

static void remove_forwards(struct reload *reload, const struct attachment *user,
			    const struct rule_list *list, const struct optstr *opts)
{
	void *rules = list->of(user), *rule;
	g_autoptr(GHashTable) old = canonicals(list, rules, user->opts);
	g_autoptr(GHashTable) next = canonicals(list, rules, opts);
	g_autoptr(GHashTable) now = list->now(rules);
	GHashTableIter iter;

	g_hash_table_iter_init(&iter, old);
	while (g_hash_table_iter_next(&iter, &rule, NULL)) {
		if (g_hash_table_contains(next, rule) || !g_hash_table_contains(now, rule))
			continue;
		list->drop(rules, rule);
		report_forward(reload, user->netdev->id, list->key, rule, "removed");
	}
}

/* Adds them in the file's order. */
static void add_forwards(struct reload *reload, const struct attachment *user,
			 const struct rule_list *list)
{
	void *rules = list->of(user);
	g_autoptr(GHashTable) now = list->now(rules);
	g_autofree const char **texts = optstr_all(user->opts, list->key);

	for (unsigned i = 0; texts[i]; i++) {
		g_autofree char *rule = list->canonical(rules, texts[i]);
		GError *error = NULL;

		if (!rule || g_hash_table_contains(now, rule))
			continue;
		if (list->add(rules, texts[i], &error))
			report_forward(reload, user->netdev->id, list->key, rule, "added");
		else
			reload_report_failure(reload, "netdev", user->netdev->id, error);
	}
}

/* --- allow= and deny= --- */

/* Where to report that a rule was added or removed. */
struct rule_report {
	struct reload *reload;
	const char *kind, *name;
};

static void report_rule(void *data, const char *what)
{
	const struct rule_report *to = data;

	reload_report(to->reload->applied, to->kind, to->name, "action", what);
}

void reload_rules(struct reload *reload, const char *guest, const char *kind, const char *name,
		  struct optstr *old, const struct optstr *next)
{
	struct rule_report to = {reload, kind, name};

	policies_change(reload->control->network, guest, old, next, report_rule, &to);
	optstr_take(old, next, "allow");
	optstr_take(old, next, "deny");
}

/* --- access to the host --- */

static void reload_host(struct reload *reload, struct attachment *user, const struct optstr *next)
{
	struct gateway *gateway = gateway_from_netdev(user->netdev);
	const char *loopback = optstr_get(next, "host-loopback");
	bool sandbox = user_is_sandbox(user->opts);
	bool addresses = optstr_bool(next, "host-addresses", !sandbox);
	GError *error = NULL;

	if (g_strcmp0(optstr_get(user->opts, "host-loopback"), loopback)) {
		if (gateway_set_loopback(gateway,
					 loopback  ? loopback
					 : sandbox ? "off"
						   : "on",
					 &error))
			reload_report(reload->applied, "netdev", user->netdev->id, "action",
				      "host-loopback");
		else
			reload_report_failure(reload, "netdev", user->netdev->id, error);
		optstr_take(user->opts, next, "host-loopback");
	}
	error = NULL;
	if (optstr_bool(user->opts, "host-addresses", !sandbox) != addresses) {
		if (gateway_set_host_addresses(gateway, addresses, &error))
			reload_report(reload->applied, "netdev", user->netdev->id, "action",
				      "host-addresses");
		else
			reload_report_failure(reload, "netdev", user->netdev->id, error);
		optstr_take(user->opts, next, "host-addresses");
	}
}

static void reload_isolation(struct reload *reload, struct attachment *user,
			     const struct optstr *next)
{
	bool isolated = optstr_bool(next, "isolate", false);

	if (optstr_bool(user->opts, "isolate", false) != isolated) {
		gateway_set_isolated(gateway_from_netdev(user->netdev), isolated);
		reload_report(reload->applied, "netdev", user->netdev->id, "action", "isolate");
	}
	optstr_take(user->opts, next, "isolate");
}

/* --- all --- */

static bool changes_live(const char *key)
{
	static const char *const keys[] = {"hostfwd",       "guestfwd",       "allow",   "deny",
					   "host-loopback", "host-addresses", "isolate", NULL};

	return g_strv_contains(keys, key);
}

void reload_user(struct reload *reload, struct attachment *user, const struct config_entry *entry)
{
	for (const struct opt_spec *spec = user_option_specs; spec->key; spec++) {
		if (!changes_live(spec->key) && !optstr_same(user->opts, entry->opts, spec))
			reload_report(reload->restart, "netdev", user->netdev->id, "key",
				      spec->key);
	}
	reload_rules(reload, NULL, "netdev", user->netdev->id, user->opts, entry->opts);
	reload_host(reload, user, entry->opts);
	reload_isolation(reload, user, entry->opts);
	for (unsigned i = 0; i < G_N_ELEMENTS(rule_lists); i++)
		remove_forwards(reload, user, &rule_lists[i], entry->opts);
	for (unsigned i = 0; i < G_N_ELEMENTS(rule_lists); i++)
		optstr_take(user->opts, entry->opts, rule_lists[i].key);
	for (unsigned i = 0; i < G_N_ELEMENTS(rule_lists); i++)
		add_forwards(reload, user, &rule_lists[i]);
}
