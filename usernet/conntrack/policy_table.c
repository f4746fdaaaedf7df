/* SPDX-License-Identifier: BSD-3-Clause */
#include "conntrack/policy_table.h"

#include "base/address.h"
#include "net/network.h"
#include "net/reservation.h"

struct policy_table {
	struct network *network;
	struct policy *all;
	GHashTable *guests; /* name in lower case -> struct policy, never empty */
	char *restricted;   /* GRefString; NULL: it is not */
};

struct policy_table *policy_table_new(struct network *network, bool restricted)
{
	struct policy_table *policy_table = g_new0(struct policy_table, 1);

	policy_table->network = network;
	policy_table->all = policy_new();
	policy_table->guests =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)policy_free);
	policy_table->restricted = restricted ? g_ref_string_new("restrict=on") : NULL;
	return policy_table;
}

void policy_table_free(struct policy_table *policy_table)
{
	policy_free(policy_table->all);
	g_hash_table_destroy(policy_table->guests);
	if (policy_table->restricted)
		g_ref_string_release(policy_table->restricted);
	g_free(policy_table);
}

static struct policy *find(const struct policy_table *policy_table, const char *guest)
{
	g_autofree char *lower = guest ? g_ascii_strdown(guest, -1) : NULL;

	return lower ? g_hash_table_lookup(policy_table->guests, lower) : policy_table->all;
}

const struct policy *policy_table_policy(const struct policy_table *policy_table, const char *guest)
{
	return find(policy_table, guest);
}

bool policy_table_add(struct policy_table *policy_table, const char *guest, bool allow,
		      const char *text, GError **error)
{
	struct policy *policy = find(policy_table, guest);

	if (policy)
		return policy_add(policy, allow, text, error);
	policy = policy_new();
	if (!policy_add(policy, allow, text, error)) {
		policy_free(policy);
		return false;
	}
	g_hash_table_insert(policy_table->guests, g_ascii_strdown(guest, -1), policy);
	return true;
}

bool policy_table_remove(struct policy_table *policy_table, const char *guest, bool allow,
			 const char *text, GError **error)
{
	struct policy *policy = find(policy_table, guest);

	if (!policy) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
			    "%s=%s: guest '%s' has no rules", allow ? "allow" : "deny", text,
			    guest);
		return false;
	}
	if (!policy_remove(policy, allow, text, error))
		return false;
	if (guest && policy_is_empty(policy))
		policy_table_forget(policy_table, guest);
	return true;
}

void policy_table_forget(struct policy_table *policy_table, const char *guest)
{
	g_autofree char *lower = g_ascii_strdown(guest, -1);

	g_hash_table_remove(policy_table->guests, lower);
}

GList *policy_table_guests(const struct policy_table *policy_table)
{
	return g_hash_table_get_keys(policy_table->guests);
}

static struct policy *policy_of(const struct policy_table *policy_table, mac_t mac)
{
	const struct reservation *reservation;

	if (!g_hash_table_size(policy_table->guests))
		return NULL;
	reservation = reservation_by_mac(policy_table->network->reservations, mac);
	return reservation ? g_hash_table_lookup(policy_table->guests, reservation->name) : NULL;
}

static const struct policy_rule *ask(struct policy *policy,
				     const struct policy_table_target *target, bool count)
{
	if (!policy || policy_is_empty(policy))
		return NULL;
	return count ? policy_match(policy, target->proto, &target->dst, target->port)
		     : policy_look(policy, target->proto, &target->dst, target->port);
}

/* The guest's rule decides, else the network's. NULL: none matches. */
static const struct policy_rule *decide(const struct policy_table *policy_table, mac_t mac,
					const struct policy_table_target *target, bool count)
{
	const struct policy_rule *rule = ask(policy_of(policy_table, mac), target, count);

	return rule ? rule : ask(policy_table->all, target, count);
}

static struct policy_table_verdict judge(const struct policy_table *policy_table, mac_t mac,
					 const struct policy_table_target *target, bool count)
{
	struct policy_table_target inner = *target;
	const struct policy_rule *rule;

	/* What carries an IPv4 address is judged as that; a deny of the IPv6 network counts too. */
	if (address_carried_v4(&target->dst, &inner.dst)) {
		rule = decide(policy_table, mac, target, false);
		if (rule && !rule->allow && !rule->every)
			inner.dst = target->dst;
	}
	rule = decide(policy_table, mac, &inner, count);
	if (rule)
		return (struct policy_table_verdict){rule->allow, policy_text(rule)};
	return (struct policy_table_verdict){!policy_table->restricted, policy_table->restricted};
}

struct policy_table_verdict policy_table_judge(struct policy_table *policy_table, mac_t mac,
					       const struct policy_table_target *target)
{
	return judge(policy_table, mac, target, true);
}

struct policy_table_verdict policy_table_look(const struct policy_table *policy_table, mac_t mac,
					      const struct policy_table_target *target)
{
	return judge(policy_table, mac, target, false);
}
