/* SPDX-License-Identifier: BSD-3-Clause */
#include "passt_ports.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/sockaddr.h"

#define N_PORTS 65536

/* The guest's port of each host port; 0: the port is not forwarded. */
struct port_map {
	uint16_t to[N_PORTS];
	bool excluded[N_PORTS];
	bool has_ports; /* the list has parts that are not exclusions */
};

/* --- the list --- */

/* "22" or "22-80"; ports from 1. */
static bool parse_range(const char *text, struct port_range *range)
{
	g_auto(GStrv) ends = g_strsplit(text, "-", 2);
	guint64 first, last;

	if (!ends[0] || !g_ascii_string_to_unsigned(ends[0], 10, 1, 65535, &first, NULL))
		return false;
	last = first;
	if (ends[1] && !g_ascii_string_to_unsigned(ends[1], 10, first, 65535, &last, NULL))
		return false;
	*range = (struct port_range){(uint16_t)first, (uint16_t)last};
	return true;
}

static bool exclude(struct port_map *map, const char *part, GError **error)
{
	struct port_range range;

	if (!parse_range(part + 1, &range))
		return error_usage(error, "'%s' should be ~PORT or ~FIRST-LAST", part);
	for (unsigned port = range.first; port <= range.last; port++)
		map->excluded[port] = true;
	return true;
}

static bool include(struct port_map *map, const char *part, GError **error)
{
	g_auto(GStrv) sides = g_strsplit(part, ":", 2);
	struct port_range from, to;

	if (!sides[0] || !parse_range(sides[0], &from) || (sides[1] && !parse_range(sides[1], &to)))
		return error_usage(error,
				   "'%s' should be PORT or FIRST-LAST, from 1 to 65535, optionally "
				   "with :PORT or :FIRST-LAST for the guest's side",
				   part);
	if (!sides[1])
		to = from;
	if (port_range_count(from) != port_range_count(to))
		return error_usage(error, "'%s' should have equally many ports on both sides",
				   part);
	for (unsigned i = 0; i < port_range_count(from); i++) {
		if (map->to[from.first + i])
			return error_usage(error, "'%s': port %u is already in the list", part,
					   from.first + i);
		map->to[from.first + i] = (uint16_t)(to.first + i);
	}
	map->has_ports = true;
	return true;
}

static void include_all(struct port_map *map, const char *side, bool udp,
			const struct passt_host *host)
{
	for (unsigned port = 1; port < N_PORTS; port++) {
		bool ephemeral = port >= host->ephemeral.first && port <= host->ephemeral.last;

		if (!ephemeral && !map->excluded[port] && host->is_free(side, udp, (uint16_t)port))
			map->to[port] = (uint16_t)port;
	}
}

static bool parse_list(struct port_map *map, const char *list, GError **error)
{
	g_auto(GStrv) parts = g_strsplit(list, ",", -1);

	for (char **part = parts; *part; part++) {
		if (!(**part == '~' ? exclude(map, *part, error) : include(map, *part, error)))
			return false;
	}
	return true;
}

/* Adds one rule per run of ports with the same distance to the guest's. */
static void add_rules(GPtrArray *rules, const struct port_map *map, bool udp, const char *side,
		      const char *guest)
{
	unsigned port = 1;

	while (port < N_PORTS) {
		unsigned first = port++;
		char from[PORT_RANGE_TEXT], to[PORT_RANGE_TEXT];

		if (!map->to[first] || map->excluded[first])
			continue;
		while (port < N_PORTS && map->to[port] && !map->excluded[port] &&
		       map->to[port] == map->to[first] + (port - first))
			port++;
		port_range_format(from, (struct port_range){(uint16_t)first, (uint16_t)(port - 1)});
		port_range_format(to, (struct port_range){map->to[first], map->to[port - 1]});
		g_ptr_array_add(rules, g_strdup_printf("%s:%s:%s-%s:%s", udp ? "udp" : "tcp", side,
						       from, guest, to));
	}
}

/* --- the address --- */

/* The part before "/", as the host side of a rule. NULL: @error. */
static char *parse_address(const char *text, GError **error)
{
	struct in_addr v4;
	struct in6_addr v6;
	const char *scope = strchr(text, '%');
	g_autofree char *plain = g_strndup(text, strcspn(text, "%"));

	if (inet_pton(AF_INET, plain, &v4) == 1 && !scope)
		return g_strdup(plain);
	if (inet_pton(AF_INET6, plain, &v6) == 1 && (!scope || IN6_IS_ADDR_LINKLOCAL(&v6)))
		return g_strdup_printf("[%s]", text);
	if (scope)
		error_usage(error,
			    "'%s': usernet cannot bind a forward to an interface; use its address",
			    text);
	else
		error_usage(error, "'%s' should be an IPv4 or IPv6 address of this host", text);
	return NULL;
}

bool passt_ports_rules(GPtrArray *rules, const char *spec, bool udp, const char *any,
		       const char *guest, const struct passt_host *host, GError **error)
{
	const char *slash = strrchr(spec, '/'), *list = slash ? slash + 1 : spec;
	g_autofree char *address = g_strndup(spec, slash ? (gsize)(slash - spec) : 0);
	g_autofree char *side = slash ? parse_address(address, error) : g_strdup(any);
	g_autofree struct port_map *map = NULL;

	if (!side)
		return false;
	if (!strcmp(spec, "none"))
		return true;
	if (!strcmp(list, "auto"))
		return error_usage(error, "'auto': usernet does not see which ports the guest "
					  "listens on; write 'all' or a list");
	if (!*list)
		return error_usage(error, "'%s' should be none, all or a list of ports", spec);
	map = g_new0(struct port_map, 1);
	if (strcmp(list, "all") && !parse_list(map, list, error))
		return false;
	if (!map->has_ports)
		include_all(map, side, udp, host);
	add_rules(rules, map, udp, side, guest);
	return true;
}

/* --- the local host --- */

static bool can_bind(const struct sockaddr_any *addr, bool udp)
{
	autofd int fd = socket(addr->sa.sa_family, udp ? SOCK_DGRAM : SOCK_STREAM, 0);
	int on = 1;

	if (fd < 0)
		return false;
	/* Bind like usernet's listeners: one per family; old connections do not conflict. */
	if (!udp)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (addr->sa.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	return bind(fd, &addr->sa, addr->len) == 0 && (udp || listen(fd, 1) == 0);
}

static bool is_free(const char *host, bool udp, uint16_t port)
{
	struct sockaddr_any addr;
	char text[8];

	snprintf(text, sizeof(text), "%u", port);
	if (strcmp(host, "*"))
		return sockaddr_inet(&addr, host, text, NULL) && can_bind(&addr, udp);
	return sockaddr_inet(&addr, "0.0.0.0", text, NULL) && can_bind(&addr, udp) &&
	       sockaddr_inet(&addr, "::", text, NULL) && can_bind(&addr, udp);
}

void passt_host_init(struct passt_host *host)
{
	FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
	unsigned first = 32768, last = 60999; /* Linux defaults */

	if (file) {
		if (fscanf(file, "%u %u", &first, &last) != 2 || last > 65535) {
			first = 32768;
			last = 60999;
		}
		fclose(file);
	}
	host->ephemeral = (struct port_range){(uint16_t)first, (uint16_t)last};
	host->is_free = is_free;
}
