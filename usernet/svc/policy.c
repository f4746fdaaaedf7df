/* SPDX-License-Identifier: BSD-3-Clause */
#include "svc/policy.h"

#include <string.h>

struct policy {
	unsigned n;
	/* Sorted by policy_rule_compare: the first that matches decides. */
	struct policy_rule rules[POLICY_MAX];
	uint64_t hits[POLICY_MAX];
};

struct policy *policy_new(void)
{
	return g_new0(struct policy, 1);
}

void policy_free(struct policy *policy)
{
	g_free(policy);
}

struct policy *policy_copy(const struct policy *policy)
{
	struct policy *copy = policy_new();

	copy->n = policy->n;
	memcpy(copy->rules, policy->rules, sizeof(copy->rules));
	return copy;
}

static const char *key(bool allow)
{
	return allow ? "allow" : "deny";
}

/* The index of the rule about the same flows, or policy::n. */
static unsigned find(const struct policy *policy, const struct policy_rule *rule)
{
	unsigned i;

	for (i = 0; i < policy->n; i++) {
		if (policy_rule_same_flows(&policy->rules[i], rule))
			break;
	}
	return i;
}

static void insert(struct policy *policy, const struct policy_rule *rule)
{
	unsigned at = 0;

	while (at < policy->n && policy_rule_compare(&policy->rules[at], rule) <= 0)
		at++;
	for (unsigned i = policy->n; i > at; i--) {
		policy->rules[i] = policy->rules[i - 1];
		policy->hits[i] = policy->hits[i - 1];
	}
	policy->rules[at] = *rule;
	policy->hits[at] = 0;
	policy->n++;
}

bool policy_add(struct policy *policy, bool allow, const char *text, GError **error)
{
	struct policy_rule rule;
	unsigned same;

	if (!policy_rule_parse(&rule, allow, text, error))
		return false;
	same = find(policy, &rule);
	if (same < policy->n) {
		bool is = policy->rules[same].allow;
		g_autofree char *other = policy_rule_format(&policy->rules[same]);

		if (is == allow)
			g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
				    "%s=%s: there is %s=%s already", key(allow), text, key(is),
				    other);
		else
			g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
				    "%s=%s: there is %s=%s, which says the opposite; one of them "
				    "should go",
				    key(allow), text, key(is), other);
		return false;
	}
	if (policy->n == POLICY_MAX) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
			    "%s=%s: there are %d rules already, which is the limit", key(allow),
			    text, POLICY_MAX);
		return false;
	}
	insert(policy, &rule);
	return true;
}

bool policy_remove(struct policy *policy, bool allow, const char *text, GError **error)
{
	struct policy_rule rule;
	unsigned at;

	if (!policy_rule_parse(&rule, allow, text, error))
		return false;
	at = find(policy, &rule);
	if (at == policy->n || policy->rules[at].allow != allow) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
			    "%s=%s: there is no such rule", key(allow), text);
		return false;
	}
	policy->n--;
	for (unsigned i = at; i < policy->n; i++) {
		policy->rules[i] = policy->rules[i + 1];
		policy->hits[i] = policy->hits[i + 1];
	}
	return true;
}

bool policy_check(const struct policy *policy, bool restricted, GError **error)
{
	g_autofree char *text = NULL;

	if (restricted || !policy->n)
		return true;
	for (unsigned i = 0; i < policy->n; i++) {
		if (!policy->rules[i].allow)
			return true;
	}
	text = policy_rule_format(&policy->rules[0]);
	g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
		    "allow=%s: nothing is denied, so it allows nothing more; deny=* (or "
		    "restrict=on) denies the rest",
		    text);
	return false;
}

bool policy_is_empty(const struct policy *policy)
{
	return !policy->n;
}

const struct policy_rule *policy_match(struct policy *policy, uint8_t proto,
				       const struct in6_addr *dst, uint16_t port)
{
	for (unsigned i = 0; i < policy->n; i++) {
		if (policy_rule_matches(&policy->rules[i], proto, dst, port)) {
			policy->hits[i]++;
			return &policy->rules[i];
		}
	}
	return NULL;
}

unsigned policy_count(const struct policy *policy)
{
	return policy->n;
}

const struct policy_rule *policy_nth(const struct policy *policy, unsigned nth, uint64_t *hits)
{
	if (nth >= policy->n)
		return NULL;
	*hits = policy->hits[nth];
	return &policy->rules[nth];
}
