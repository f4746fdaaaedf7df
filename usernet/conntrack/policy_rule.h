/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CONNTRACK_POLICY_RULE_H
#define USERNET_CONNTRACK_POLICY_RULE_H

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "base/portrange.h"

/*
 * A rule about where guests' conns may go, as allow= and deny= have it:
 *
 *     [tcp:|udp:|icmp:]NET[:PORTS]
 *
 *     NET    "*": every address; IPv4, or IPv6 in brackets, with /LEN (IPv4 also /MASK) for a
 *            network: 10.0.0.0/8, [fd00::/8]. 0.0.0.0/0 is all of IPv4, [::/0] all of IPv6
 *     PORTS  a number in base 0, or FIRST..LAST; TCP's and UDP's, so not with icmp. Left out: all
 *
 * No protocol named is all of them; with ports TCP and UDP. icmp is ping in both families. Names
 * are not looked up: a policy by names would be the name server's to keep. parse and format are
 * inverses.
 */
struct policy_rule {
	bool allow;
	uint8_t proto;       /* IPPROTO_TCP, _UDP or _ICMP; 0: all */
	bool every;          /* "*": net and len are 0 and count for nothing */
	struct in6_addr net; /* IPv4 is v4-mapped, as in struct packet; host bits are 0 */
	unsigned len;        /* of net: 0-128, for IPv4 96 more than it was written */
	bool any_port;
	struct port_range ports; /* {0, 65535} where any_port */
};

/*
 * Errors (G_OPTION_ERROR_BAD_VALUE) name the key, the text, the part that is wrong and what would
 * be right.
 */
bool policy_rule_parse(struct policy_rule *rule, bool allow, const char *text, GError **error);
/* Without allow= or deny=. Newly allocated. */
char *policy_rule_format(const struct policy_rule *rule);

/* @proto: IPPROTO_*; @dst: IPv4 v4-mapped; @port: in host order, 0 for what has none. */
bool policy_rule_matches(const struct policy_rule *rule, uint8_t proto, const struct in6_addr *dst,
			 uint16_t port);
/*
 * Which decides where both match: < 0 @a, > 0 @b, 0: either, they say the same. The smaller
 * network, then the fewer ports, then the one that names a protocol, then deny.
 */
int policy_rule_compare(const struct policy_rule *a, const struct policy_rule *b);
/* The same conns, whatever is said of them? */
bool policy_rule_same_flows(const struct policy_rule *a, const struct policy_rule *b);

#endif
