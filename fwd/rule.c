/* SPDX-License-Identifier: BSD-3-Clause */
#include "fwd/rule.h"

#include <string.h>

#include "fwd/cursor.h"

G_DEFINE_QUARK(fwd - error - quark, fwd_error)

struct port_range fwd_rule_host_ports(const struct fwd_rule *rule)
{
	uint16_t first = fwd_get_port(&rule->host);

	return (struct port_range){first, (uint16_t)(first + rule->n_ports - 1)};
}

/* "ADDRESS:PORTS" */
static void append_inet(GString *out, const struct sockaddr_any *addr, struct port_range ports)
{
	g_autofree char *text = sockaddr_format(addr);
	char range[PORT_RANGE_TEXT];

	port_range_format(range, ports);
	/* sockaddr_format() ends with the port: omit it. */
	g_string_append_len(out, text, strrchr(text, ':') + 1 - text);
	g_string_append(out, range);
}

/* In brackets when it contains a character that would end it in a rule. */
static void append_path(GString *out, const char *path)
{
	if (!strchr(path, '-')) {
		g_string_append(out, path);
		return;
	}
	g_string_append_c(out, '[');
	for (; *path; path++) {
		if (*path == ']')
			g_string_append_c(out, ']');
		g_string_append_c(out, *path);
	}
	g_string_append_c(out, ']');
}

static void append_host(GString *out, const struct fwd_rule *rule)
{
	struct port_range ports = fwd_rule_host_ports(rule);
	char range[PORT_RANGE_TEXT];

	if (rule->host.sa.sa_family == AF_UNIX) {
		g_string_append(out, "unix:");
		append_path(out, rule->host.un.sun_path);
		return;
	}
	g_string_append(out, rule->udp ? "udp:" : "tcp:");
	if (!rule->both) {
		append_inet(out, &rule->host, ports);
		return;
	}
	port_range_format(range, ports);
	g_string_append_printf(out, "%s:%s", fwd_is_any(&rule->host) ? "*" : "localhost", range);
}

static void append_guest(GString *out, const struct fwd_rule *rule)
{
	uint16_t first = fwd_get_port(&rule->guest);
	struct port_range ports = {first, (uint16_t)(first + rule->n_ports - 1)};
	char range[PORT_RANGE_TEXT];

	if (!rule->guest_name[0] && !fwd_is_any(&rule->guest)) {
		append_inet(out, &rule->guest, ports);
		return;
	}
	/* A name or the default guest: no address to print. */
	port_range_format(range, ports);
	g_string_append_printf(out, "%s:%s", rule->guest_name, range);
}

char *fwd_rule_format(const struct fwd_rule *rule)
{
	GString *out = g_string_new(NULL);

	append_host(out, rule);
	g_string_append_c(out, '-');
	append_guest(out, rule);
	if (rule->masquerade)
		g_string_append(out, "+masquerade=on");
	return g_string_free(out, FALSE);
}

char *fwd_rule_format_host(const struct fwd_rule *rule)
{
	GString *out = g_string_new(NULL);

	append_host(out, rule);
	return g_string_free(out, FALSE);
}
