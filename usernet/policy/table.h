/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_POLICY_TABLE_H
#define USERNET_POLICY_TABLE_H

#include "net/frame.h"
#include "policy/opened.h"
#include "policy/policy.h"

/*
 * The rules about what guests may open outwards: first those of the guest (by its reservation),
 * then those of the network; with no match all is allowed, or nothing with restrict=on or
 * policy=sandbox. A guest is known by its MAC address. A guest that changes its MAC falls back to
 * the network's rules: deny there, allow per guest.
 *
 * Rules by name hold for the addresses that the name server gave that guest (opened.h), and
 * decide which names it is asked for (policy_table_ask).
 */
struct policy_table;
struct network;
struct user_config;

struct policy_table_verdict {
	bool allow;
	bool by_name, private;             /* a rule by name decided; it has +private */
	bool sni, host;                    /* the first bytes decide: +sni, +host */
	const struct policy_rule *decided; /* for policy_hit(); NULL: no rule. Borrowed */
	const char *rule; /* GRefString that decided, "restrict=on"; NULL: none. Borrowed */
	const char
		*name; /* GRefString: the name that stands for the address; may be NULL. Borrowed */
};

struct policy_table_target {
	uint8_t proto;       /* IPPROTO_* */
	struct in6_addr dst; /* IPv4 is v4-mapped */
	uint16_t port;       /* in host order, 0 for protocols without ports */
	bool own;         /* the host's or the network's own: only +private leads there by name */
	const char *name; /* GRefString: the name under which it was opened; NULL: none */
	/* only this name stands for @dst, as the guest has said it; NULL: all that were asked for
	 */
	const struct dns_name *said;
};

/* @config outlives it. */
struct policy_table *policy_table_new(struct network *network, const struct user_config *config);
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

/* May the guest with @mac open this? */
struct policy_table_verdict policy_table_look(const struct policy_table *policy_table, mac_t mac,
					      const struct policy_table_target *target);

/*
 * May the guest with @mac ask for @name? policy_table_verdict::by_name: a rule is about the name;
 * then its addresses are to be added (policy_table_open). With dns-policy=answer a name may be
 * asked for that is not allowed: the caller decides.
 */
struct policy_table_verdict policy_table_ask(const struct policy_table *policy_table, mac_t mac,
					     const struct dns_name *name);
/* Do rules by name, policy=sandbox or dns-policy= say which names the guest may ask for? */
bool policy_table_filters(const struct policy_table *policy_table, mac_t mac);
/* Is @name one of those that stand for @addr? */
bool policy_table_stands_for(const struct policy_table *policy_table, mac_t mac,
			     const struct dns_name *name, const struct in6_addr *addr);
/* Must addresses be added: are there rules by name, or is policy=learn? */
bool policy_table_needs_names(const struct policy_table *policy_table);
/*
 * The name server answered the guest @mac, which asked at the port @port_id, that @name has @addr
 * (IPv4 v4-mapped) for @ttl seconds.
 */
void policy_table_open(struct policy_table *policy_table, unsigned port_id, mac_t mac,
		       const struct dns_name *name, const struct in6_addr *addr, uint32_t ttl);
/* The same for an address that is open by that name; false: it is not, or not only. */
bool policy_table_renew(struct policy_table *policy_table, unsigned port_id, mac_t mac,
			const struct dns_name *name, const struct in6_addr *addr, uint32_t ttl);
/* What is open by name. */
const struct policy_open *policy_table_opened(const struct policy_table *policy_table);

#endif
