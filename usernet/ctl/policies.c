/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/policies.h"

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "conntrack/conntrack.h"
#include "ctl/control.h"
#include "ctl/guests.h"
#include "ctl/netdev_kind.h"
#include "gateway/gateway.h"
#include "net/network.h"
#include "policy/table.h"

static const char *const keys[] = {"deny", "allow"}; /* by whether it allows */

static struct conntrack *find_gate(struct network *network)
{
	struct gateway *gateway = gateway_find(network);

	return gateway ? gateway_conntrack(gateway) : NULL;
}

/* Newly allocated; NULL: a rule is invalid. */
static struct policy *read_policy(const struct optstr *opts, GError **error)
{
	struct policy *policy = policy_new();

	for (int allow = 0; allow <= 1; allow++) {
		g_autofree const char **texts = optstr_all(opts, keys[allow]);

		for (unsigned i = 0; texts[i]; i++) {
			if (!policy_add(policy, allow, texts[i], error)) {
				error_blame_usage(error);
				policy_free(policy);
				return NULL;
			}
		}
	}
	return policy;
}

bool policies_check(const struct optstr *opts, GError **error)
{
	struct policy *policy = read_policy(opts, error);

	policy_free(policy);
	return policy != NULL;
}

bool policies_check_user(const struct optstr *opts, bool restricted, GError **error)
{
	struct policy *policy = read_policy(opts, error);
	bool ok = policy && policy_check(policy, restricted, error);

	policy_free(policy);
	return ok || error_blame_usage(error);
}

static void log_rule(const char *guest, const char *rule, const char *what)
{
	log_debug("rule %s %s%s%s", rule, what, guest ? " for guest " : "", guest ? guest : "");
}

void policies_apply(struct network *network, const char *guest, const struct optstr *opts)
{
	struct conntrack *conntrack = find_gate(network);

	for (int allow = 0; conntrack && allow <= 1; allow++) {
		g_autofree const char **texts = optstr_all(opts, keys[allow]);

		for (unsigned i = 0; texts[i]; i++) {
			g_autofree char *rule = g_strdup_printf("%s=%s", keys[allow], texts[i]);

			policy_table_add(conntrack_egress(conntrack), guest, allow, texts[i], NULL);
			log_rule(guest, rule, "added");
		}
	}
}

void policies_apply_guests(struct control *control)
{
	GHashTableIter iter;
	void *name, *value;

	g_hash_table_iter_init(&iter, control->guests);
	while (g_hash_table_iter_next(&iter, &name, &value))
		policies_apply(control->network, name, ((struct named_guest *)value)->opts);
}

void policies_change(struct network *network, const char *guest, const struct optstr *old,
		     const struct optstr *next, void (*told)(void *data, const char *what),
		     void *data)
{
	struct conntrack *conntrack = find_gate(network);
	struct policy *was = read_policy(old, NULL), *shall = read_policy(next, NULL);
	bool changed = false;

	for (int pass = 0; conntrack && was && shall && pass < 4; pass++) {
		bool remove = pass < 2, allow = pass % 2;
		g_autofree const char **texts = optstr_all(remove ? old : next, keys[allow]);

		for (unsigned i = 0; texts[i]; i++) {
			g_autofree char *what = NULL;

			if (policy_has(remove ? shall : was, allow, texts[i]) ||
			    !(remove ? policy_table_remove(conntrack_egress(conntrack), guest,
							   allow, texts[i], NULL)
				     : policy_table_add(conntrack_egress(conntrack), guest, allow,
							texts[i], NULL)))
				continue;
			changed = true;
			what = g_strdup_printf("%s=%s %s", keys[allow], texts[i],
					       remove ? "removed" : "added");
			log_debug("rule %s%s%s", what, guest ? " for guest " : "",
				  guest ? guest : "");
			if (told)
				told(data, what);
		}
	}
	policy_free(was);
	policy_free(shall);
	if (changed)
		conntrack_rejudge(conntrack);
}

void policies_forget(struct network *network, const char *guest)
{
	struct conntrack *conntrack = find_gate(network);

	if (!conntrack || !policy_table_policy(conntrack_egress(conntrack), guest))
		return;
	policy_table_forget(conntrack_egress(conntrack), guest);
	conntrack_rejudge(conntrack);
}

/* --- commands --- */

/* Common checks of add and remove; moves *@text past "allow=" or "deny=". */
static struct conntrack *prepare(struct control *control, const char *guest, const char *rule,
				 bool *allow, const char **text, GError **error)
{
	struct conntrack *conntrack = find_gate(control->network);

	*allow = g_str_has_prefix(rule, "allow=");
	if (!*allow && !g_str_has_prefix(rule, "deny=")) {
		error_usage(error, "rule '%s' should begin with allow= or deny=", rule);
		return NULL;
	}
	*text = strchr(rule, '=') + 1;
	if (guest && !guests_find(control, guest)) {
		g_set_error(error, USERNET_ERROR, ERROR_NOT_FOUND,
			    "Guest '%s' not found; rules need a named guest (guest-add)", guest);
		return NULL;
	}
	if (!conntrack)
		g_set_error(error, USERNET_ERROR, ERROR_FAILED,
			    "there is no gateway: it comes with a user netdev");
	return conntrack;
}

bool policies_add(struct control *control, const char *guest, const char *rule, unsigned *n_cut,
		  GError **error)
{
	const char *text;
	bool allow;
	struct conntrack *conntrack = prepare(control, guest, rule, &allow, &text, error);

	if (!conntrack)
		return false;
	if (!policy_table_add(conntrack_egress(conntrack), guest, allow, text, error))
		return error_blame_usage(error);
	log_rule(guest, rule, "added");
	*n_cut = conntrack_rejudge(conntrack);
	return true;
}

bool policies_remove(struct control *control, const char *guest, const char *rule, unsigned *n_cut,
		     GError **error)
{
	const char *text;
	bool allow;
	struct conntrack *conntrack = prepare(control, guest, rule, &allow, &text, error);

	if (!conntrack)
		return false;
	if (!policy_table_remove(conntrack_egress(conntrack), guest, allow, text, error))
		return error_blame_usage(error);
	log_rule(guest, rule, "removed");
	*n_cut = conntrack_rejudge(conntrack);
	return true;
}
