/* SPDX-License-Identifier: BSD-3-Clause */
#include "fwd/guestfwd.h"

#include <string.h>

#include "fwd/cursor.h"

#define FORM        "[tcp]:[server]:port-cmd:command, -unix:/path or -tcp:host:port is needed"
#define TARGET_FORM "cmd:COMMAND, unix:/path or tcp:host:port"

static bool take_protocol(struct fwd_cursor *c)
{
	g_autofree char *part = fwd_cursor_take(c, ':');

	if (!part)
		return fwd_cursor_fail(c, "No : separators", "%s", FORM);
	if (*part && strcmp(part, "tcp") != 0)
		return fwd_cursor_fail(c, "Bad protocol name",
				       "'%s' should be tcp, or left out: guests' UDP is not "
				       "forwarded",
				       part);
	return true;
}

/* SERVER and its colon */
static bool take_server(struct fwd_cursor *c, struct fwd_guestfwd *rule)
{
	g_autofree char *part = NULL;
	struct in_addr in = {0};

	if (*c->p != '[') {
		part = fwd_cursor_take(c, ':');
		if (!part)
			return fwd_cursor_fail(c, "Missing : separator",
					       "'%s' should be [server]:port: the server may be "
					       "left out, not its colon",
					       c->p);
		if (*part && !fwd_parse_v4(part, &in))
			return fwd_cursor_fail(c, "Bad server address",
					       "'%s' should be an address of the network: IPv4, or "
					       "IPv6 in brackets",
					       part);
		fwd_set_v4(&rule->server, in);
		return true;
	}
	c->p++;
	part = fwd_cursor_take(c, ']');
	if (!part || !fwd_parse_v6(part, &rule->server) || fwd_is_any(&rule->server) ||
	    rule->server.in6.sin6_scope_id)
		return fwd_cursor_fail(c, "Bad server address",
				       "'[%s' should be an IPv6 address of the network in "
				       "brackets, such as [fec0::100]",
				       c->p - (part ? strlen(part) + 1 : 0));
	if (*c->p != ':')
		return fwd_cursor_fail(c, "Missing : separator",
				       "the server address '[%s]' should be followed by : and a "
				       "port",
				       part);
	c->p++;
	return true;
}

/* Decimal digits only, 1 or more. */
static bool parse_port(const char *text, uint16_t *port)
{
	guint64 value;

	if (!g_ascii_string_to_unsigned(text, 10, 1, UINT16_MAX, &value, NULL))
		return false;
	*port = (uint16_t)value;
	return true;
}

static bool take_port(struct fwd_cursor *c, struct fwd_guestfwd *rule)
{
	g_autofree char *part = fwd_cursor_take(c, '-');
	uint16_t port;

	if (!part)
		return fwd_cursor_fail(c, "Missing - separator",
				       "the port '%s' should be followed by - and " TARGET_FORM,
				       c->p);
	if (!parse_port(part, &port))
		return fwd_cursor_fail(
			c, "Bad server port", "'%s' should be a number from 1 to 65535%s", part,
			strchr(part, ':') ? "; an IPv6 address stands in brackets" : "");
	fwd_set_port(&rule->server, port);
	return true;
}

static bool take_command(struct fwd_cursor *c, struct fwd_guestfwd *rule)
{
	/* A command of blanks only is a mistake: the shell would do nothing. */
	if (!c->p[strspn(c->p, " \t\n")])
		return fwd_cursor_fail(c, "Missing command", "cmd: should be followed by one");
	rule->target = FWD_TARGET_COMMAND;
	rule->command = g_strdup(c->p);
	return true;
}

static bool take_path(struct fwd_cursor *c, struct fwd_guestfwd *rule)
{
	g_autoptr(GError) error = NULL;

	if (c->p[0] != '/')
		return fwd_cursor_fail(c, "unix socket path must be absolute",
				       "'%s' should begin with /", c->p);
	if (!sockaddr_unix(&rule->to, c->p, false, &error))
		return fwd_cursor_fail(c, "Unix socket path is too long", "%s", error->message);
	return true;
}

static bool take_host(struct fwd_cursor *c, struct fwd_guestfwd *rule)
{
	const char *colon = strrchr(c->p, ':');
	g_autofree char *host = colon ? g_strndup(c->p, (size_t)(colon - c->p)) : NULL;
	struct in_addr in = {htonl(INADDR_LOOPBACK)};
	uint16_t port;

	if (!colon)
		return fwd_cursor_fail(c, "Bad target", "'%s' should be host:port", c->p);
	if (host[0] == '[' && host[strlen(host) - 1] == ']') {
		host[strlen(host) - 1] = '\0';
		if (!fwd_parse_v6(host + 1, &rule->to) || fwd_is_any(&rule->to))
			return fwd_cursor_fail(c, "Bad target address",
					       "'%s]' should be an IPv6 address in brackets, such "
					       "as [::1]",
					       host);
	} else if (strcmp(host, "localhost") != 0 && (!fwd_parse_v4(host, &in) || !in.s_addr)) {
		return fwd_cursor_fail(c, "Bad target address",
				       "'%s' should be IPv4, IPv6 in brackets, or localhost "
				       "(names are not looked up)",
				       host);
	} else {
		fwd_set_v4(&rule->to, in);
	}
	if (!parse_port(colon + 1, &port))
		return fwd_cursor_fail(c, "Bad target port",
				       "'%s' should be a number from 1 to 65535", colon + 1);
	fwd_set_port(&rule->to, port);
	return true;
}

static bool take_target(struct fwd_cursor *c, struct fwd_guestfwd *rule)
{
	static const struct {
		const char *prefix;
		bool (*take)(struct fwd_cursor *c, struct fwd_guestfwd *rule);
	} targets[] = {{"cmd:", take_command}, {"unix:", take_path}, {"tcp:", take_host}};

	rule->target = FWD_TARGET_SOCKET;
	for (unsigned i = 0; i < G_N_ELEMENTS(targets); i++) {
		if (g_str_has_prefix(c->p, targets[i].prefix)) {
			c->p += strlen(targets[i].prefix);
			return targets[i].take(c, rule);
		}
	}
	return fwd_cursor_fail(c, "Bad target",
			       "'%s' should be " TARGET_FORM " (character devices are QEMU's own)",
			       c->p);
}

bool fwd_guestfwd_parse(struct fwd_guestfwd *rule, const char *text, GError **error)
{
	struct fwd_cursor c = {.p = text};

	*rule = (struct fwd_guestfwd){.command = NULL};
	if (take_protocol(&c) && take_server(&c, rule) && take_port(&c, rule) &&
	    take_target(&c, rule))
		return true;
	fwd_guestfwd_clear(rule);
	fwd_cursor_report(&c, "Invalid guest forwarding rule", text, error);
	return false;
}

static bool take_last_port(struct fwd_cursor *c, struct fwd_guestfwd *rule)
{
	g_autofree char *part = g_strndup(c->p, strcspn(c->p, "-"));
	uint16_t port;

	if (!parse_port(part, &port))
		return fwd_cursor_fail(
			c, "Bad server port", "'%s' should be a number from 1 to 65535%s", part,
			strchr(part, ':') ? "; an IPv6 address stands in brackets" : "");
	fwd_set_port(&rule->server, port);
	return true;
}

bool fwd_guestfwd_parse_server(struct fwd_guestfwd *rule, const char *text, GError **error)
{
	struct fwd_cursor c = {.p = text};

	*rule = (struct fwd_guestfwd){.command = NULL};
	if (take_protocol(&c) && take_server(&c, rule) && take_last_port(&c, rule))
		return true;
	fwd_guestfwd_clear(rule);
	fwd_cursor_report(&c, "Invalid guest forwarding rule", text, error);
	return false;
}

void fwd_guestfwd_clear(struct fwd_guestfwd *rule)
{
	g_free(rule->command);
	*rule = (struct fwd_guestfwd){.command = NULL};
}

char *fwd_guestfwd_format(const struct fwd_guestfwd *rule)
{
	g_autofree char *server = sockaddr_format(&rule->server);
	g_autofree char *to = NULL;
	const char *from = fwd_is_any(&rule->server) ? strchr(server, ':') : server;

	if (rule->target == FWD_TARGET_COMMAND)
		return g_strdup_printf("tcp:%s-cmd:%s", from, rule->command);
	to = sockaddr_format(&rule->to);
	return g_strdup_printf("tcp:%s-%s:%s", from,
			       rule->to.sa.sa_family == AF_UNIX ? "unix" : "tcp", to);
}
