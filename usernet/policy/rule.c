/* SPDX-License-Identifier: BSD-3-Clause */
#include "policy/rule.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/sockaddr.h"
#include "packet/packet.h"

#define MAPPED_LEN 96 /* ::ffff:0:0/96, RFC 4291 2.5.5.2 */

static const struct {
	const char *name; /* with a colon */
	uint8_t proto;
} protocols[] = {{"tcp:", IPPROTO_TCP}, {"udp:", IPPROTO_UDP}, {"icmp:", IPPROTO_ICMP}};

static bool G_GNUC_PRINTF(4, 5)
	refuse(GError **error, bool allow, const char *text, const char *format, ...)
{
	g_autofree char *why = NULL;
	va_list args;

	va_start(args, format);
	why = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s=%s: %s",
		    allow ? "allow" : "deny", text, why);
	return false;
}

/* Clears the bits after the first @len; true if any was set. */
static bool clear_host_bits(struct in6_addr *net, unsigned len)
{
	uint8_t found = 0;

	for (unsigned i = len / 8; i < sizeof(net->s6_addr); i++) {
		uint8_t mask = i == len / 8 ? (uint8_t)(0xff >> len % 8) : 0xff;

		found |= net->s6_addr[i] & mask;
		net->s6_addr[i] &= (uint8_t)~mask;
	}
	return found;
}

/* NET, without "/LEN" for a single address. Newly allocated. */
static char *format_net(const struct policy_rule *rule)
{
	char text[INET6_ADDRSTRLEN];
	bool v4 = IN6_IS_ADDR_V4MAPPED(&rule->net) && rule->len >= MAPPED_LEN;

	if (rule->by_name)
		return policy_name_format(&rule->name);
	if (rule->every)
		return g_strdup("*");
	if (v4)
		inet_ntop(AF_INET, &rule->net.s6_addr[12], text, sizeof(text));
	else
		inet_ntop(AF_INET6, &rule->net, text, sizeof(text));
	if (rule->len == 128)
		return g_strdup_printf(v4 ? "%s" : "[%s]", text);
	return g_strdup_printf(v4 ? "%s/%u" : "[%s/%u]", text,
			       v4 ? rule->len - MAPPED_LEN : rule->len);
}

static bool parse_net(struct policy_rule *rule, const char *net, bool v6, const char *text,
		      GError **error)
{
	struct in6_addr in6;
	struct in_addr in;
	unsigned len;

	if (!v6 && !strcmp(net, "*")) {
		rule->every = true;
		return true;
	}
	if (v6 && inet_parse_prefix6(net, &rule->net, &rule->len, NULL)) {
		if (IN6_IS_ADDR_V4MAPPED(&rule->net))
			return refuse(error, rule->allow, text,
				      "'[%s]' is IPv4: write it as such, without brackets", net);
	} else if (!v6 && inet_parse_prefix4(net, &in, &len, NULL)) {
		rule->net = address_map4(in.s_addr);
		rule->len = MAPPED_LEN + len;
	} else if (!v6 && inet_parse_prefix6(net, &in6, &len, NULL)) {
		return refuse(error, rule->allow, text,
			      "'%s' should stand in brackets, as all of IPv6: [%s]", net, net);
	} else if (!v6 && policy_name_looks_like(net)) {
		g_autofree char *why = policy_name_parse(&rule->name, net);

		rule->by_name = true;
		return !why || refuse(error, rule->allow, text, "%s", why);
	} else {
		return refuse(error, rule->allow, text,
			      "'%s%s%s' should be *, a network in numbers, such as 10.0.0.0/8, "
			      "192.0.2.1 or [fd00::/8], or a name with a dot",
			      v6 ? "[" : "", net, v6 ? "]" : "");
	}
	if (clear_host_bits(&rule->net, rule->len)) {
		g_autofree char *meant = format_net(rule);

		return refuse(error, rule->allow, text,
			      "'%s' has bits set beyond its length: the network is %s", net, meant);
	}
	return true;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct port_range *p = a, *q = b;

	return (int)p->first - (int)q->first;
}

/* Sorts the ranges and joins those that touch, so that equal sets are written the same. */
static void tidy_ports(struct policy_rule *rule)
{
	unsigned n = 0;

	qsort(rule->ports, rule->n_ports, sizeof(rule->ports[0]), compare_ranges);
	for (unsigned i = 1; i < rule->n_ports; i++) {
		struct port_range *last = &rule->ports[n], next = rule->ports[i];

		if (next.first > (unsigned)last->last + 1)
			rule->ports[++n] = next;
		else
			last->last = MAX(last->last, next.last);
	}
	rule->n_ports = n + 1;
}

static bool parse_ports(struct policy_rule *rule, const char *ports, const char *text,
			GError **error)
{
	g_auto(GStrv) parts = ports ? g_strsplit(ports, ",", -1) : NULL;
	const char *right;

	if (!ports)
		return true;
	if (rule->proto == IPPROTO_ICMP)
		return refuse(error, rule->allow, text, "icmp has no ports: ':%s' should go",
			      ports);
	if (g_strv_length(parts) > POLICY_PORTS_MAX)
		return refuse(error, rule->allow, text, "there are more than %d ports and ranges",
			      POLICY_PORTS_MAX);
	do {
		const char *part = parts[rule->n_ports] ? parts[rule->n_ports] : "";

		right = port_range_parse(part, 1, &rule->ports[rule->n_ports]);
		if (right)
			return refuse(
				error, rule->allow, text, "port '%s' should be %s%s", part, right,
				strchr(ports, ':') ? "; an IPv6 network stands in brackets" : "");
		rule->n_ports++;
	} while (parts[0] && parts[rule->n_ports]);
	tidy_ports(rule);
	return true;
}

static const struct {
	const char *name; /* with a plus */
	size_t at;        /* of the bool in struct policy_rule */
} marks[] = {{"+private", offsetof(struct policy_rule, private)},
	     {"+sni", offsetof(struct policy_rule, sni)},
	     {"+host", offsetof(struct policy_rule, host)}};

static bool *mark_of(const struct policy_rule *rule, unsigned i)
{
	return (bool *)((char *)rule + marks[i].at);
}

/* Cuts "+sni" and its like off the end of @text. */
static void cut_marks(struct policy_rule *rule, char *text)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(marks); i++) {
		if (!*mark_of(rule, i) && g_str_has_suffix(text, marks[i].name)) {
			*mark_of(rule, i) = true;
			text[strlen(text) - strlen(marks[i].name)] = '\0';
			i = UINT_MAX; /* start over: their order is free */
		}
	}
}

static bool check_marks(const struct policy_rule *rule, const char *text, GError **error)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(marks); i++) {
		if (!*mark_of(rule, i))
			continue;
		if (!rule->by_name || !rule->allow)
			return refuse(error, rule->allow, text,
				      "%s is for names that are allowed: it should go",
				      marks[i].name);
		if (i && rule->proto && rule->proto != IPPROTO_TCP)
			return refuse(error, rule->allow, text, "%s is for TCP", marks[i].name);
	}
	return true;
}

static bool parse(struct policy_rule *rule, const char *text, GError **error)
{
	g_autofree char *bare = g_strdup(text), *net = NULL;
	const char *p = bare, *end, *ports;
	bool v6;

	cut_marks(rule, bare);

	for (unsigned i = 0; i < G_N_ELEMENTS(protocols); i++) {
		if (g_str_has_prefix(text, protocols[i].name)) {
			rule->proto = protocols[i].proto;
			p += strlen(protocols[i].name);
			break;
		}
	}
	v6 = *p == '[';
	if (v6) {
		end = strchr(++p, ']');
		if (!end)
			return refuse(error, rule->allow, text, "'[%s' lacks its ]", p);
		if (end[1] && end[1] != ':')
			return refuse(error, rule->allow, text,
				      "'%s' should not follow the ]: the length stands within, "
				      "[fd00::/8], and ports behind a colon",
				      end + 1);
		ports = end[1] ? end + 2 : NULL;
	} else {
		/* Several colons: IPv6 without brackets, which parse_net reports. */
		end = strchr(p, ':');
		if (end && strchr(end + 1, ':'))
			end = NULL;
		ports = end ? end + 1 : NULL;
	}
	net = end ? g_strndup(p, (size_t)(end - p)) : g_strdup(p);
	return parse_net(rule, net, v6, text, error) && parse_ports(rule, ports, text, error) &&
	       check_marks(rule, text, error);
}

bool policy_rule_parse(struct policy_rule *rule, bool allow, const char *text, GError **error)
{
	*rule = (struct policy_rule){.allow = allow};
	return parse(rule, text, error);
}

char *policy_rule_format(const struct policy_rule *rule)
{
	g_autofree char *net = format_net(rule);
	GString *text = g_string_new(NULL);
	char ports[PORT_RANGE_TEXT];

	for (unsigned i = 0; i < G_N_ELEMENTS(protocols); i++) {
		if (protocols[i].proto == rule->proto)
			g_string_append(text, protocols[i].name);
	}
	g_string_append(text, net);
	for (unsigned i = 0; i < rule->n_ports; i++) {
		port_range_format(ports, rule->ports[i]);
		g_string_append_printf(text, "%c%s", i ? ',' : ':', ports);
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(marks); i++) {
		if (*mark_of(rule, i))
			g_string_append(text, marks[i].name);
	}
	return g_string_free(text, FALSE);
}

static bool in_net(const struct policy_rule *rule, const struct in6_addr *dst)
{
	unsigned bytes = rule->len / 8, bits = rule->len % 8;

	/* A net such as [::/0] holds IPv6 only, although IPv4 is mapped into it. */
	if (IN6_IS_ADDR_V4MAPPED(dst) && rule->len < MAPPED_LEN)
		return false;
	if (memcmp(dst, &rule->net, bytes) != 0)
		return false;
	return !bits || !((dst->s6_addr[bytes] ^ rule->net.s6_addr[bytes]) >> (8 - bits));
}

bool policy_rule_matches_port(const struct policy_rule *rule, uint8_t proto, uint16_t port)
{
	if (proto == IPPROTO_ICMPV6)
		proto = IPPROTO_ICMP;
	if (rule->proto && rule->proto != proto)
		return false;
	if (!rule->n_ports)
		return true;
	if (proto != IPPROTO_TCP && proto != IPPROTO_UDP)
		return false;
	for (unsigned i = 0; i < rule->n_ports; i++) {
		if (port >= rule->ports[i].first && port <= rule->ports[i].last)
			return true;
	}
	return false;
}

bool policy_rule_matches(const struct policy_rule *rule, uint8_t proto, const struct in6_addr *dst,
			 uint16_t port)
{
	return !rule->by_name && policy_rule_matches_port(rule, proto, port) &&
	       (rule->every || in_net(rule, dst));
}

bool policy_rule_matches_name(const struct policy_rule *rule, const struct dns_name *name)
{
	if (!rule->by_name)
		return false;
	if (!rule->name.below)
		return dns_name_equal(name, &rule->name.name);
	return name->len > rule->name.name.len && dns_name_within(name, &rule->name.name);
}

/* By what stands first in the rule: the larger, the narrower. "*" is wider than even [::/0]. */
static int narrowness(const struct policy_rule *rule)
{
	if (rule->by_name)
		return (rule->name.below ? 200 : 400) + (int)dns_name_labels(&rule->name.name);
	if (rule->every)
		return 0;
	return rule->len == 128 ? 600 : 1 + (int)rule->len;
}

static int port_count(const struct policy_rule *rule)
{
	int n = 0;

	if (!rule->n_ports)
		return UINT16_MAX + 1;
	for (unsigned i = 0; i < rule->n_ports; i++)
		n += (int)port_range_count(rule->ports[i]);
	return n;
}

int policy_rule_compare_ports(const struct policy_rule *a, const struct policy_rule *b)
{
	int order = port_count(a) - port_count(b);

	if (!order)
		order = (b->proto != 0) - (a->proto != 0);
	return order ? order : a->allow - b->allow;
}

int policy_rule_compare(const struct policy_rule *a, const struct policy_rule *b)
{
	int order = narrowness(b) - narrowness(a);

	return order ? order : policy_rule_compare_ports(a, b);
}

bool policy_rule_same_flows(const struct policy_rule *a, const struct policy_rule *b)
{
	if (a->proto != b->proto || a->n_ports != b->n_ports || a->by_name != b->by_name ||
	    memcmp(a->ports, b->ports, a->n_ports * sizeof(a->ports[0])) != 0)
		return false;
	if (a->by_name)
		return a->name.below == b->name.below &&
		       dns_name_equal(&a->name.name, &b->name.name);
	return a->every == b->every && a->len == b->len && IN6_ARE_ADDR_EQUAL(&a->net, &b->net);
}
