/* SPDX-License-Identifier: BSD-3-Clause */
#include "fwd/rule.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

G_DEFINE_QUARK(fwd - error - quark, fwd_error)

/*
 * What is left of the rule. Each step takes one part off the front, up to its separator, and
 * returns the reason why it cannot (QEMU's words where QEMU has one), or NULL.
 */
struct cursor {
	const char *p;
};

/* A name, address or number: longer ones are none. */
#define PART_MAX 64

/* Up to @sep, which is skipped; a part longer than PART_MAX is cut, and no longer what it was. */
static bool take_part(struct cursor *c, char sep, char part[PART_MAX])
{
	const char *end = strchr(c->p, sep);

	if (!end)
		return false;
	g_strlcpy(part, c->p, MIN((size_t)(end - c->p) + 1, PART_MAX));
	c->p = end + 1;
	return true;
}

static const char *take_protocol(struct cursor *c, bool *udp)
{
	char part[PART_MAX];

	if (!take_part(c, ':', part))
		return "No : separators";
	*udp = strcmp(part, "udp") == 0;
	return *udp || !*part || strcmp(part, "tcp") == 0 ? NULL : "Bad protocol name";
}

static void set_in(struct sockaddr_any *out, struct in_addr addr)
{
	memset(out, 0, sizeof *out);
	out->len = sizeof out->in;
	out->in.sin_family = AF_INET;
	out->in.sin_addr = addr;
}

static void set_in6(struct sockaddr_any *out, const struct in6_addr *addr)
{
	memset(out, 0, sizeof *out);
	out->len = sizeof out->in6;
	out->in6.sin6_family = AF_INET6;
	out->in6.sin6_addr = *addr;
}

static void set_port(struct sockaddr_any *addr, int port)
{
	if (addr->sa.sa_family == AF_INET6)
		addr->in6.sin6_port = htons((uint16_t)port);
	else
		addr->in.sin_port = htons((uint16_t)port);
}

static uint16_t get_port(const struct sockaddr_any *addr)
{
	return ntohs(addr->sa.sa_family == AF_INET6 ? addr->in6.sin6_port : addr->in.sin_port);
}

/*
 * [hostaddr]: or [guestaddr]:, the colon included. Left empty it is @otherwise, and *@named false.
 * A later issue's guest names go here.
 */
static const char *take_address(struct cursor *c, struct sockaddr_any *out,
				struct in_addr otherwise, bool *named, const char *missing,
				const char *bad)
{
	char part[PART_MAX];
	struct in_addr in = otherwise;
	struct in6_addr in6;

	if (*c->p == '[') {
		c->p++;
		*named = true;
		if (!take_part(c, ']', part) || inet_pton(AF_INET6, part, &in6) != 1)
			return bad;
		if (*c->p++ != ':')
			return missing;
		set_in6(out, &in6);
		return NULL;
	}
	if (!take_part(c, ':', part))
		return missing;
	*named = *part;
	/* inet_aton forgives what stands behind a blank. */
	if (*part && (strpbrk(part, " \t\n\v\f\r") || !inet_aton(part, &in)))
		return bad;
	set_in(out, in);
	return NULL;
}

/* In base 0; leading blanks and signs as strtol has them, as QEMU does. */
static bool parse_port(const char *text, int min, int *port)
{
	char *end;
	long v;

	errno = 0;
	v = strtol(text, &end, 0);
	if (end == text || *end || errno || v < min || v > 65535)
		return false;
	*port = (int)v;
	return true;
}

/* Without an address of its own the host side follows the guest's family. */
static const char *match_families(struct fwd_rule *rule, bool host_named, bool guest_named)
{
	int port = get_port(&rule->host);

	if (rule->host.sa.sa_family == rule->guest.sa.sa_family)
		return NULL;
	if (!guest_named)
		return "IPv6 host address needs an IPv6 guest address";
	if (host_named)
		return "Host and guest address are of different families";
	if (rule->host.in.sin_addr.s_addr == INADDR_ANY)
		set_in6(&rule->host, &in6addr_any);
	else if (ntohl(rule->host.in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET)
		set_in6(&rule->host, &in6addr_loopback);
	else
		return "IPv6 guest address needs an IPv6 host address";
	set_port(&rule->host, port);
	return NULL;
}

static const char *parse(struct fwd_rule *rule, const char *text, struct in_addr host_default)
{
	const struct in_addr none = {0};
	struct cursor c = {text};
	char part[PART_MAX];
	bool host_named, guest_named;
	const char *reason;
	int port;

	reason = take_protocol(&c, &rule->udp);
	if (reason)
		return reason;
	reason = take_address(&c, &rule->host, host_default, &host_named, "Missing : separator",
			      "Bad host address");
	if (reason)
		return reason;
	if (!take_part(&c, '-', part))
		return "Bad host port separator";
	if (!parse_port(part, 0, &port))
		return "Bad host port";
	set_port(&rule->host, port);
	reason = take_address(&c, &rule->guest, none, &guest_named, "Missing guest address",
			      "Bad guest address");
	if (reason)
		return reason;
	if (rule->guest.sa.sa_family == AF_INET6 &&
	    IN6_IS_ADDR_UNSPECIFIED(&rule->guest.in6.sin6_addr))
		return "Bad guest address";
	if (!parse_port(c.p, 1, &port))
		return "Bad guest port";
	set_port(&rule->guest, port);
	return match_families(rule, host_named, guest_named);
}

static const char *parse_host(struct fwd_rule *rule, const char *text, struct in_addr host_default)
{
	struct cursor c = {text};
	bool named;
	const char *reason;
	int port;

	reason = take_protocol(&c, &rule->udp);
	if (reason)
		return reason;
	reason = take_address(&c, &rule->host, host_default, &named, "Missing : separator",
			      "Bad host address");
	if (reason)
		return reason;
	if (!parse_port(c.p, 0, &port))
		return "Bad host port";
	set_port(&rule->host, port);
	return NULL;
}

static bool report(const char *reason, const char *text, GError **error)
{
	if (reason)
		g_set_error(error, FWD_ERROR, FWD_ERROR_INVALID,
			    "Invalid host forwarding rule '%s' (%s)", text, reason);
	return !reason;
}

bool fwd_rule_parse(struct fwd_rule *rule, const char *text, struct in_addr host_default,
		    GError **error)
{
	memset(rule, 0, sizeof *rule);
	return report(parse(rule, text, host_default), text, error);
}

bool fwd_rule_parse_host(struct fwd_rule *rule, const char *text, struct in_addr host_default,
			 GError **error)
{
	memset(rule, 0, sizeof *rule);
	return report(parse_host(rule, text, host_default), text, error);
}

char *fwd_rule_format(const struct fwd_rule *rule)
{
	g_autofree char *host = sockaddr_format(&rule->host);
	g_autofree char *guest = sockaddr_format(&rule->guest);
	const char *to = guest;

	/* The default guest has no address to print. */
	if (rule->guest.sa.sa_family == AF_INET && rule->guest.in.sin_addr.s_addr == 0)
		to = strchr(guest, ':');
	return g_strdup_printf("%s:%s-%s", rule->udp ? "udp" : "tcp", host, to);
}
