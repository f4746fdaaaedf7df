/* SPDX-License-Identifier: BSD-3-Clause */
#include "policy/table.h"

#include "base/address.h"
#include "net/network.h"
#include "net/reservation.h"
#include "net/user_config.h"
#include "policy/private.h"

struct policy_table {
	struct network *network;
	struct policy *all;
	GHashTable *guests; /* name in lower case -> struct policy, never empty */
	char *restricted;   /* GRefString: what denies the rest; NULL: nothing does */
	const struct user_config *config;
	struct policy_open *open;
};

struct policy_table *policy_table_new(struct network *network, const struct user_config *config)
{
	struct policy_table *policy_table = g_new0(struct policy_table, 1);

	policy_table->network = network;
	policy_table->config = config;
	policy_table->all = policy_new();
	policy_table->guests =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)policy_free);
	if (config->restricted)
		policy_table->restricted = g_ref_string_new("restrict=on");
	else if (config->policy == POLICY_MODE_SANDBOX)
		policy_table->restricted = g_ref_string_new("policy=sandbox");
	policy_table->open = policy_open_new();
	return policy_table;
}

void policy_table_free(struct policy_table *policy_table)
{
	policy_open_free(policy_table->open);
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

/* --- conns --- */

/* The guest's rule decides, else the network's. NULL: none matches. */
static const struct policy_rule *decide(const struct policy_table *policy_table, mac_t mac,
					const struct policy_target *target, unsigned *which)
{
	const struct policy *own = policy_of(policy_table, mac);
	const struct policy_rule *rule = own ? policy_look(own, target, which) : NULL;

	if (rule || policy_is_empty(policy_table->all))
		return rule;
	return policy_look(policy_table->all, target, which);
}

/* An address that carries an IPv4 one is judged as that; a deny of the IPv6 network counts, too. */
static const struct policy_rule *decide_carried(const struct policy_table *policy_table, mac_t mac,
						struct policy_target *target, unsigned *which)
{
	struct in6_addr outer = target->dst;
	const struct policy_rule *rule;

	if (address_carried_v4(&outer, &target->dst)) {
		struct in6_addr inner = target->dst;

		target->dst = outer;
		rule = decide(policy_table, mac, target, which);
		if (!rule || rule->allow || rule->every)
			target->dst = inner;
	}
	return decide(policy_table, mac, target, which);
}

/* The names that stand for a destination: those asked for, and the one it was opened by. */
struct names {
	const struct policy_known *known[POLICY_OPEN_PER_ADDRESS];
	const struct dns_name *names[POLICY_OPEN_PER_ADDRESS + 1];
	struct dns_name own;
	unsigned n, n_known;
};

static void find_names(const struct policy_table *policy_table, mac_t mac,
		       const struct policy_table_target *target, struct names *names)
{
	names->n = names->n_known = 0;
	if (target->said) {
		names->names[names->n++] = target->said;
		return;
	}
	names->n_known = policy_open_find(policy_table->open, mac, &target->dst,
					  loop_now(policy_table->network->loop), names->known);
	for (unsigned i = 0; i < names->n_known; i++)
		names->names[names->n++] = &names->known[i]->name;
	if (target->name && dns_name_parse(&names->own, target->name))
		names->names[names->n++] = &names->own;
}

static const char *name_text(const struct names *names, unsigned which,
			     const struct policy_table_target *target)
{
	if (target->said)
		return NULL;
	return which < names->n_known ? names->known[which]->text : target->name;
}

struct policy_table_verdict policy_table_look(const struct policy_table *policy_table, mac_t mac,
					      const struct policy_table_target *target)
{
	struct policy_table_verdict verdict = {
		.allow = !policy_table->restricted,
		.rule = policy_table->restricted,
	};
	struct policy_target inner = {
		.proto = target->proto,
		.dst = target->dst,
		.port = target->port,
	};
	const struct policy_rule *rule;
	struct names names;
	unsigned which = 0;

	find_names(policy_table, mac, target, &names);
	inner.names = names.names;
	inner.n_names = names.n;
	inner.is_private = names.n && (target->own || private_address(&target->dst));
	rule = decide_carried(policy_table, mac, &inner, &which);
	if (names.n)
		verdict.name = name_text(&names, rule && rule->by_name ? which : 0, target);
	if (!rule)
		return verdict;
	verdict.decided = rule;
	verdict.allow = rule->allow;
	verdict.by_name = rule->by_name;
	verdict.private = rule->private;
	verdict.rule = policy_text(rule);
	verdict.sni = rule->allow && rule->sni;
	verdict.host = rule->allow && rule->host;
	/* Only TCP's first bytes can be read, and only where they pass through here. */
	if ((verdict.sni || verdict.host) &&
	    (target->proto != IPPROTO_TCP || !policy_table->config->offload))
		verdict.allow = false;
	return verdict;
}

/* --- names --- */

bool policy_table_filters(const struct policy_table *policy_table, mac_t mac)
{
	const struct policy *own = policy_of(policy_table, mac);

	return policy_table->config->policy == POLICY_MODE_SANDBOX ||
	       policy_table->config->dns_policy_given || policy_names_names(policy_table->all) ||
	       (own && policy_names_names(own));
}

bool policy_table_needs_names(const struct policy_table *policy_table)
{
	return policy_table->config->policy == POLICY_MODE_LEARN ||
	       !policy_is_empty(policy_table->all) || g_hash_table_size(policy_table->guests);
}

struct policy_table_verdict policy_table_ask(const struct policy_table *policy_table, mac_t mac,
					     const struct dns_name *name)
{
	const struct policy *policies[] = {policy_of(policy_table, mac), policy_table->all};
	struct policy_table_verdict verdict = {.allow = true};
	bool filters = policy_table->restricted || policy_table_filters(policy_table, mac);

	for (unsigned i = 0; i < G_N_ELEMENTS(policies); i++) {
		const struct policy_rule *rule = NULL;
		enum policy_answer answer = POLICY_SILENT;

		if (!policies[i])
			continue;
		answer = policy_ask(policies[i], name, &rule);
		verdict.by_name = answer != POLICY_SILENT;
		if (!verdict.by_name && filters)
			answer = policy_ask_every(policies[i], &rule);
		if (answer == POLICY_SILENT)
			continue;
		verdict.allow = answer == POLICY_ALLOWS;
		verdict.rule = policy_text(rule);
		return verdict;
	}
	verdict.allow = !policy_table->restricted;
	verdict.rule = policy_table->restricted;
	return verdict;
}

bool policy_table_renew(struct policy_table *policy_table, unsigned port_id, mac_t mac,
			const struct dns_name *name, const struct in6_addr *addr, uint32_t ttl)
{
	return policy_open_renew(policy_table->open, port_id, mac, addr, name, ttl,
				 loop_now(policy_table->network->loop));
}

void policy_table_open(struct policy_table *policy_table, unsigned port_id, mac_t mac,
		       const struct dns_name *name, const struct in6_addr *addr, uint32_t ttl)
{
	policy_open_add(policy_table->open, port_id, mac, addr,
			policy_open_name(policy_table->open, name), ttl,
			loop_now(policy_table->network->loop));
}

bool policy_table_stands_for(const struct policy_table *policy_table, mac_t mac,
			     const struct dns_name *name, const struct in6_addr *addr)
{
	const struct policy_known *known[POLICY_OPEN_PER_ADDRESS];
	unsigned n = policy_open_find(policy_table->open, mac, addr,
				      loop_now(policy_table->network->loop), known);

	for (unsigned i = 0; i < n; i++) {
		if (dns_name_equal(&known[i]->name, name))
			return true;
	}
	return false;
}

const struct policy_open *policy_table_opened(const struct policy_table *policy_table)
{
	return policy_table->open;
}
