/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_POLICY_POLICY_H
#define USERNET_POLICY_POLICY_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "policy/rule.h"

/*
 * The allow= and deny= rules of a network or a guest. Their order does not matter, because options,
 * file and live changes come in any order. Of the rules that match a conn the narrowest decides
 * (policy_rule_compare): first the single address, the name, the smaller network; then the fewer
 * ports, then a named protocol, and last deny.
 *
 *     deny=10.0.0.0/8  allow=10.1.2.3:443    all of 10/8 is closed but that
 *     deny=*  allow=tcp:*:443                nothing but TCP to port 443
 *     deny=*  allow=*.example.com:443        nothing but names below example.com
 *
 * The caller decides what no rule matches: allowed, unless restrict=on. So allow= alone changes
 * nothing where everything is allowed; policy_check() reports that.
 *
 * A conn is looked up once. That costs a hash lookup for each prefix length in use and for each
 * label of a name, whatever the number of rules; rules for one network or name, with different
 * ports, are tried one by one.
 */
#define POLICY_MAX 16384

struct policy;

struct policy *policy_new(void);
/* NULL is fine. */
void policy_free(struct policy *policy);
/* The copy's counts begin at 0. */
struct policy *policy_copy(const struct policy *policy);

/*
 * False: @text is not a rule, a rule for the same conns exists, or there are POLICY_MAX. Errors are
 * G_OPTION_ERROR_BAD_VALUE and begin with "allow=TEXT: " or "deny=TEXT: ".
 */
bool policy_add(struct policy *policy, bool allow, const char *text, GError **error);
/* Removes the equal rule, even if it was spelled otherwise. False: there is none. */
bool policy_remove(struct policy *policy, bool allow, const char *text, GError **error);
/* Is there an equal rule, marks (+sni) included? */
bool policy_has(const struct policy *policy, bool allow, const char *text);
/* False: there are allow rules but nothing would be denied; @error says what to add. */
bool policy_check(const struct policy *policy, bool restricted, GError **error);

/* There are no rules: policy_look() need not be called. */
bool policy_is_empty(const struct policy *policy);
/* Are there allow rules by name? Then other names are not asked for. */
bool policy_names_names(const struct policy *policy);

struct policy_target {
	uint8_t proto;       /* IPPROTO_* */
	struct in6_addr dst; /* IPv4 is v4-mapped */
	uint16_t port;       /* in host order, 0 for protocols without ports */
	bool is_private;     /* only +private leads there by name */
	/* the names that stand for @dst; borrowed */
	const struct dns_name *const *names;
	unsigned n_names;
};
/*
 * The rule that decides, or NULL: none matches. Borrowed until the next change. *@which: the index
 * of the name that it matched; meant only for rules by name. May be NULL.
 */
const struct policy_rule *policy_look(const struct policy *policy,
				      const struct policy_target *target, unsigned *which);
/* @rule, of policy_look(), has decided a conn: counts a hit. */
void policy_hit(const struct policy_rule *rule);

enum policy_answer { POLICY_SILENT, POLICY_ALLOWS, POLICY_DENIES };
/*
 * May @name be asked for? POLICY_SILENT: no rule is about it. *@rule: the rule that decides. A name
 * that a rule denies on some ports only may be asked for, if a wider rule allows it.
 */
enum policy_answer policy_ask(const struct policy *policy, const struct dns_name *name,
			      const struct policy_rule **rule);
/* The same for names that no rule is about: may any address at all be reached? */
enum policy_answer policy_ask_every(const struct policy *policy, const struct policy_rule **rule);

/* "deny=10.0.0.0/8", of a rule that a policy returned: a GRefString, borrowed as the rule is. */
const char *policy_text(const struct policy_rule *rule);

unsigned policy_count(const struct policy *policy);
/*
 * The @nth rule (from 0), narrowest first; *@hits: how many conns it decided. NULL: no such
 * rule.
 */
const struct policy_rule *policy_nth(const struct policy *policy, unsigned nth, uint64_t *hits);

#endif
