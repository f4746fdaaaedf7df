/* SPDX-License-Identifier: BSD-3-Clause */
#include "dns/server.h"

#include <stdlib.h>
#include <string.h>

static bool parse_addr(struct sockaddr_any *addr, const char *text, GError **error)
{
	const char *hash = strrchr(text, '#');
	g_autofree char *host = hash ? g_strndup(text, (size_t)(hash - text)) : g_strdup(text);
	const char *port = hash ? hash + 1 : G_STRINGIFY(DNS_PORT);

	/* sockaddr_inet() accepts words that are not addresses here. */
	if (!*host || g_ascii_strcasecmp(host, "localhost") == 0 || !port[strspn(port, "0")]) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
			    "'%s' is not ADDRESS or ADDRESS#PORT", text);
		return false;
	}
	if (!sockaddr_inet(addr, host, port, error))
		return false;
	/* "Any" means this host (resolv.conf(5) of other systems; connect(2) does the same). */
	if (addr->sa.sa_family == AF_INET && !addr->in.sin_addr.s_addr)
		addr->in.sin_addr.s_addr = g_htonl(INADDR_LOOPBACK);
	else if (addr->sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&addr->in6.sin6_addr))
		addr->in6.sin6_addr = in6addr_loopback;
	return true;
}

static bool parse_server(struct dns_server *server, const char *text, GError **error)
{
	g_autofree char *domain = NULL;
	const char *end;

	memset(server, 0, sizeof(*server));
	server->domain.len = 1;
	if (*text != '/')
		return parse_addr(&server->addr, text, error);
	end = strchr(text + 1, '/');
	domain = end ? g_strndup(text + 1, (size_t)(end - text - 1)) : NULL;
	if (!domain || !dns_name_parse(&server->domain, domain)) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
			    "'%s' does not begin with /DOMAIN/", text);
		return false;
	}
	return parse_addr(&server->addr, end + 1, error);
}

bool dns_server_parse(struct dns_server *server, const char *text, GError **error)
{
	g_autoptr(GError) why = NULL;

	if (parse_server(server, text, &why))
		return true;
	g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
		    "'%s': %s; write ADDRESS[#PORT] or /DOMAIN/ADDRESS[#PORT]", text, why->message);
	return false;
}

char *dns_server_format(const struct dns_server *server)
{
	bool v6 = server->addr.sa.sa_family == AF_INET6;
	unsigned port = g_ntohs(v6 ? server->addr.in6.sin6_port : server->addr.in.sin_port);
	g_autofree char *addr = sockaddr_format(&server->addr);
	/* "10.0.0.1:53" or "[::1]:53" without the port. */
	g_autofree char *host = g_strndup(addr + v6, strrchr(addr, ':') - addr - 2 * v6);
	g_autofree char *domain = dns_name_format(&server->domain);
	GString *text = g_string_new(NULL);

	if (server->domain.len > 1)
		g_string_append_printf(text, "/%s/", domain);
	g_string_append(text, host);
	if (port != DNS_PORT)
		g_string_append_printf(text, "#%u", port);
	return g_string_free(text, FALSE);
}

bool dns_server_equal(const struct dns_server *a, const struct dns_server *b)
{
	return dns_name_equal(&a->domain, &b->domain) && sockaddr_equal(&a->addr, &b->addr);
}

bool dns_servers_equal(const GArray *a, const GArray *b)
{
	if (a->len != b->len)
		return false;
	for (guint i = 0; i < a->len; i++) {
		if (!dns_server_equal(&g_array_index(a, struct dns_server, i),
				      &g_array_index(b, struct dns_server, i)))
			return false;
	}
	return true;
}

static void append(GArray *servers, const struct dns_server *server)
{
	for (guint i = 0; i < servers->len; i++) {
		if (dns_server_equal(&g_array_index(servers, struct dns_server, i), server))
			return;
	}
	if (servers->len < DNS_SERVERS_MAX)
		g_array_append_vals(servers, server, 1);
}

GArray *dns_servers_from_resolv_conf(const char *text, size_t len)
{
	GArray *servers = g_array_new(FALSE, FALSE, sizeof(struct dns_server));
	g_autofree char *copy = g_strndup(text, len);
	g_auto(GStrv) lines = g_strsplit(copy, "\n", -1);
	struct dns_server server;

	for (unsigned i = 0; lines[i]; i++) {
		/* The keyword begins the line; text after the address is ignored. */
		g_auto(GStrv) words = NULL;

		if (!g_str_has_prefix(lines[i], "nameserver") ||
		    !strchr(" \t", lines[i][strlen("nameserver")]))
			continue;
		g_strdelimit(lines[i], "\t\r", ' ');
		g_strstrip(lines[i] + strlen("nameserver"));
		words = g_strsplit(lines[i] + strlen("nameserver"), " ", 2);
		/* No port or domain is allowed here. */
		if (words[0] && !strpbrk(words[0], "#/[") &&
		    dns_server_parse(&server, words[0], NULL))
			append(servers, &server);
	}
	if (!servers->len && dns_server_parse(&server, "127.0.0.1", NULL))
		append(servers, &server);
	return servers;
}

bool dns_server_is_loopback(const struct dns_server *server)
{
	const struct sockaddr_any *addr = &server->addr;

	if (addr->sa.sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&addr->in6.sin6_addr);
	return g_ntohl(addr->in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

char **dns_search_from_resolv_conf(const char *text, size_t len)
{
	g_autofree char *copy = g_strndup(text, len);
	g_auto(GStrv) lines = g_strsplit(copy, "\n", -1);
	GStrvBuilder *builder;
	g_auto(GStrv) words = NULL;
	char **search;
	unsigned n = 0;

	/* The last `search` or `domain` line counts. */
	for (unsigned i = 0; lines[i]; i++) {
		const char *line = lines[i];
		size_t key = g_str_has_prefix(line, "search")   ? strlen("search")
			     : g_str_has_prefix(line, "domain") ? strlen("domain")
								: 0;

		if (!key || !line[key] || !strchr(" \t", line[key]))
			continue;
		g_strfreev(words);
		words = g_strsplit_set(line + key, " \t\r", -1);
	}
	builder = g_strv_builder_new();
	for (unsigned i = 0; words && words[i] && n < DNS_SEARCH_MAX; i++) {
		struct dns_name name;

		/* systemd-resolved writes "." for none. */
		if (!*words[i] || !dns_name_parse(&name, words[i]) || name.len == 1)
			continue;
		g_strv_builder_add(builder, words[i]);
		n++;
	}
	search = g_strv_builder_end(builder);
	g_strv_builder_unref(builder);
	return search;
}

GArray *dns_servers_from_words(const char *const *words, GError **error)
{
	g_autoptr(GArray) servers = g_array_new(FALSE, FALSE, sizeof(struct dns_server));
	struct dns_server server;

	for (; words && *words; words++) {
		if (!dns_server_parse(&server, *words, error))
			return NULL;
		if (servers->len == DNS_SERVERS_MAX) {
			g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
				    "'%s': there are %d servers already, which is the limit",
				    *words, DNS_SERVERS_MAX);
			return NULL;
		}
		append(servers, &server);
	}
	return g_steal_pointer(&servers);
}
