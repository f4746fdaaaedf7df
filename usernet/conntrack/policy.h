/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CONNTRACK_POLICY_H
#define USERNET_CONNTRACK_POLICY_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "conntrack/policy_rule.h"

/*
 * The allow= and deny= rules of a network, or of a guest. The order in which they were given does
 * not matter, for options, file and live changes come in any order: of the rules that match a conn
 * the narrowest decides (policy_rule_compare): first the smaller network, then the fewer ports,
 * then the one that names a protocol, and at last deny.
 *
 *     deny=10.0.0.0/8  allow=10.1.2.3:443    all of 10/8 is closed but that
 *     deny=*  allow=tcp:*:443                nothing but TCP to port 443
 *
 * What no rule matches is the caller's to decide: allowed, but for restrict=on. So allow= alone
 * changes nothing where all is allowed anyhow; policy_check() says so before somebody relies on it.
 *
 * A conn is looked up once, in time linear in the rules: at most POLICY_MAX.
 */
#define POLICY_MAX 256

struct policy;

struct policy *policy_new(void);
/* NULL is fine. */
void policy_free(struct policy *policy);
/* Counts begin at 0. */
struct policy *policy_copy(const struct policy *policy);

/*
 * False: @text is no rule; the same conns have a rule already; there are POLICY_MAX. Errors are
 * G_OPTION_ERROR_BAD_VALUE and begin with "allow=TEXT: " or "deny=TEXT: ".
 */
bool policy_add(struct policy *policy, bool allow, const char *text, GError **error);
/* The rule that says the same, however it was written. False: there is none. */
bool policy_remove(struct policy *policy, bool allow, const char *text, GError **error);
/* False, and @error says what to add: there are allow rules, and nothing would be denied. */
bool policy_check(const struct policy *policy, bool restricted, GError **error);

/* No rule at all: policy_match() need not be called. */
bool policy_is_empty(const struct policy *policy);
/*
 * The rule that decides, or NULL: none matches. Borrowed till the next change; counted. Arguments
 * as policy_rule_matches() has them.
 */
const struct policy_rule *policy_match(struct policy *policy, uint8_t proto,
				       const struct in6_addr *dst, uint16_t port);

/* The same, uncounted. */
const struct policy_rule *policy_look(const struct policy *policy, uint8_t proto,
				      const struct in6_addr *dst, uint16_t port);
/* "deny=10.0.0.0/8", of a rule that a policy returned: a GRefString, borrowed as the rule is. */
const char *policy_text(const struct policy_rule *rule);

unsigned policy_count(const struct policy *policy);
/* The @nth (from 0), narrowest first; *@hits: how many conns it decided. NULL: no such. */
const struct policy_rule *policy_nth(const struct policy *policy, unsigned nth, uint64_t *hits);

#endif
