/* SPDX-License-Identifier: BSD-3-Clause */
#include "conntrack/policy.h"

#include "base/list.h"

struct entry {
	struct policy_rule rule;
	uint64_t hits;
	char *text; /* GRefString: "deny=10.0.0.0/8" */
};

struct policy {
	unsigned n, capacity;
	/* Sorted by policy_rule_compare(): the first match decides. */
	struct entry *entries;
};

struct policy *policy_new(void)
{
	return g_new0(struct policy, 1);
}

void policy_free(struct policy *policy)
{
	if (!policy)
		return;
	for (unsigned i = 0; i < policy->n; i++)
		g_ref_string_release(policy->entries[i].text);
	g_free(policy->entries);
	g_free(policy);
}

struct policy *policy_copy(const struct policy *policy)
{
	struct policy *copy = policy_new();

	copy->n = copy->capacity = policy->n;
	copy->entries = g_memdup2(policy->entries, policy->n * sizeof(*policy->entries));
	for (unsigned i = 0; i < copy->n; i++) {
		copy->entries[i].hits = 0;
		g_ref_string_acquire(copy->entries[i].text);
	}
	return copy;
}

static const char *key(bool allow)
{
	return allow ? "allow" : "deny";
}

/* The index of the rule about the same conns, or policy::n. */
static unsigned find(const struct policy *policy, const struct policy_rule *rule)
{
	unsigned i;

	for (i = 0; i < policy->n; i++) {
		if (policy_rule_same_flows(&policy->entries[i].rule, rule))
			break;
	}
	return i;
}

static char *make_text(const struct policy_rule *rule)
{
	g_autofree char *what = policy_rule_format(rule);
	g_autofree char *text = g_strdup_printf("%s=%s", key(rule->allow), what);

	return g_ref_string_new(text);
}

static void insert(struct policy *policy, const struct policy_rule *rule)
{
	unsigned at = 0;

	if (policy->n == policy->capacity) {
		policy->capacity = MAX(4, policy->capacity * 2);
		policy->entries = g_renew(struct entry, policy->entries, policy->capacity);
	}
	while (at < policy->n && policy_rule_compare(&policy->entries[at].rule, rule) <= 0)
		at++;
	for (unsigned i = policy->n; i > at; i--)
		policy->entries[i] = policy->entries[i - 1];
	policy->entries[at] = (struct entry){.rule = *rule, .text = make_text(rule)};
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
		bool is = policy->entries[same].rule.allow;
		g_autofree char *other = policy_rule_format(&policy->entries[same].rule);

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
	if (at == policy->n || policy->entries[at].rule.allow != allow) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
			    "%s=%s: there is no such rule", key(allow), text);
		return false;
	}
	g_ref_string_release(policy->entries[at].text);
	policy->n--;
	for (unsigned i = at; i < policy->n; i++)
		policy->entries[i] = policy->entries[i + 1];
	return true;
}

bool policy_check(const struct policy *policy, bool restricted, GError **error)
{
	g_autofree char *text = NULL;

	if (restricted || !policy->n)
		return true;
	for (unsigned i = 0; i < policy->n; i++) {
		if (!policy->entries[i].rule.allow)
			return true;
	}
	text = policy_rule_format(&policy->entries[0].rule);
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

/* The matching entry that decides, or NULL. */
static struct entry *match(const struct policy *policy, uint8_t proto, const struct in6_addr *dst,
			   uint16_t port)
{
	for (unsigned i = 0; i < policy->n; i++) {
		if (policy_rule_matches(&policy->entries[i].rule, proto, dst, port))
			return &policy->entries[i];
	}
	return NULL;
}

const struct policy_rule *policy_match(struct policy *policy, uint8_t proto,
				       const struct in6_addr *dst, uint16_t port)
{
	struct entry *entry = match(policy, proto, dst, port);

	if (!entry)
		return NULL;
	entry->hits++;
	return &entry->rule;
}

const struct policy_rule *policy_look(const struct policy *policy, uint8_t proto,
				      const struct in6_addr *dst, uint16_t port)
{
	const struct entry *entry = match(policy, proto, dst, port);

	return entry ? &entry->rule : NULL;
}

const char *policy_text(const struct policy_rule *rule)
{
	return container_of(rule, struct entry, rule)->text;
}

unsigned policy_count(const struct policy *policy)
{
	return policy->n;
}

const struct policy_rule *policy_nth(const struct policy *policy, unsigned nth, uint64_t *hits)
{
	if (nth >= policy->n)
		return NULL;
	*hits = policy->entries[nth].hits;
	return &policy->entries[nth].rule;
}
