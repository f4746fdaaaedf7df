/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "fwd/cursor.h"
#include "fwd/rule.h"

#define RULE_FORM   "[tcp|udp]:[hostaddr]:hostport-[guestaddr]:guestport"
#define HOST_FORM   "[tcp|udp]:[hostaddr]:hostport"
#define UNIX_FORM   "unix:/path-[guestaddr]:guestport"
#define V6_BRACKETS "; an IPv6 address stands in brackets"

enum protocol { PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_UNIX };

static bool take_protocol(struct fwd_cursor *c, enum protocol *protocol, const char *form)
{
	g_autofree char *part = fwd_cursor_take(c, ':');

	if (!part)
		return fwd_cursor_fail(c, "No : separators", "%s is needed", form);
	if (!*part || !strcmp(part, "tcp"))
		*protocol = PROTOCOL_TCP;
	else if (!strcmp(part, "udp"))
		*protocol = PROTOCOL_UDP;
	else if (!strcmp(part, "unix"))
		*protocol = PROTOCOL_UNIX;
	else if (!strcmp(part, "*"))
		return fwd_cursor_fail(
			c, "Bad protocol name",
			"ports must be named, as in *:192.0.2.7:1024..65535-web: each "
			"has a socket for TCP and one for UDP, and the lower ones "
			"need root");
	else
		return fwd_cursor_fail(c, "Bad protocol name",
				       "'%s' should be tcp, udp or unix (left out: tcp), in %s",
				       part, form);
	return true;
}

/* Parses the text between "[" and the next "]:"; skips both. */
static bool take_v6(struct fwd_cursor *c, struct sockaddr_any *out, const char *side,
		    const char *bad, const char *missing)
{
	g_autofree char *part = NULL;

	c->p++;
	part = fwd_cursor_take(c, ']');
	if (!part)
		return fwd_cursor_fail(c, bad, "the %s address '[%s' lacks its ]", side, c->p);
	if (!fwd_parse_v6(part, out))
		return fwd_cursor_fail(c, bad,
				       "'[%s]' should be an IPv6 address in brackets, such as "
				       "[::1]",
				       part);
	if (*c->p != ':')
		return fwd_cursor_fail(c, missing,
				       "the %s address '[%s]' should be followed by : and a port",
				       side, part);
	c->p++;
	return true;
}

static void set_both(struct fwd_rule *rule, in_addr_t v4)
{
	fwd_set_v4(&rule->host, (struct in_addr){htonl(v4)});
	rule->both = true;
}

/* HOST and its colon. */
static bool take_host(struct fwd_cursor *c, struct fwd_rule *rule, struct in_addr otherwise)
{
	static const char bad[] = "Bad host address", missing[] = "Missing : separator";
	g_autofree char *part = NULL;
	struct in_addr in = otherwise;

	if (*c->p == '[')
		return take_v6(c, &rule->host, "host", bad, missing);
	part = fwd_cursor_take(c, ':');
	if (!part)
		return fwd_cursor_fail(c, missing,
				       "'%s' should be [hostaddr]:hostport: the host address may "
				       "be left out, not its colon",
				       c->p);
	rule->host_left_out = !*part;
	if (!strcmp(part, "*"))
		set_both(rule, INADDR_ANY);
	else if (!strcmp(part, "localhost"))
		set_both(rule, INADDR_LOOPBACK);
	else if (*part && !fwd_parse_v4(part, &in))
		return fwd_cursor_fail(c, bad,
				       "'%s' should be an address of this host: IPv4, IPv6 in "
				       "brackets, localhost, or * for any",
				       part);
	else
		fwd_set_v4(&rule->host, in);
	return true;
}

static bool set_host_ports(struct fwd_cursor *c, struct fwd_rule *rule, const char *part)
{
	struct port_range range;
	const char *right = port_range_parse(part, 0, &range);

	if (right)
		return fwd_cursor_fail(c, "Bad host port", "'%s' should be %s%s", part, right,
				       strchr(part, ':') ? V6_BRACKETS : "");
	fwd_set_port(&rule->host, range.first);
	rule->n_ports = port_range_count(range);
	return true;
}

/* PATH up to the first "-", or in brackets; @end: up to the end of the text. */
static bool take_path(struct fwd_cursor *c, struct fwd_rule *rule, bool end)
{
	g_autoptr(GString) path = g_string_new(NULL);
	g_autoptr(GError) error = NULL;
	bool brackets = *c->p == '[';
	const char *stop = end ? "" : "-";

	rule->n_ports = 1;
	if (brackets) {
		for (c->p++; *c->p && (c->p[0] != ']' || c->p[1] == ']'); c->p++) {
			g_string_append_c(path, *c->p);
			c->p += *c->p == ']';
		}
		if (!*c->p)
			return fwd_cursor_fail(c, "Missing - separator",
					       "the path '[%s' lacks its ] (] in a path is ]])",
					       path->str);
		c->p++;
	} else {
		size_t len = end ? strlen(c->p) : strcspn(c->p, "-");

		g_string_append_len(path, c->p, (gssize)len);
		c->p += len;
	}
	if (!path->len)
		return fwd_cursor_fail(c, "Missing unix socket path", "%s is needed", UNIX_FORM);
	if (path->str[0] != '/')
		return fwd_cursor_fail(c, "unix socket path must be absolute",
				       "'%s' should begin with /", path->str);
	if (!sockaddr_unix(&rule->host, path->str, false, &error))
		return fwd_cursor_fail(c, "Unix socket path is too long", "%s", error->message);
	if (strncmp(c->p, stop, 1))
		return fwd_cursor_fail(c, "Missing - separator",
				       "the path '%s' should be followed by %s", path->str,
				       end ? "nothing" : "-[guestaddr]:guestport");
	c->p += !end;
	return true;
}

/* RFC 1123 2.1, but not a number: inet_aton() would read some numbers as addresses. */
static bool take_name(const char *part, char name[FWD_NAME_MAX + 1])
{
	size_t len = strlen(part);
	bool letter = false;

	if (!len || len > FWD_NAME_MAX || part[0] == '-' || part[len - 1] == '-')
		return false;
	for (size_t i = 0; i <= len; i++) {
		if (part[i] && !g_ascii_isalnum(part[i]) && part[i] != '-')
			return false;
		letter = letter || g_ascii_isalpha(part[i]);
		name[i] = g_ascii_tolower(part[i]);
	}
	if (!letter)
		name[0] = '\0';
	return letter;
}

/* GUEST and its colon. */
static bool take_guest(struct fwd_cursor *c, struct fwd_rule *rule)
{
	static const char bad[] = "Bad guest address", missing[] = "Missing guest address";
	struct in_addr in = {0};
	g_autofree char *part = NULL;

	if (*c->p == '[') {
		if (!take_v6(c, &rule->guest, "guest", bad, missing))
			return false;
		if (IN6_IS_ADDR_UNSPECIFIED(&rule->guest.in6.sin6_addr) ||
		    rule->guest.in6.sin6_scope_id)
			return fwd_cursor_fail(c, bad,
					       "the guest's IPv6 address should be one of the "
					       "network's, neither [::] nor with a %%scope");
		return true;
	}
	part = fwd_cursor_take(c, ':');
	if (!part)
		return fwd_cursor_fail(c, missing,
				       "'%s' should be [guestaddr]:guestport: the guest may be "
				       "left out, not its colon",
				       c->p);
	if (*part && !fwd_parse_v4(part, &in) && !take_name(part, rule->guest_name))
		return fwd_cursor_fail(c, bad,
				       "'%s' should be an IPv4 address, an IPv6 address in "
				       "brackets, or a guest's name%s",
				       part,
				       rule->host.sa.sa_family == AF_UNIX
					       ? "; a path with '-' in it stands in brackets"
					       : "");
	fwd_set_v4(&rule->guest, in);
	return true;
}

/* Finds the start of the options: a "+" that is not a number's sign. */
static char *split_options(char *part)
{
	for (char *p = part; *p; p++) {
		if (*p == '+' && !g_ascii_isdigit(p[1])) {
			*p = '\0';
			return p + 1;
		}
	}
	return NULL;
}

static bool take_option(struct fwd_cursor *c, struct fwd_rule *rule, const char *option)
{
	if (!strcmp(option, "masquerade=on"))
		rule->masquerade = true;
	else if (!strcmp(option, "masquerade=off"))
		rule->masquerade = false;
	else
		return fwd_cursor_fail(c, "Bad option",
				       "'%s' should be masquerade=on or masquerade=off", option);
	return true;
}

/* The guest's ports and the options: the rest of the text. */
static bool take_rest(struct fwd_cursor *c, struct fwd_rule *rule)
{
	g_autofree char *part = g_strdup(c->p);
	char *options = split_options(part);
	g_auto(GStrv) words = options ? g_strsplit(options, "+", -1) : NULL;
	struct port_range range;
	const char *right = port_range_parse(part, 1, &range);
	unsigned n;

	if (right)
		return fwd_cursor_fail(c, "Bad guest port", "'%s' should be %s%s", part, right,
				       strchr(part, ':') ? V6_BRACKETS : "");
	n = port_range_count(range);
	if (n > 1 && n != rule->n_ports)
		return fwd_cursor_fail(c, "Bad guest port",
				       "'%s' is %u ports and the host's side %u: both should be "
				       "as many, or the guest's the first one alone",
				       part, n, rule->n_ports);
	if (range.first + rule->n_ports - 1 > UINT16_MAX)
		return fwd_cursor_fail(c, "Bad guest port",
				       "%u ports from '%s' on would end beyond 65535; the first "
				       "should be at most %u",
				       rule->n_ports, part, UINT16_MAX - rule->n_ports + 1);
	fwd_set_port(&rule->guest, range.first);
	if (options && !words[0])
		return take_option(c, rule, "");
	for (unsigned i = 0; words && words[i]; i++) {
		if (!take_option(c, rule, words[i]))
			return false;
	}
	return true;
}

/* If the rule names no host address, the host side follows the guest's family. */
static void follow_family(struct fwd_rule *rule)
{
	uint16_t port = fwd_get_port(&rule->host);

	if (!rule->host_left_out || rule->guest.sa.sa_family != AF_INET6)
		return;
	if (rule->host.in.sin_addr.s_addr == INADDR_ANY)
		fwd_set_v6(&rule->host, &in6addr_any);
	else if (ntohl(rule->host.in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET)
		fwd_set_v6(&rule->host, &in6addr_loopback);
	fwd_set_port(&rule->host, port);
}

static bool parse(struct fwd_cursor *c, struct fwd_rule *rule, struct in_addr host_default)
{
	g_autofree char *ports = NULL;
	enum protocol protocol;

	if (!take_protocol(c, &protocol, RULE_FORM))
		return false;
	rule->udp = protocol == PROTOCOL_UDP;
	if (protocol == PROTOCOL_UNIX)
		return take_path(c, rule, false) && take_guest(c, rule) && take_rest(c, rule);
	if (!take_host(c, rule, host_default))
		return false;
	ports = fwd_cursor_take(c, '-');
	if (!ports)
		return fwd_cursor_fail(c, "Bad host port separator",
				       "the host port '%s' should be followed by "
				       "-[guestaddr]:guestport",
				       c->p);
	if (!set_host_ports(c, rule, ports) || !take_guest(c, rule) || !take_rest(c, rule))
		return false;
	follow_family(rule);
	return true;
}

static bool parse_host(struct fwd_cursor *c, struct fwd_rule *rule, struct in_addr host_default)
{
	enum protocol protocol;

	if (!take_protocol(c, &protocol, HOST_FORM))
		return false;
	rule->udp = protocol == PROTOCOL_UDP;
	if (protocol == PROTOCOL_UNIX)
		return take_path(c, rule, true);
	if (!take_host(c, rule, host_default))
		return false;
	if (strchr(c->p, '-') && g_ascii_isdigit(*c->p))
		return fwd_cursor_fail(c, "Bad host port",
				       "'%s' should be the host port alone: a rule is removed by "
				       "its host's side",
				       c->p);
	return set_host_ports(c, rule, c->p);
}

static bool finish(struct fwd_cursor *c, bool ok, struct fwd_rule *rule, const char *text,
		   GError **error)
{
	if (!ok) {
		*rule = (struct fwd_rule){.udp = false};
		fwd_cursor_report(c, "Invalid host forwarding rule", text, error);
	}
	return ok;
}

/* The end of HOST and its colon in @text; NULL: there is no colon. */
static const char *skip_address(const char *text)
{
	const char *end = *text == '[' ? strchr(text, ']') : text;

	end = end ? strchr(end, ':') : NULL;
	return end ? end + 1 : NULL;
}

bool fwd_rule_split(const char *text, char *two[2])
{
	const char *rest = text + 2, *ports, *dash, *guest, *options, *colon;
	g_autofree char *more = NULL;

	if (!g_str_has_prefix(text, "*:"))
		return false;
	ports = skip_address(rest);
	if (!ports)
		return false;
	dash = strchr(ports, '-');
	guest = dash ? dash + 1 : ports + strlen(ports);
	options = guest + strcspn(guest, "+");
	colon = skip_address(guest);
	if (dash && (!colon || colon > options))
		more = g_strdup_printf(":%.*s", (int)(dash - ports), ports);
	for (unsigned i = 0; i < 2; i++)
		two[i] = g_strdup_printf("%s:%.*s%s%s", i ? "udp" : "tcp", (int)(options - rest),
					 rest, more ? more : "", options);
	return true;
}

bool fwd_rule_parse(struct fwd_rule *rule, const char *text, struct in_addr host_default,
		    GError **error)
{
	struct fwd_cursor c = {.p = text};

	*rule = (struct fwd_rule){.udp = false};
	return finish(&c, parse(&c, rule, host_default), rule, text, error);
}

bool fwd_rule_parse_host(struct fwd_rule *rule, const char *text, struct in_addr host_default,
			 GError **error)
{
	struct fwd_cursor c = {.p = text};

	*rule = (struct fwd_rule){.udp = false};
	return finish(&c, parse_host(&c, rule, host_default), rule, text, error);
}
