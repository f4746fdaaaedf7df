/* SPDX-License-Identifier: BSD-3-Clause */
#include "svc/egress.h"

#include "net/network.h"
#include "net/reservation.h"

struct egress {
	struct network *network;
	struct policy *all;
	GHashTable *guests; /* name in lower case -> struct policy, never empty */
	char *restricted;   /* GRefString; NULL: it is not */
};

struct egress *egress_new(struct network *network, bool restricted)
{
	struct egress *egress = g_new0(struct egress, 1);

	egress->network = network;
	egress->all = policy_new();
	egress->guests =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)policy_free);
	egress->restricted = restricted ? g_ref_string_new("restrict=on") : NULL;
	return egress;
}

void egress_free(struct egress *egress)
{
	policy_free(egress->all);
	g_hash_table_destroy(egress->guests);
	if (egress->restricted)
		g_ref_string_release(egress->restricted);
	g_free(egress);
}

static struct policy *find(const struct egress *egress, const char *guest)
{
	g_autofree char *lower = guest ? g_ascii_strdown(guest, -1) : NULL;

	return lower ? g_hash_table_lookup(egress->guests, lower) : egress->all;
}

const struct policy *egress_policy(const struct egress *egress, const char *guest)
{
	return find(egress, guest);
}

bool egress_add(struct egress *egress, const char *guest, bool allow, const char *text,
		GError **error)
{
	struct policy *policy = find(egress, guest);

	if (policy)
		return policy_add(policy, allow, text, error);
	policy = policy_new();
	if (!policy_add(policy, allow, text, error)) {
		policy_free(policy);
		return false;
	}
	g_hash_table_insert(egress->guests, g_ascii_strdown(guest, -1), policy);
	return true;
}

bool egress_remove(struct egress *egress, const char *guest, bool allow, const char *text,
		   GError **error)
{
	struct policy *policy = find(egress, guest);

	if (!policy) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
			    "%s=%s: guest '%s' has no rules", allow ? "allow" : "deny", text,
			    guest);
		return false;
	}
	if (!policy_remove(policy, allow, text, error))
		return false;
	if (guest && policy_is_empty(policy))
		egress_forget(egress, guest);
	return true;
}

void egress_forget(struct egress *egress, const char *guest)
{
	g_autofree char *lower = g_ascii_strdown(guest, -1);

	g_hash_table_remove(egress->guests, lower);
}

GList *egress_guests(const struct egress *egress)
{
	return g_hash_table_get_keys(egress->guests);
}

static struct policy *policy_of(const struct egress *egress, mac_t mac)
{
	const struct reservation *reservation;

	if (!g_hash_table_size(egress->guests))
		return NULL;
	reservation = reservation_by_mac(egress->network->reservations, mac);
	return reservation ? g_hash_table_lookup(egress->guests, reservation->name) : NULL;
}

static const struct policy_rule *ask(struct policy *policy, const struct egress_target *target,
				     bool count)
{
	if (!policy || policy_is_empty(policy))
		return NULL;
	return count ? policy_match(policy, target->proto, &target->dst, target->port)
		     : policy_look(policy, target->proto, &target->dst, target->port);
}

static struct egress_verdict judge(const struct egress *egress, mac_t mac,
				   const struct egress_target *target, bool count)
{
	const struct policy_rule *rule = ask(policy_of(egress, mac), target, count);

	if (!rule)
		rule = ask(egress->all, target, count);
	if (rule)
		return (struct egress_verdict){rule->allow, policy_text(rule)};
	return (struct egress_verdict){!egress->restricted, egress->restricted};
}

struct egress_verdict egress_judge(struct egress *egress, mac_t mac,
				   const struct egress_target *target)
{
	return judge(egress, mac, target, true);
}

struct egress_verdict egress_look(const struct egress *egress, mac_t mac,
				  const struct egress_target *target)
{
	return judge(egress, mac, target, false);
}
