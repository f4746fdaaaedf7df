/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_POLICY_RULE_H
#define USERNET_POLICY_RULE_H

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "base/portrange.h"
#include "policy/name.h"

/*
 * A rule about where guests' conns may lead, in the grammar of allow= and deny=:
 *
 *     [tcp:|udp:|icmp:]NET[:PORTS]
 *     [tcp:|udp:|icmp:]NAME[:PORTS][+private][+sni][+host]
 *
 *     NET    "*": every address; IPv4, or IPv6 in brackets, with /LEN (IPv4 also /MASK) for a
 *            network: 10.0.0.0/8, [fd00::/8]. 0.0.0.0/0 is all of IPv4, [::/0] all of IPv6
 *     NAME   a host name, or "*.example.com" (name.h): the addresses that the name server
 *            gave the guest for it (opened.h)
 *     PORTS  numbers in base 0, or FIRST..LAST, at most POLICY_PORTS_MAX separated by commas; TCP's
 *            and UDP's, so not with icmp. Left out: all
 *
 * Without a protocol a rule holds for all of them; with ports for TCP and UDP. icmp is ping in both
 * families. +private: the name may lead to private addresses, too. +sni, +host: TCP must begin with
 * a TLS hello or an HTTP request for a name that is allowed; other protocols are denied.
 * policy_rule_parse() and policy_rule_format() are inverses.
 */
#define POLICY_PORTS_MAX 8

struct policy_rule {
	bool allow;
	uint8_t proto;       /* IPPROTO_TCP, _UDP or _ICMP; 0: all */
	bool every;          /* "*": net and len are 0 and ignored */
	bool by_name;        /* name: net and len are 0 and ignored */
	bool private;        /* +private */
	bool sni, host;      /* +sni, +host */
	struct in6_addr net; /* IPv4 is v4-mapped, as in struct packet; host bits are 0 */
	unsigned len;        /* prefix length of net: 0-128; IPv4's is 96 more than written */
	unsigned n_ports;    /* 0: every port */
	struct port_range ports[POLICY_PORTS_MAX]; /* ascending, apart from each other */
	struct policy_name name;
};

/*
 * Errors (G_OPTION_ERROR_BAD_VALUE) name the key, the text, the wrong part and the right form.
 */
bool policy_rule_parse(struct policy_rule *rule, bool allow, const char *text, GError **error);
/* The rule's text without allow= or deny=. Newly allocated. */
char *policy_rule_format(const struct policy_rule *rule);

/* @proto: IPPROTO_*; @port: in host order, 0 for protocols without ports. */
bool policy_rule_matches_port(const struct policy_rule *rule, uint8_t proto, uint16_t port);
/* The same, and @dst (IPv4 v4-mapped) is in the network. False for rules by name. */
bool policy_rule_matches(const struct policy_rule *rule, uint8_t proto, const struct in6_addr *dst,
			 uint16_t port);
/* Is @name the rule's, or below it? */
bool policy_rule_matches_name(const struct policy_rule *rule, const struct dns_name *name);
/*
 * Which rule decides where both match: < 0 @a, > 0 @b, 0: they are equal. A single address is
 * narrower than a name, a name than a wildcard, more labels than fewer, names than networks, small
 * networks than large ones; then the fewer ports, then a named protocol, then deny.
 */
int policy_rule_compare(const struct policy_rule *a, const struct policy_rule *b);
/* The same for rules about the same net or name. */
int policy_rule_compare_ports(const struct policy_rule *a, const struct policy_rule *b);
/* Do both match the same conns? allow and deny may differ, and +private, +sni and +host. */
bool policy_rule_same_flows(const struct policy_rule *a, const struct policy_rule *b);

#endif
