/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CONNTRACK_POLICY_TABLE_H
#define USERNET_CONNTRACK_POLICY_TABLE_H

#include "conntrack/policy.h"
#include "net/frame.h"

/*
 * The rules about what guests may open outwards: of a guest that has a reservation, then of the
 * network; where neither says anything, all is allowed, or with restrict=on nothing. A guest is
 * known by its MAC address: one that takes another has the network's rules alone, so what must be
 * closed to all is closed there, and opened to those who may.
 */
struct policy_table;
struct network;

struct policy_table_verdict {
	bool allow;
	const char *rule; /* GRefString, that decided: "restrict=on"; NULL: none had to. Borrowed */
};

struct policy_table_target {
	uint8_t proto;       /* IPPROTO_* */
	struct in6_addr dst; /* IPv4 is v4-mapped */
	uint16_t port;       /* in host order, 0 for what has none */
};

struct policy_table *policy_table_new(struct network *network, bool restricted);
void policy_table_free(struct policy_table *policy_table);

/*
 * The rules of @guest, as its reservation is called, or of the network (NULL): to be read. NULL:
 * there are none.
 */
const struct policy *policy_table_policy(const struct policy_table *policy_table,
					 const char *guest);
/* As policy_add() and policy_remove(). There need be no such guest yet. */
bool policy_table_add(struct policy_table *policy_table, const char *guest, bool allow,
		      const char *text, GError **error);
bool policy_table_remove(struct policy_table *policy_table, const char *guest, bool allow,
			 const char *text, GError **error);
void policy_table_forget(struct policy_table *policy_table, const char *guest);
/* Names of guests that have rules: char *, newly allocated list of borrowed. */
GList *policy_table_guests(const struct policy_table *policy_table);

/* May the guest with @mac open this? Counts for the rule that decides. */
struct policy_table_verdict policy_table_judge(struct policy_table *policy_table, mac_t mac,
					       const struct policy_table_target *target);
/* The same, uncounted. */
struct policy_table_verdict policy_table_look(const struct policy_table *policy_table, mac_t mac,
					      const struct policy_table_target *target);

#endif
