/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CONNTRACK_POLICY_H
#define USERNET_CONNTRACK_POLICY_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "conntrack/policy_rule.h"

/*
 * The allow= and deny= rules of a network or a guest. Their order does not matter, because options,
 * file and live changes come in any order. Of the rules that match a conn the narrowest decides
 * (policy_rule_compare): first the smaller network, then the fewer ports, then a named protocol,
 * and last deny.
 *
 *     deny=10.0.0.0/8  allow=10.1.2.3:443    all of 10/8 is closed but that
 *     deny=*  allow=tcp:*:443                nothing but TCP to port 443
 *
 * The caller decides what no rule matches: allowed, unless restrict=on. So allow= alone changes
 * nothing where everything is allowed; policy_check() reports that.
 *
 * A conn is looked up once, in time linear in the rules: at most POLICY_MAX.
 */
#define POLICY_MAX 256

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
/* False: there are allow rules but nothing would be denied; @error says what to add. */
bool policy_check(const struct policy *policy, bool restricted, GError **error);

/* There are no rules: policy_match() need not be called. */
bool policy_is_empty(const struct policy *policy);
/*
 * The rule that decides, or NULL: none matches. Borrowed until the next change; counts a hit.
 * Arguments as in policy_rule_matches().
 */
const struct policy_rule *policy_match(struct policy *policy, uint8_t proto,
				       const struct in6_addr *dst, uint16_t port);

/* The same, without counting. */
const struct policy_rule *policy_look(const struct policy *policy, uint8_t proto,
				      const struct in6_addr *dst, uint16_t port);
/* "deny=10.0.0.0/8", of a rule that a policy returned: a GRefString, borrowed as the rule is. */
const char *policy_text(const struct policy_rule *rule);

unsigned policy_count(const struct policy *policy);
/*
 * The @nth rule (from 0), narrowest first; *@hits: how many conns it decided. NULL: no such
 * rule.
 */
const struct policy_rule *policy_nth(const struct policy *policy, unsigned nth, uint64_t *hits);

#endif
