/* SPDX-License-Identifier: BSD-3-Clause */
#include "forward/guestfwd.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/resource.h>

#include "base/spawner.h"
#include "dhcp/lease.h"
#include "forward/guestfwd_priv.h"
#include "net/guard.h"
#include "net/guest.h"
#include "net/network.h"
#include "net/reservation.h"
#include "net/served.h"
#include "net/user_config.h"

#define SERVER_DEFAULT 0x0204 /* x.x.2.4, or its last byte (libslirp slirp.c check_guestfwd) */

static bool refuse(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static bool refuse(GError **error, const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error_literal(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, text);
	return false;
}

/* --- addresses --- */

static const char *addr_text(const struct in6_addr *addr, char text[INET6_ADDRSTRLEN])
{
	if (IN6_IS_ADDR_V4MAPPED(addr))
		return inet_ntop(AF_INET, &addr->s6_addr[12], text, INET6_ADDRSTRLEN);
	return inet_ntop(AF_INET6, addr, text, INET6_ADDRSTRLEN);
}

static bool resolve_v4(const struct user_config *config, struct in6_addr *addr, GError **error)
{
	uint32_t mask = ~UINT32_C(0) << (32 - config->net_len), net = ntohl(config->net.s_addr);
	uint32_t server = ntohl(address_v4(addr).s_addr);
	char text[INET6_ADDRSTRLEN], net_text[INET6_ADDRSTRLEN];

	if (!config->ipv4)
		return refuse(error, "the network has no IPv4");
	if (!server) {
		server = net | (SERVER_DEFAULT & ~mask);
		*addr = address_map4(htonl(server));
	}
	if ((server & mask) != net || server == net || server == (net | ~mask))
		return refuse(error, "%s is not a host's address in the network %s/%u",
			      addr_text(addr, text),
			      inet_ntop(AF_INET, &config->net, net_text, sizeof(net_text)),
			      config->net_len);
	if (server == ntohl(config->host.s_addr) || server == ntohl(config->dns.s_addr))
		return refuse(error, "%s is the %s's; another address of the network is needed",
			      addr_text(addr, text),
			      server == ntohl(config->host.s_addr) ? "gateway" : "name server");
	return true;
}

static bool resolve_v6(const struct user_config *config, const struct in6_addr *addr,
		       GError **error)
{
	bool in_net = address_in_prefix(addr, &config->net6, config->net6_len);
	char text[INET6_ADDRSTRLEN], net[INET6_ADDRSTRLEN];

	if (!config->ipv6)
		return refuse(error, "the network has no IPv6");
	/* The first address of a prefix is any router's (RFC 4291 2.6.1). */
	if (!in_net || IN6_ARE_ADDR_EQUAL(addr, &config->net6))
		return refuse(error, "%s is not a host's address in the network %s/%u",
			      addr_text(addr, text),
			      inet_ntop(AF_INET6, &config->net6, net, sizeof(net)),
			      config->net6_len);
	if (IN6_ARE_ADDR_EQUAL(addr, &config->host6) || IN6_ARE_ADDR_EQUAL(addr, &config->dns6))
		return refuse(error, "%s is the %s's; another address of the network is needed",
			      addr_text(addr, text),
			      IN6_ARE_ADDR_EQUAL(addr, &config->host6) ? "gateway" : "name server");
	return true;
}

bool guestfwd_resolve(const struct user_config *config, struct in6_addr *addr, GError **error)
{
	return IN6_IS_ADDR_V4MAPPED(addr) ? resolve_v4(config, addr, error)
					  : resolve_v6(config, addr, error);
}

/* Does the address belong to nothing else? */
static bool check_free(const struct guestfwds *all, const struct in6_addr *addr, GError **error)
{
	const struct network *network = all->env.network;
	bool v4 = IN6_IS_ADDR_V4MAPPED(addr);
	const struct reservation *reservation =
		v4 ? reservation_by_v4(network->reservations, address_v4(addr)) : NULL;
	const struct guest *guest = v4 ? guest_by_v4(network->guests, address_v4(addr))
				       : guest_by_v6(network->guests, addr);
	char text[INET6_ADDRSTRLEN];

	addr_text(addr, text);
	if (reservation)
		return refuse(error, "%s is guest '%s''s; choose another", text, reservation->name);
	if (guest)
		return refuse(error, "%s is used by the guest " MAC_FMT "; choose another", text,
			      MAC_ARGS(guest->mac));
	return true;
}

/* Makes the gateway answer for the address. */
static bool acquire(struct guestfwds *all, const struct in6_addr *addr, GError **error)
{
	const struct guestfwd_env *env = &all->env;
	bool v4 = IN6_IS_ADDR_V4MAPPED(addr);

	if (served_has(env->served, addr)) {
		served_add(env->served, addr);
		return true;
	}
	if (!check_free(all, addr, error))
		return false;
	if (v4 && !lease_pool_hold(env->pool, address_v4(addr), loop_now(env->network->loop)))
		return refuse(error, "its address is reserved; choose another");
	served_add(env->served, addr);
	if (v4)
		guard_protect_v4(env->network->guard, address_v4(addr));
	else
		guard_protect_v6(env->network->guard, addr);
	return true;
}

static void release(struct guestfwds *all, const struct in6_addr *addr)
{
	const struct guestfwd_env *env = &all->env;

	if (!served_remove(env->served, addr))
		return;
	if (IN6_IS_ADDR_V4MAPPED(addr)) {
		guard_unprotect_v4(env->network->guard, address_v4(addr));
		lease_pool_let(env->pool, address_v4(addr));
	} else {
		guard_unprotect_v6(env->network->guard, addr);
	}
}

/* --- rules --- */

static const struct guestfwd *find(const struct guestfwds *all, const struct in6_addr *addr,
				   uint16_t port, unsigned *n)
{
	const struct guestfwd *found = NULL;

	*n = 0;
	list_for_each (fwd, &all->rules, struct guestfwd, link) {
		(*n)++;
		if (fwd->port == port && IN6_ARE_ADDR_EQUAL(&fwd->addr, addr))
			found = fwd;
	}
	return found;
}

static bool check(const struct guestfwds *all, const struct guestfwd_spec *spec, GError **error)
{
	char text[INET6_ADDRSTRLEN];
	unsigned n;
	const struct guestfwd *other = find(all, &spec->addr, spec->port, &n);

	if (other)
		return refuse(error, "%s port %u has a rule already, '%s'",
			      addr_text(&spec->addr, text), spec->port, other->text);
	if (n >= GUESTFWD_RULES)
		return refuse(error, "there are %d rules already, which is the limit",
			      GUESTFWD_RULES);
	return !spec->command || spawner_takes(all->env.network->spawner, spec->command, error);
}

struct guestfwd *guestfwd_add(struct guestfwds *all, const struct guestfwd_spec *spec,
			      GError **error)
{
	struct guestfwd_spec resolved = *spec;
	struct guestfwd *fwd;

	if (!guestfwd_resolve(all->env.config, &resolved.addr, error) ||
	    !check(all, &resolved, error) || !acquire(all, &resolved.addr, error))
		return NULL;
	fwd = g_new0(struct guestfwd, 1);
	fwd->all = all;
	fwd->addr = resolved.addr;
	fwd->port = spec->port;
	fwd->command = g_strdup(spec->command);
	fwd->to = spec->to;
	fwd->text = g_strdup(spec->text);
	guestfwd_init_conns(fwd);
	list_append(&all->rules, &fwd->link);
	return fwd;
}

void guestfwd_remove(struct guestfwd *fwd)
{
	guestfwd_reset_conns(fwd);
	list_remove(&fwd->link);
	release(fwd->all, &fwd->addr);
	g_free(fwd->command);
	g_free(fwd->text);
	g_free(fwd);
}

struct guestfwd_counts guestfwd_counts(const struct guestfwd *fwd)
{
	return fwd->counts;
}

/* --- all --- */

struct guestfwds *guestfwds_new(const struct guestfwd_env *env)
{
	struct guestfwds *all = g_new0(struct guestfwds, 1);
	struct rlimit limit;

	all->env = *env;
	list_init(&all->rules);
	all->per_port = g_hash_table_new(NULL, NULL);
	all->max_open = GUESTFWD_MAX;
	/* A connection may cost three descriptors; leave some for other uses. */
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur / 8 < GUESTFWD_MAX)
		all->max_open = (unsigned)limit.rlim_cur / 8;
	return all;
}

void guestfwds_free(struct guestfwds *all)
{
	if (!all)
		return;
	list_for_each_safe (fwd, &all->rules, struct guestfwd, link)
		guestfwd_remove(fwd);
	g_hash_table_unref(all->per_port);
	g_free(all);
}
