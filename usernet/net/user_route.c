/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/user_route.h"

#include <arpa/inet.h>

#include "base/sockaddr.h"
#include "net/user_config.h"

static uint32_t mask_of(unsigned len)
{
	return htonl(len ? UINT32_MAX << (32 - len) : 0);
}

static bool refuse(GError **error, const char *text, const char *why)
{
	g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "route=%s: %s", text, why);
	return false;
}

bool user_route_parse(const char *text, struct user_route *route, GError **error)
{
	const char *semicolon = strchr(text, ';');
	g_autofree char *net = NULL;
	struct user_route parsed;

	if (!semicolon)
		return refuse(error, text,
			      "NET/LEN;VIA is needed, such as 192.168.7.0/24;10.0.2.20");
	net = g_strndup(text, (gsize)(semicolon - text));
	if (!strchr(net, '/') || !inet_parse_prefix4(net, &parsed.prefix, &parsed.len, NULL))
		return refuse(error, text,
			      "the part before ';' is not an IPv4 network such as 192.168.7.0/24");
	if (parsed.prefix.s_addr & ~mask_of(parsed.len))
		return refuse(error, text, "the network has bits set beyond its length");
	if (inet_pton(AF_INET, semicolon + 1, &parsed.via) != 1)
		return refuse(error, text, "the part after ';' is not an IPv4 address");
	*route = parsed;
	return true;
}

bool user_route_check(const struct user_config *config, GError **error)
{
	uint32_t mask = mask_of(config->net_len);

	if (config->n_routes > USER_ROUTES_MAX) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
			    "user: route: %u routes; DHCP has room for %d", config->n_routes,
			    USER_ROUTES_MAX);
		return false;
	}
	for (unsigned i = 0; i < config->n_routes; i++) {
		struct in_addr via = config->routes[i].via;
		char text[INET_ADDRSTRLEN];

		if (((via.s_addr ^ config->net.s_addr) & mask) == 0 && (via.s_addr & ~mask) &&
		    (via.s_addr & ~mask) != ~mask)
			continue;
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
			    "user: route: the router %s is not a host address in the network",
			    inet_ntop(AF_INET, &via, text, sizeof text));
		return false;
	}
	return true;
}
