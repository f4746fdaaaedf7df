/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "base/error.h"
#include "ctl/options/address.h"

/* PREFIX.NAME's value, or NULL; the key is left in @key for errors. */
static const char *get(const struct optstr *opts, const char *prefix, const char *name,
		       char key[64])
{
	g_snprintf(key, 64, "%s.%s", prefix, name);
	return optstr_get(opts, key);
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
	return sockaddr_unix(&out->addr, path, abstract, error) || error_blame_usage(error);
}

static bool parse_inet(struct address *out, const struct optstr *opts, const char *prefix,
		       GError **error)
{
	char key[64];
	const char *host = get(opts, prefix, "host", key);
	const char *port;

	if (!host)
		return error_usage(error, "Parameter '%s' is missing", key);
	port = get(opts, prefix, "port", key);
	/* A multicast bus names an interface and no port (QEMU net/dgram.c). */
	if (!port && strcmp(prefix, "local"))
		return error_usage(error, "Parameter '%s' is missing", key);
	out->type = ADDRESS_INET;
	if (!sockaddr_inet(&out->addr, host, port ? port : "0", error)) {
		g_prefix_error(error, "%s.*: ", prefix);
		return error_blame_usage(error);
	}
	return true;
}

bool address_parse(struct address *out, const struct optstr *opts, const char *prefix,
		   GError **error)
{
	static const struct {
		const char *type, *keys[3];
	} own[] = {
		{"unix", {"path", "abstract"}},
		{"inet", {"host", "port"}},
		{"fd", {"str"}},
	};
	g_autofree char *dotted = g_strdup_printf("%s.", prefix);
	char key[64];
	const char *type = get(opts, prefix, "type", key);

	memset(out, 0, sizeof(*out));
	if (!optstr_has_prefix(opts, dotted))
		return true;
	if (!type)
		return error_usage(error, "Parameter '%s' is missing: unix, inet or fd", key);
	if (strcmp(type, "unix") && strcmp(type, "inet") && strcmp(type, "fd"))
		return error_usage(
			error, "Parameter '%s.type' does not accept value '%s': unix, inet or fd",
			prefix, type);
	/* Keys of another type would be ignored: say so instead. */
	for (size_t i = 0; i < G_N_ELEMENTS(own); i++) {
		for (int k = 0; k < 3 && own[i].keys[k] && strcmp(own[i].type, type); k++) {
			if (get(opts, prefix, own[i].keys[k], key))
				return error_usage(
					error,
					"Parameter '%s' is unexpected: it belongs to %s.type=%s",
					key, prefix, own[i].type);
		}
	}
	if (!strcmp(type, "unix"))
		return parse_unix(out, opts, prefix, error);
	if (!strcmp(type, "inet"))
		return parse_inet(out, opts, prefix, error);
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

bool address_bind_port_0(struct sockaddr_any *addr, int *fd, GError **error)
{
	if ((addr->sa.sa_family != AF_INET || addr->in.sin_port != 0) &&
	    (addr->sa.sa_family != AF_INET6 || addr->in6.sin6_port != 0))
		return true;
	*fd = socket_bind(addr, SOCK_STREAM, error);
	return *fd >= 0 && getsockname(*fd, &addr->sa, &addr->len) == 0;
}
