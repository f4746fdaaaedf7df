/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/config/wanted.h"

#include <arpa/inet.h>
#include <string.h>

#include "conntrack/conntrack.h"
#include "ctl/control.h"
#include "ctl/forwards.h"
#include "ctl/guest_forwards.h"
#include "ctl/guests.h"
#include "ctl/netdev_kind.h"
#include "ctl/options/user.h"
#include "ctl/records.h"
#include "dns/zone.h"
#include "gateway/gateway.h"
#include "net/netdev.h"
#include "net/network.h"
#include "net/user_loopback.h"
#include "policy/table.h"

static void free_key(void *data)
{
	struct wanted_key *key = data;

	g_free(key->name);
	g_ptr_array_unref(key->values);
	g_free(key);
}

static void free_group(void *data)
{
	struct wanted_group *group = data;

	g_free(group->kind);
	g_free(group->name);
	g_free(group->domain);
	g_ptr_array_unref(group->keys);
	g_free(group);
}

static struct wanted_group *add_group(GPtrArray *groups, const char *kind, const char *name)
{
	struct wanted_group *group = g_new0(struct wanted_group, 1);

	group->kind = g_strdup(kind);
	group->name = g_strdup(name);
	group->keys = g_ptr_array_new_with_free_func(free_key);
	g_ptr_array_add(groups, group);
	return group;
}

static void add_value(struct wanted_group *group, const char *name, const char *value, bool list)
{
	struct wanted_key *key = wanted_key(group, name);

	if (!key) {
		key = g_new0(struct wanted_key, 1);
		key->name = g_strdup(name);
		key->list = list;
		key->values = g_ptr_array_new_with_free_func(g_free);
		g_ptr_array_add(group->keys, key);
	}
	g_ptr_array_add(key->values, g_strdup(value));
}

static void add_option(struct wanted_group *group, const struct optstr *opts,
		       const struct opt_spec *spec)
{
	g_autofree const char **values = optstr_all(opts, spec->key);

	for (unsigned i = 0; values[i]; i++)
		add_value(group, spec->key, values[i], spec->flags & OPT_REPEATS);
}

/* --- rules --- */

/* Finds the rule @text of allow= or deny= in @now (struct policy_rule *); false: not there. */
static bool find_rule(GPtrArray *now, bool allow, const char *text, guint *at)
{
	struct policy_rule rule;

	if (!policy_rule_parse(&rule, allow, text, NULL))
		return false;
	for (*at = 0; *at < now->len; ++*at) {
		const struct policy_rule *other = now->pdata[*at];

		if (other->allow == allow && policy_rule_same_flows(other, &rule))
			return true;
	}
	return false;
}

/* The rules of @guest, or (NULL) of the network. Rules in @opts keep their spelling. */
static void add_policy(struct wanted_group *group, struct control *control, const char *guest,
		       const struct optstr *opts)
{
	struct gateway *gateway = gateway_find(control->network);
	const struct policy *policy =
		gateway ? policy_table_policy(conntrack_egress(gateway_conntrack(gateway)), guest)
			: NULL;
	g_autoptr(GPtrArray) now = g_ptr_array_new();
	const struct policy_rule *rule;
	uint64_t hits;

	for (unsigned i = 0; policy && (rule = policy_nth(policy, i, &hits)); i++)
		g_ptr_array_add(now, (void *)rule);
	for (int allow = 0; allow <= 1; allow++) {
		const char *key = allow ? "allow" : "deny";
		g_autofree const char **texts = optstr_all(opts, key);
		guint at;

		for (unsigned i = 0; texts[i]; i++) {
			if (!find_rule(now, allow, texts[i], &at))
				continue;
			add_value(group, key, texts[i], true);
			g_ptr_array_remove_index(now, at);
		}
	}
	for (guint i = 0; i < now->len; i++) {
		/* "deny=10.0.0.0/8" */
		g_auto(GStrv) words = g_strsplit(policy_text(now->pdata[i]), "=", 2);

		add_value(group, words[0], words[1], true);
	}
}

/* @now: the current rules in canonical form. Rules in @opts keep their spelling. */
static void add_rules(struct wanted_group *group, const char *key, const struct optstr *opts,
		      GPtrArray *now, char *(*canonical)(struct attachment *user, const char *text),
		      struct attachment *user)
{
	g_autofree const char **texts = optstr_all(opts, key);

	for (unsigned i = 0; texts[i]; i++) {
		g_autofree char *text = canonical(user, texts[i]);
		guint at;

		if (!text || !g_ptr_array_find_with_equal_func(now, text, g_str_equal, &at))
			continue;
		add_value(group, key, texts[i], true);
		g_ptr_array_remove_index(now, at);
	}
	for (guint i = 0; i < now->len; i++)
		add_value(group, key, now->pdata[i], true);
}

static char *forward_canonical(struct attachment *user, const char *text)
{
	return forwards_canonical(user->forwards, text, NULL);
}

static char *guest_forward_canonical(struct attachment *user, const char *text)
{
	return guest_forwards_canonical(user->guest_forwards, text);
}

static void add_forwards(struct wanted_group *group, struct attachment *user)
{
	g_autoptr(GPtrArray) hosts = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GPtrArray) guests = g_ptr_array_new_with_free_func(g_free);

	list_for_each (entry, forwards_entries(user->forwards), struct fwd_entry, link)
		g_ptr_array_add(hosts, fwd_rule_format(&entry->rule));
	list_for_each (entry, guest_forwards_entries(user->guest_forwards), struct guest_forward,
		       link)
		g_ptr_array_add(guests, g_strdup(entry->text));
	add_rules(group, "hostfwd", user->opts, hosts, forward_canonical, user);
	add_rules(group, "guestfwd", user->opts, guests, guest_forward_canonical, user);
}

/* --- netdevs --- */

static bool is_live_key(const char *key)
{
	static const char *const keys[] = {"hostfwd",       "guestfwd",       "allow", "deny",
					   "host-loopback", "host-addresses", NULL};

	return g_strv_contains(keys, key);
}

static void add_host(struct wanted_group *group, const struct attachment *user)
{
	const struct user_config *config = gateway_config(gateway_from_netdev(user->netdev));
	const char *said = optstr_get(user->opts, "host-loopback");
	g_autofree char *loopback = user_loopback_format(config);
	bool sandbox = user_is_sandbox(user->opts);

	if (said || strcmp(loopback, sandbox ? "off" : "on"))
		add_value(group, "host-loopback", loopback, false);
	if (optstr_get(user->opts, "host-addresses") || config->host_addresses == sandbox)
		add_value(group, "host-addresses", config->host_addresses ? "on" : "off", false);
}

static void add_netdev(GPtrArray *groups, struct control *control, struct attachment *attachment)
{
	const struct netdev_kind *kind = netdev_kind_of(attachment->opts, NULL);
	struct wanted_group *group = add_group(groups, "netdev", attachment->netdev->id);

	add_value(group, "type", kind->name, false);
	for (const struct opt_spec *spec = kind->specs; spec->key; spec++) {
		if (!attachment->forwards || !is_live_key(spec->key))
			add_option(group, attachment->opts, spec);
	}
	if (!attachment->forwards)
		return;
	add_forwards(group, attachment);
	add_policy(group, control, NULL, attachment->opts);
	add_host(group, attachment);
}

/* --- guests and records --- */

static int compare_names(const void *a, const void *b)
{
	return g_ascii_strcasecmp(a, b);
}

static void add_guests(GPtrArray *groups, struct control *control)
{
	g_autoptr(GList) names = g_list_sort(g_hash_table_get_keys(control->guests), compare_names);

	for (GList *each = names; each; each = each->next) {
		const struct named_guest *guest = guests_find(control, each->data);
		struct wanted_group *group =
			add_group(groups, "guest", optstr_get(guest->opts, "name"));

		for (const struct opt_spec *spec = guest_specs + 1; spec->key; spec++) {
			if (strcmp(spec->key, "allow") && strcmp(spec->key, "deny"))
				add_option(group, guest->opts, spec);
		}
		add_policy(group, control, each->data, guest->opts);
	}
}

/* "db" for "db.DOMAIN"; other names as they are. Newly allocated. */
static char *short_name(const struct wanted_group *group, const char *name)
{
	size_t len = strlen(name), domain_len = group->domain ? strlen(group->domain) : 0;
	g_autofree char *head = NULL;

	if (!domain_len || len <= domain_len + 1 || name[len - domain_len - 1] != '.' ||
	    g_ascii_strcasecmp(name + len - domain_len, group->domain))
		return g_strdup(name);
	head = g_strndup(name, len - domain_len - 1);
	return g_strdup(strchr(head, '.') ? name : head);
}

static void add_record(void *data, const struct dns_name *name, const struct dns_addr *addr)
{
	g_autofree char *text = dns_name_format(name), *key = short_name(data, text);
	char address[INET6_ADDRSTRLEN];

	inet_ntop(addr->v6 ? AF_INET6 : AF_INET, &addr->addr, address, sizeof(address));
	add_value(data, key, address, true);
}

static void add_records(GPtrArray *groups, struct control *control)
{
	struct dns_zone *zone = records_zone(control, NULL);
	struct wanted_group *group;

	if (!zone || !dns_records_count(dns_zone_records(zone)))
		return;
	group = add_group(groups, "dns", "");
	group->domain = dns_name_format(dns_zone_domain(zone));
	dns_records_each(dns_zone_records(zone), add_record, group);
}

/* --- all --- */

GPtrArray *wanted_groups(struct control *control, GPtrArray *skipped)
{
	GPtrArray *groups = g_ptr_array_new_with_free_func(free_group);

	list_for_each (attachment, &control->attachments, struct attachment, link) {
		if (attachment->session)
			continue; /* it ends with a client */
		if (attachment->role == ATTACHMENT_FD)
			g_ptr_array_add(skipped, g_strdup_printf("netdev %s: its descriptor was "
								 "passed",
								 attachment->netdev->id));
		else
			add_netdev(groups, control, attachment);
	}
	add_guests(groups, control);
	add_records(groups, control);
	return groups;
}

struct wanted_group *wanted_find(GPtrArray *groups, const char *kind, const char *name)
{
	for (guint i = 0; i < groups->len; i++) {
		struct wanted_group *group = groups->pdata[i];

		if (!strcmp(group->kind, kind) &&
		    (strcmp(kind, "guest") ? !strcmp(group->name, name)
					   : !g_ascii_strcasecmp(group->name, name)))
			return group;
	}
	return NULL;
}

struct wanted_key *wanted_key(const struct wanted_group *group, const char *name)
{
	g_autofree char *wanted = short_name(group, name);

	for (guint i = 0; i < group->keys->len; i++) {
		struct wanted_key *key = group->keys->pdata[i];

		if (group->domain ? !g_ascii_strcasecmp(key->name, wanted)
				  : !strcmp(key->name, name))
			return key;
	}
	return NULL;
}
