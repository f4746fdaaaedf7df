/* SPDX-License-Identifier: BSD-3-Clause */
#include "conntrack/policy_rule.h"

#include <arpa/inet.h>
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
	} else {
		return refuse(error, rule->allow, text,
			      "'%s%s%s' should be * or a network in numbers, such as "
			      "10.0.0.0/8, 192.0.2.1 or [fd00::/8]",
			      v6 ? "[" : "", net, v6 ? "]" : "");
	}
	if (clear_host_bits(&rule->net, rule->len)) {
		g_autofree char *meant = format_net(rule);

		return refuse(error, rule->allow, text,
			      "'%s' has bits set beyond its length: the network is %s", net, meant);
	}
	return true;
}

static bool parse_ports(struct policy_rule *rule, const char *ports, const char *text,
			GError **error)
{
	const char *right;

	rule->any_port = !ports;
	rule->ports = (struct port_range){0, UINT16_MAX};
	if (!ports)
		return true;
	if (rule->proto == IPPROTO_ICMP)
		return refuse(error, rule->allow, text, "icmp has no ports: ':%s' should go",
			      ports);
	right = port_range_parse(ports, 1, &rule->ports);
	if (right)
		return refuse(error, rule->allow, text, "port '%s' should be %s%s", ports, right,
			      strchr(ports, ':') ? "; an IPv6 network stands in brackets" : "");
	return true;
}

static bool parse(struct policy_rule *rule, const char *text, GError **error)
{
	const char *p = text, *end, *ports;
	g_autofree char *net = NULL;
	bool v6;

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
	return parse_net(rule, net, v6, text, error) && parse_ports(rule, ports, text, error);
}

bool policy_rule_parse(struct policy_rule *rule, bool allow, const char *text, GError **error)
{
	*rule = (struct policy_rule){.allow = allow};
	return parse(rule, text, error);
}

char *policy_rule_format(const struct policy_rule *rule)
{
	g_autofree char *net = format_net(rule);
	char ports[PORT_RANGE_TEXT];
	const char *proto = "";

	for (unsigned i = 0; i < G_N_ELEMENTS(protocols); i++) {
		if (protocols[i].proto == rule->proto)
			proto = protocols[i].name;
	}
	if (rule->any_port)
		return g_strconcat(proto, net, NULL);
	port_range_format(ports, rule->ports);
	return g_strconcat(proto, net, ":", ports, NULL);
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

bool policy_rule_matches(const struct policy_rule *rule, uint8_t proto, const struct in6_addr *dst,
			 uint16_t port)
{
	if (proto == IPPROTO_ICMPV6)
		proto = IPPROTO_ICMP;
	if (rule->proto && rule->proto != proto)
		return false;
	if (!rule->any_port && ((proto != IPPROTO_TCP && proto != IPPROTO_UDP) ||
				port < rule->ports.first || port > rule->ports.last))
		return false;
	return rule->every || in_net(rule, dst);
}

/* "*" is wider than even [::/0]. */
static int narrowness(const struct policy_rule *rule)
{
	return rule->every ? 0 : 1 + (int)rule->len;
}

static int port_count(const struct policy_rule *rule)
{
	return rule->any_port ? UINT16_MAX + 1 : (int)port_range_count(rule->ports);
}

int policy_rule_compare(const struct policy_rule *a, const struct policy_rule *b)
{
	int order = narrowness(b) - narrowness(a);

	if (!order)
		order = port_count(a) - port_count(b);
	if (!order)
		order = (b->proto != 0) - (a->proto != 0);
	return order ? order : a->allow - b->allow;
}

bool policy_rule_same_flows(const struct policy_rule *a, const struct policy_rule *b)
{
	return a->proto == b->proto && a->every == b->every && a->len == b->len &&
	       IN6_ARE_ADDR_EQUAL(&a->net, &b->net) && a->any_port == b->any_port &&
	       a->ports.first == b->ports.first && a->ports.last == b->ports.last;
}
