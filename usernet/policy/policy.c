/* SPDX-License-Identifier: BSD-3-Clause */
#include "policy/policy.h"

#include <string.h>

#include "base/hash.h"
#include "base/list.h"
#include "packet/packet.h"

#define MAPPED_LEN 96 /* of the network that holds all of IPv4, mapped */

/* The net or name of a rule; its bytes are borrowed from the rule, or from the lookup. */
struct key {
	enum { KEY_NET, KEY_NAME, KEY_BELOW } kind;
	unsigned len; /* of a net: the prefix length; of a name: the bytes */
	const uint8_t *bytes;
};

struct entry {
	struct policy_rule rule;
	uint64_t hits;
	char *text; /* GRefString: "deny=10.0.0.0/8" */
};

/* The rules about one net or name; sorted by policy_rule_compare_ports(). */
struct group {
	struct key key;
	GPtrArray *entries; /* never empty; the key's bytes are the first one's */
};

struct policy {
	GPtrArray *entries; /* all, owned; sorted by policy_rule_compare() */
	GHashTable *groups; /* &group::key -> group; not those about "*" */
	GPtrArray *every;   /* entries about "*", sorted as in a group */
	unsigned n_of_len[129];
	unsigned n_names, n_allowed_names;
};

static size_t key_bytes(const struct key *key)
{
	return key->kind == KEY_NET ? sizeof(struct in6_addr) : key->len;
}

static guint key_hash(gconstpointer data)
{
	const struct key *key = data;

	return (guint)hash_bytes(hash_mix(hash_seed() ^ key->kind ^ key->len << 2), key->bytes,
				 key_bytes(key));
}

static gboolean key_equal(gconstpointer a, gconstpointer b)
{
	const struct key *p = a, *q = b;

	return p->kind == q->kind && p->len == q->len &&
	       memcmp(p->bytes, q->bytes, key_bytes(p)) == 0;
}

static void group_free(void *data)
{
	struct group *group = data;

	g_ptr_array_unref(group->entries);
	g_free(group);
}

static void entry_free(void *data)
{
	struct entry *entry = data;

	g_ref_string_release(entry->text);
	g_free(entry);
}

struct policy *policy_new(void)
{
	struct policy *policy = g_new0(struct policy, 1);

	policy->entries = g_ptr_array_new_with_free_func(entry_free);
	policy->every = g_ptr_array_new();
	policy->groups = g_hash_table_new_full(key_hash, key_equal, NULL, group_free);
	return policy;
}

void policy_free(struct policy *policy)
{
	if (!policy)
		return;
	g_hash_table_destroy(policy->groups);
	g_ptr_array_unref(policy->every);
	g_ptr_array_unref(policy->entries);
	g_free(policy);
}

static const char *key_word(bool allow)
{
	return allow ? "allow" : "deny";
}

static char *make_text(const struct policy_rule *rule)
{
	g_autofree char *what = policy_rule_format(rule);
	g_autofree char *text = g_strdup_printf("%s=%s", key_word(rule->allow), what);

	return g_ref_string_new(text);
}

/* --- groups --- */

static struct key key_of(const struct policy_rule *rule)
{
	if (!rule->by_name)
		return (struct key){KEY_NET, rule->len, rule->net.s6_addr};
	return (struct key){rule->name.below ? KEY_BELOW : KEY_NAME, rule->name.name.len,
			    rule->name.name.wire};
}

/* The entries about the same net or name as @rule, or NULL. */
static GPtrArray *siblings(const struct policy *policy, const struct policy_rule *rule)
{
	struct key key = key_of(rule);
	struct group *group;

	if (rule->every)
		return policy->every;
	group = g_hash_table_lookup(policy->groups, &key);
	return group ? group->entries : NULL;
}

static struct entry *find(const struct policy *policy, const struct policy_rule *rule)
{
	GPtrArray *entries = siblings(policy, rule);

	for (guint i = 0; entries && i < entries->len; i++) {
		struct entry *entry = entries->pdata[i];

		if (policy_rule_same_flows(&entry->rule, rule))
			return entry;
	}
	return NULL;
}

/* Where @rule belongs in the sorted array: after its equals. */
static unsigned place(const GPtrArray *entries, const struct policy_rule *rule,
		      int (*compare)(const struct policy_rule *a, const struct policy_rule *b))
{
	unsigned low = 0, high = entries->len;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;
		const struct entry *entry = entries->pdata[middle];

		if (compare(&entry->rule, rule) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void count_kind(struct policy *policy, const struct policy_rule *rule, int by)
{
	if (rule->by_name) {
		policy->n_names += (unsigned)by;
		policy->n_allowed_names += rule->allow ? (unsigned)by : 0;
	} else if (!rule->every) {
		policy->n_of_len[rule->len] += (unsigned)by;
	}
}

static void insert(struct policy *policy, const struct policy_rule *rule)
{
	struct entry *entry = g_new0(struct entry, 1);
	GPtrArray *group;

	entry->rule = *rule;
	entry->text = make_text(rule);
	group = siblings(policy, rule);
	if (!group) {
		struct group *made = g_new0(struct group, 1);

		made->key = key_of(&entry->rule);
		made->entries = group = g_ptr_array_new();
		g_hash_table_insert(policy->groups, &made->key, made);
	}
	g_ptr_array_insert(group, (int)place(group, rule, policy_rule_compare_ports), entry);
	g_ptr_array_insert(policy->entries, (int)place(policy->entries, rule, policy_rule_compare),
			   entry);
	count_kind(policy, rule, 1);
}

static void remove_entry(struct policy *policy, struct entry *entry)
{
	struct key key = key_of(&entry->rule);
	GPtrArray *group = siblings(policy, &entry->rule);

	g_ptr_array_remove(group, entry);
	if (group != policy->every) {
		struct group *found = g_hash_table_lookup(policy->groups, &key);

		/* The key's bytes may be this entry's. */
		g_hash_table_steal(policy->groups, &key);
		if (group->len) {
			found->key = key_of(&((struct entry *)group->pdata[0])->rule);
			g_hash_table_insert(policy->groups, &found->key, found);
		} else {
			group_free(found);
		}
	}
	count_kind(policy, &entry->rule, -1);
	g_ptr_array_remove(policy->entries, entry);
}

struct policy *policy_copy(const struct policy *policy)
{
	struct policy *copy = policy_new();

	for (guint i = 0; i < policy->entries->len; i++)
		insert(copy, &((struct entry *)policy->entries->pdata[i])->rule);
	return copy;
}

/* --- changes --- */

bool policy_add(struct policy *policy, bool allow, const char *text, GError **error)
{
	struct policy_rule rule;
	const struct entry *same;

	if (!policy_rule_parse(&rule, allow, text, error))
		return false;
	same = find(policy, &rule);
	if (same && same->rule.allow == allow) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
			    "%s=%s: there is %s already", key_word(allow), text, same->text);
		return false;
	}
	if (same) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
			    "%s=%s: there is %s, which says the opposite; one of them should go",
			    key_word(allow), text, same->text);
		return false;
	}
	if (policy->entries->len == POLICY_MAX) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
			    "%s=%s: there are %d rules already, which is the limit",
			    key_word(allow), text, POLICY_MAX);
		return false;
	}
	insert(policy, &rule);
	return true;
}

static bool same_marks(const struct policy_rule *a, const struct policy_rule *b)
{
	return a->allow == b->allow && a->private == b->private && a->sni == b->sni &&
	       a->host == b->host;
}

bool policy_has(const struct policy *policy, bool allow, const char *text)
{
	struct policy_rule rule;
	const struct entry *entry;

	if (!policy || !policy_rule_parse(&rule, allow, text, NULL))
		return false;
	entry = find(policy, &rule);
	return entry && same_marks(&entry->rule, &rule);
}

bool policy_remove(struct policy *policy, bool allow, const char *text, GError **error)
{
	struct policy_rule rule;
	struct entry *entry;

	if (!policy_rule_parse(&rule, allow, text, error))
		return false;
	entry = find(policy, &rule);
	if (!entry || !same_marks(&entry->rule, &rule)) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
			    "%s=%s: there is no such rule", key_word(allow), text);
		return false;
	}
	remove_entry(policy, entry);
	return true;
}

bool policy_check(const struct policy *policy, bool restricted, GError **error)
{
	const struct entry *first;

	if (restricted || !policy->entries->len)
		return true;
	for (guint i = 0; i < policy->entries->len; i++) {
		if (!((struct entry *)policy->entries->pdata[i])->rule.allow)
			return true;
	}
	first = policy->entries->pdata[0];
	g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
		    "%s: nothing is denied, so it allows nothing more; deny=* (or "
		    "restrict=on) denies the rest",
		    first->text);
	return false;
}

/* --- looking --- */

bool policy_is_empty(const struct policy *policy)
{
	return !policy->entries->len;
}

bool policy_names_names(const struct policy *policy)
{
	return policy->n_allowed_names > 0;
}

static bool applies(const struct policy_rule *rule, const struct policy_target *target)
{
	if (rule->by_name && rule->allow && target->is_private && !rule->private)
		return false;
	return policy_rule_matches_port(rule, target->proto, target->port);
}

static const struct policy_rule *first_of(const GPtrArray *entries,
					  const struct policy_target *target)
{
	for (guint i = 0; entries && i < entries->len; i++) {
		const struct entry *entry = entries->pdata[i];

		if (applies(&entry->rule, target))
			return &entry->rule;
	}
	return NULL;
}

static const GPtrArray *group_of(const struct policy *policy, const struct key *key)
{
	const struct group *group = g_hash_table_lookup(policy->groups, key);

	return group ? group->entries : NULL;
}

/*
 * The groups about @name, narrowest first: begin with *@at 0. Returns NULL for a wildcard that no
 * rule has; false in *@more: that was the last.
 */
static const GPtrArray *next_group(const struct policy *policy, const struct dns_name *name,
				   unsigned *at, bool *more)
{
	struct key key = {KEY_NAME, name->len, name->wire};

	if (*at) {
		unsigned skip = *at - 1;

		key = (struct key){KEY_BELOW, name->len - skip, name->wire + skip};
	}
	/* The next wildcard stands before what follows the label at hand. */
	*at = *at ? *at + 1 + name->wire[*at - 1] : 2 + (unsigned)name->wire[0];
	*more = *at <= name->len;
	return group_of(policy, &key);
}

static const struct policy_rule *look_name(const struct policy *policy, const struct dns_name *name,
					   const struct policy_target *target)
{
	bool more = true;
	unsigned at = 0;

	while (more) {
		const struct policy_rule *rule =
			first_of(next_group(policy, name, &at, &more), target);

		if (rule)
			return rule;
	}
	return NULL;
}

static const struct policy_rule *look_names(const struct policy *policy,
					    const struct policy_target *target, unsigned *which)
{
	const struct policy_rule *best = NULL;

	for (unsigned i = 0; i < target->n_names && policy->n_names; i++) {
		const struct policy_rule *rule = look_name(policy, target->names[i], target);

		if (!rule || (best && policy_rule_compare(best, rule) <= 0))
			continue;
		best = rule;
		if (which)
			*which = i;
	}
	return best;
}

static const struct policy_rule *look_net(const struct policy *policy,
					  const struct policy_target *target, unsigned len)
{
	struct in6_addr net = target->dst;
	struct key key = {KEY_NET, len, net.s6_addr};

	if (!policy->n_of_len[len])
		return NULL;
	if (len % 8)
		net.s6_addr[len / 8] &= (uint8_t)(0xff << (8 - len % 8));
	for (unsigned i = (len + 7) / 8; i < sizeof(net); i++)
		net.s6_addr[i] = 0;
	return first_of(group_of(policy, &key), target);
}

const struct policy_rule *policy_look(const struct policy *policy,
				      const struct policy_target *target, unsigned *which)
{
	/* A net such as [::/0] holds IPv6 only, although IPv4 is mapped into it. */
	unsigned least = IN6_IS_ADDR_V4MAPPED(&target->dst) ? MAPPED_LEN : 0;
	const struct policy_rule *rule = look_net(policy, target, 128);

	if (!rule)
		rule = look_names(policy, target, which);
	for (unsigned len = 128; !rule && len-- > least;)
		rule = look_net(policy, target, len);
	return rule ? rule : first_of(policy->every, target);
}

void policy_hit(const struct policy_rule *rule)
{
	container_of(rule, struct entry, rule)->hits++;
}

/* The answer of @entries for a name; a deny of some ports gives none. */
static enum policy_answer ask_group(const GPtrArray *entries, const struct policy_rule **rule)
{
	enum policy_answer answer = POLICY_SILENT;

	for (guint i = 0; entries && i < entries->len; i++) {
		const struct policy_rule *each = &((struct entry *)entries->pdata[i])->rule;

		if (!each->allow && (each->proto || each->n_ports))
			continue;
		*rule = each;
		answer = each->allow ? POLICY_ALLOWS : POLICY_DENIES;
		if (each->allow)
			break;
	}
	return answer;
}

enum policy_answer policy_ask(const struct policy *policy, const struct dns_name *name,
			      const struct policy_rule **rule)
{
	enum policy_answer answer = POLICY_SILENT;
	bool more = policy->n_names > 0;
	unsigned at = 0;

	while (more && answer == POLICY_SILENT)
		answer = ask_group(next_group(policy, name, &at, &more), rule);
	if (answer == POLICY_ALLOWS && (*rule)->name.below &&
	    (name->len > POLICY_NAME_BYTES_MAX || !policy_name_is_host(name) ||
	     dns_name_labels(name) > POLICY_NAME_LABELS_MAX))
		return POLICY_DENIES;
	return answer;
}

enum policy_answer policy_ask_every(const struct policy *policy, const struct policy_rule **rule)
{
	return ask_group(policy->every, rule);
}

/* --- information --- */

const char *policy_text(const struct policy_rule *rule)
{
	return container_of(rule, struct entry, rule)->text;
}

unsigned policy_count(const struct policy *policy)
{
	return policy->entries->len;
}

const struct policy_rule *policy_nth(const struct policy *policy, unsigned nth, uint64_t *hits)
{
	const struct entry *entry;

	if (nth >= policy->entries->len)
		return NULL;
	entry = policy->entries->pdata[nth];
	*hits = entry->hits;
	return &entry->rule;
}
