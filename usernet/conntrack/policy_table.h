/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CONNTRACK_POLICY_TABLE_H
#define USERNET_CONNTRACK_POLICY_TABLE_H

#include "conntrack/policy.h"
#include "net/frame.h"

/*
 * The rules about what guests may open outwards: first those of the guest (by its reservation),
 * then those of the network; with no match all is allowed, or nothing with restrict=on. A guest is
 * known by its MAC address. A guest that changes its MAC falls back to the network's rules: deny
 * there, allow per guest.
 */
struct policy_table;
struct network;

struct policy_table_verdict {
	bool allow;
	const char *rule; /* GRefString that decided, "restrict=on"; NULL: none. Borrowed */
};

struct policy_table_target {
	uint8_t proto;       /* IPPROTO_* */
	struct in6_addr dst; /* IPv4 is v4-mapped */
	uint16_t port;       /* in host order, 0 for protocols without ports */
};

struct policy_table *policy_table_new(struct network *network, bool restricted);
void policy_table_free(struct policy_table *policy_table);

/*
 * The rules of guest @guest (its reservation's name) or of the network (NULL), read-only. NULL:
 * there are none.
 */
const struct policy *policy_table_policy(const struct policy_table *policy_table,
					 const char *guest);
/* As policy_add() and policy_remove(). The guest need not exist yet. */
bool policy_table_add(struct policy_table *policy_table, const char *guest, bool allow,
		      const char *text, GError **error);
bool policy_table_remove(struct policy_table *policy_table, const char *guest, bool allow,
			 const char *text, GError **error);
void policy_table_forget(struct policy_table *policy_table, const char *guest);
/* Names of guests that have rules: a newly allocated list of borrowed char *. */
GList *policy_table_guests(const struct policy_table *policy_table);

/* May the guest with @mac open this? Counts a hit of the deciding rule. */
struct policy_table_verdict policy_table_judge(struct policy_table *policy_table, mac_t mac,
					       const struct policy_table_target *target);
/* The same, without counting. */
struct policy_table_verdict policy_table_look(const struct policy_table *policy_table, mac_t mac,
					      const struct policy_table_target *target);

#endif
