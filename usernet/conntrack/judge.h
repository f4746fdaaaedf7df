/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CONNTRACK_JUDGE_H
#define USERNET_CONNTRACK_JUDGE_H

#include "conntrack/conn.h"
#include "policy/denials.h"
#include "policy/table.h"

/*
 * Where a guest may go: policy/destination.h, then host-addresses=, then the rules (policy/table.h)
 * have to agree. Verdicts are noted in a log (policy/verdicts.h) and, denials, told as events
 * (policy/denials.h); with policy=learn what is allowed is remembered (policy/learned.h).
 */
struct dns_name;
struct hostaddr;
struct learned;
struct network;
struct user_config;
struct verdicts;

struct judge {
	struct network *network;
	const struct user_config *config;
	struct policy_table *policy_table;
	struct denials denials;
	struct verdicts *verdicts;
	struct learned *learned; /* NULL unless policy=learn */
	struct hostaddr *hostaddr;
	char *host_addresses; /* GRefString: the rule of that name */
};

/* As conntrack_new(). */
bool judge_init(struct judge *judge, struct network *network, const struct user_config *config,
		GError **error);
void judge_fini(struct judge *judge);

/* Does policy/destination.h allow @packet? If not, it is noted. */
bool judge_may_go_to(struct judge *judge, const struct port *from, mac_t mac,
		     const struct packet *packet, enum drop_reason *why);
/*
 * The verdict on what policy/destination.h allows; nothing is counted or noted. @name, @said: as in
 * struct policy_table_target.
 */
struct policy_table_verdict judge_conn(struct judge *judge, mac_t mac, const struct conn_key *key,
				       const char *name, const struct dns_name *said);
/* Both: may the guest (still) have a conn of this key, opened as @name? */
bool judge_reaches(struct judge *judge, mac_t mac, const struct conn_key *key, const char *name);
/* Notes that @packet was denied by @rule. */
void judge_deny(struct judge *judge, const struct port *from, mac_t mac,
		const struct packet *packet, const char *rule, const char *name);
/* Notes that a conn was allowed, and counts the rule. */
void judge_allowed(struct judge *judge, const struct port *from, mac_t mac,
		   const struct conn_key *key, const struct policy_table_verdict *verdict);

/*
 * The first bytes of @conn (conn::sni, conn::host) name @name; NULL: no server, or they are
 * incomplete for too long. True: the conn may go on, and is not asked about again.
 */
bool judge_said(struct judge *judge, struct conn *conn, const struct dns_name *name);

/*
 * Should what policy denies be refused (RST, ICMP) rather than dropped? Where names are filtered,
 * programs should fail at once.
 */
bool judge_refuses(const struct judge *judge, mac_t mac);
/*
 * May the guest ask for @name? False: it is refused, and that is told as an event and logged.
 * *@rule (GRefString) as in struct policy_table_verdict.
 */
bool judge_may_ask(struct judge *judge, const struct port *from, mac_t mac,
		   const struct dns_name *name);
/* What would happen to a conn of the guest with @mac, and why; nothing is counted. */
struct judge_view {
	bool allow;
	const char *rule; /* as in POLICY_DENIED; NULL: no rule decided. Borrowed */
	const char *name; /* the name that stands for the address; may be NULL. Borrowed */
	bool sni, host;
};
void judge_look(struct judge *judge, mac_t mac, uint8_t proto, const struct in6_addr *dst,
		uint16_t port, struct judge_view *view);

#endif
