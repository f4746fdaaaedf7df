/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "base/error.h"
#include "ctl/options/address.h"

/* The value of PREFIX.NAME, or NULL; @key gets the full key, for errors. */
static const char *get(const struct optstr *opts, const char *prefix, const char *name,
		       char key[64])
{
	g_snprintf(key, 64, "%s.%s", prefix, name);
	return optstr_get(opts, key);
}

static bool fail_key(GError **error, const char *prefix, const char *name, const char *why)
{
	return error_usage(error, "Parameter '%s.%s' is unexpected: %s", prefix, name, why);
}

static bool parse_unix(struct address *out, const struct optstr *opts, const char *prefix,
		       GError **error)
{
	char key[64];
	bool abstract = optstr_bool(opts, "abstract", false);
	const char *path;

	if (get(opts, prefix, "abstract", key))
		abstract = optstr_bool(opts, key, false);
	path = get(opts, prefix, "path", key);
	if (!path)
		return error_usage(error, "Parameter '%s' is missing", key);
	out->type = ADDRESS_UNIX;
	if (!sockaddr_unix(&out->addr, path, abstract, error))
		return error_blame_usage(error);
	get(opts, prefix, "tight", key);
	/* Without tight=on the name is padded with NULs, which are part of it. */
	if (abstract && !optstr_bool(opts, key, true))
		out->addr.len = sizeof(out->addr.un);
	return true;
}

/* Returns 0, 1, or -1: not given. */
static int get_switch(const struct optstr *opts, const char *prefix, const char *name)
{
	char key[64];

	return get(opts, prefix, name, key) ? optstr_bool(opts, key, false) : -1;
}

/*
 * Which families are allowed (QEMU util/qemu-sockets.c, inet_ai_family_from_address): naming one
 * excludes the other.
 */
static bool choose_family(const struct optstr *opts, const char *prefix, bool *v4, bool *v6,
			  GError **error)
{
	int ipv4 = get_switch(opts, prefix, "ipv4"), ipv6 = get_switch(opts, prefix, "ipv6");

	if (!ipv4 && !ipv6)
		return error_usage(error, "%s.*: Cannot disable IPv4 and IPv6 at same time",
				   prefix);
	*v4 = ipv4 == 1 || (ipv4 < 0 && ipv6 != 1);
	*v6 = ipv6 == 1 || (ipv6 < 0 && ipv4 != 1);
	return true;
}

/* "" and "localhost" have no family: choose one that is allowed. */
static const char *choose_host(const struct address *out, const char *host, bool v4, bool v6)
{
	if (!strcmp(host, "localhost") && !v4)
		return "::1";
	if (!host[0] && v6 && (out->listen.dual || !v4))
		return "::";
	return host;
}

static bool parse_host(struct address *out, const struct optstr *opts, const char *prefix,
		       const char *host, const char *port, GError **error)
{
	bool both = get_switch(opts, prefix, "ipv4") == 1 && get_switch(opts, prefix, "ipv6") == 1;
	bool none = get_switch(opts, prefix, "ipv4") < 0 && get_switch(opts, prefix, "ipv6") < 0;
	bool v4 = false, v6 = false;

	if (!choose_family(opts, prefix, &v4, &v6, error))
		return false;
	out->listen.dual = both;
	if (!sockaddr_inet(&out->addr, choose_host(out, host, v4, v6), port, error)) {
		g_prefix_error(error, "%s.*: ", prefix);
		return error_blame_usage(error);
	}
	/* As in QEMU, "::" also takes IPv4 when no family is named. */
	out->listen.dual = both || none;
	if (out->addr.sa.sa_family == AF_INET ? v4 : v6)
		return true;
	return error_usage(error,
			   "%s.host '%s' is an IPv%c address, which %s.ipv4 and .ipv6 rule out",
			   prefix, host, out->addr.sa.sa_family == AF_INET ? '4' : '6', prefix);
}

static bool parse_range(struct address *out, const struct optstr *opts, const char *prefix,
			enum address_use use, GError **error)
{
	char key[64];
	const char *to = get(opts, prefix, "to", key), *port;

	if (!to)
		return true;
	if (use != ADDRESS_FOR_SERVER)
		return fail_key(error, prefix, "to",
				"a range of ports is for a stream that listens (server=on)");
	out->listen.last_port = (unsigned)optstr_number(opts, key, 0);
	port = get(opts, prefix, "port", key);
	if (out->listen.last_port < g_ascii_strtoull(port, NULL, 10))
		return error_usage(error, "%s.to '%s' is less than %s '%s'", prefix, to, key, port);
	return true;
}

static int get_number(const struct optstr *opts, const char *prefix, const char *name,
		      int otherwise)
{
	char key[64];

	get(opts, prefix, name, key);
	return (int)optstr_number(opts, key, otherwise);
}

static bool parse_tcp(struct address *out, const struct optstr *opts, const char *prefix,
		      GError **error)
{
	struct tcp_keepalive *keepalive = &out->keepalive;

	keepalive->off = get_switch(opts, prefix, "keep-alive") == 0;
	keepalive->count = get_number(opts, prefix, "keep-alive-count", keepalive->count);
	keepalive->idle = get_number(opts, prefix, "keep-alive-idle", keepalive->idle);
	keepalive->interval = get_number(opts, prefix, "keep-alive-interval", keepalive->interval);
	out->listen.mptcp = get_switch(opts, prefix, "mptcp") == 1;
	if (out->listen.mptcp && !socket_has_mptcp())
		return error_usage(error,
				   "Parameter '%s.mptcp': this kernel does not support multipath "
				   "TCP sockets (sysctl net.mptcp.enabled)",
				   prefix);
	return true;
}

/* Refuses TCP-only keys, unless they turn something off. */
static bool refuse_tcp(const struct optstr *opts, const char *prefix, GError **error)
{
	static const char *const numbers[] = {"keep-alive-count", "keep-alive-idle",
					      "keep-alive-interval"};
	char key[64];

	if (get_switch(opts, prefix, "keep-alive") == 1)
		return fail_key(error, prefix, "keep-alive", "datagrams have no connection");
	if (get_switch(opts, prefix, "mptcp") == 1)
		return fail_key(error, prefix, "mptcp", "datagrams have no connection");
	for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
		if (get(opts, prefix, numbers[i], key))
			return fail_key(error, prefix, numbers[i], "datagrams have no connection");
	}
	return true;
}

static bool parse_inet(struct address *out, const struct optstr *opts, const char *prefix,
		       enum address_use use, GError **error)
{
	char key[64];
	const char *host = get(opts, prefix, "host", key);
	const char *port;

	if (!host)
		return error_usage(error, "Parameter '%s' is missing", key);
	port = get(opts, prefix, "port", key);
	/* For a multicast group, local has no port (QEMU net/dgram.c). */
	if (!port && strcmp(prefix, "local"))
		return error_usage(error, "Parameter '%s' is missing", key);
	out->type = ADDRESS_INET;
	/* PREFIX.numeric changes nothing: hosts are always numeric. */
	if (!parse_host(out, opts, prefix, host, port ? port : "0", error) ||
	    !parse_range(out, opts, prefix, use, error))
		return false;
	return use == ADDRESS_FOR_DATAGRAMS ? refuse_tcp(opts, prefix, error)
					    : parse_tcp(out, opts, prefix, error);
}

/* Refuses keys of another type instead of ignoring them. */
static bool check_keys(const struct optstr *opts, const char *prefix, const char *type,
		       GError **error)
{
	static const struct {
		const char *type, *keys[13];
	} own[] = {
		{"unix", {"path", "abstract", "tight"}},
		{"inet",
		 {"host", "port", "to", "ipv4", "ipv6", "numeric", "mptcp", "keep-alive",
		  "keep-alive-count", "keep-alive-idle", "keep-alive-interval"}},
		{"fd", {"str"}},
	};
	char key[64];

	for (size_t i = 0; i < G_N_ELEMENTS(own); i++) {
		if (!strcmp(own[i].type, type))
			continue;
		for (int k = 0; own[i].keys[k]; k++) {
			if (get(opts, prefix, own[i].keys[k], key))
				return error_usage(
					error,
					"Parameter '%s' is unexpected: it belongs to %s.type=%s",
					key, prefix, own[i].type);
		}
	}
	return true;
}

bool address_parse(struct address *out, const struct optstr *opts, const char *prefix,
		   enum address_use use, GError **error)
{
	g_autofree char *dotted = g_strdup_printf("%s.", prefix);
	char key[64];
	const char *type = get(opts, prefix, "type", key);

	*out = (struct address){.keepalive = TCP_KEEPALIVE_DEFAULT};
	if (!optstr_has_prefix(opts, dotted))
		return true;
	if (!type)
		return error_usage(error, "Parameter '%s' is missing: unix, inet or fd", key);
	if (strcmp(type, "unix") && strcmp(type, "inet") && strcmp(type, "fd"))
		return error_usage(
			error, "Parameter '%s.type' does not accept value '%s': unix, inet or fd",
			prefix, type);
	if (!check_keys(opts, prefix, type, error))
		return false;
	if (!strcmp(type, "unix"))
		return parse_unix(out, opts, prefix, error);
	if (!strcmp(type, "inet"))
		return parse_inet(out, opts, prefix, use, error);
	out->type = ADDRESS_FD;
	out->fd_name = get(opts, prefix, "str", key);
	if (!out->fd_name)
		return error_usage(error, "Parameter '%s' is missing", key);
	return true;
}

bool address_parse_host_port(struct sockaddr_any *out, const char *key, const char *text,
			     GError **error)
{
	const char *colon = strrchr(text, ':');
	g_autofree char *host = NULL;

	if (!colon)
		return error_usage(
			error,
			"%s=: host address '%s' doesn't contain ':' separating host from port", key,
			text);
	if (text[0] == '[' && colon > text && colon[-1] == ']')
		host = g_strndup(text + 1, (gsize)(colon - text - 2));
	else
		host = g_strndup(text, (gsize)(colon - text));
	if (!sockaddr_inet(out, host, colon + 1, error)) {
		g_prefix_error(error, "%s=%s: ", key, text);
		return error_blame_usage(error);
	}
	return true;
}

bool address_listen(struct sockaddr_any *addr, const struct tcp_listen *options, int *fd,
		    GError **error)
{
	if (addr->sa.sa_family != AF_INET && addr->sa.sa_family != AF_INET6)
		return true;
	*fd = socket_listen(addr, options, error);
	return *fd >= 0;
}
