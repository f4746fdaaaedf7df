/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/forwards.h"

#include <string.h>

#include "ctl/error.h"
#include "net/netdev.h"
#include "net/network.h"
#include "svc/gateway.h"
#include "svc/nat.h"
#include "svc/udp_forward.h"

struct forwards {
	struct netdev *netdev;
	struct nat *nat;
	struct udp_forwards *udp;
	struct in_addr host, guest; /* of rules that name none */
	struct fwd_table *table;
};

static struct nat_hostfwd to_nat(const struct fwd_listener *listener)
{
	return (struct nat_hostfwd){.host = listener->bound, .guest = listener->guest};
}

/* What a rule may ask for and the NAT cannot do, or NULL. */
static const char *beyond_nat(const struct fwd_listener *listener)
{
	if (listener->bound.sa.sa_family == AF_UNIX)
		return "unix sockets are not served by this version";
	if (listener->entry->rule.masquerade)
		return "masquerade=on is not served by this version";
	if (listener->bound.sa.sa_family != listener->guest.sa.sa_family)
		return "host and guest address of different families are not served by this "
		       "version";
	return NULL;
}

/* --- TCP, and unix on the host's side --- */

static bool bind_tcp(struct forwards *forwards, struct fwd_listener *listener, GError **error)
{
	struct nat_hostfwd fwd = to_nat(listener);
	const char *beyond = beyond_nat(listener);

	if (beyond) {
		g_set_error_literal(error, FWD_ERROR, FWD_ERROR_INVALID, beyond);
		return false;
	}
	return nat_hostfwd_add(forwards->nat, &fwd, &listener->bound, error);
}

static void unbind_tcp(struct forwards *forwards, struct fwd_listener *listener)
{
	struct nat_hostfwd fwd = to_nat(listener);

	nat_hostfwd_remove(forwards->nat, &fwd, &listener->bound);
}

/* --- UDP --- */

static bool bind_udp(struct forwards *forwards, struct fwd_listener *listener, GError **error)
{
	struct udp_forward_spec spec = {
		.host = listener->bound,
		.guest = listener->guest,
		.masquerade = listener->entry->rule.masquerade,
	};

	listener->data = udp_forward_add(forwards->udp, &spec, &listener->bound, error);
	return listener->data != NULL;
}

static void unbind_udp(struct fwd_listener *listener)
{
	udp_forward_remove(listener->data);
}

/* --- the table's backend --- */

static bool bind_rule(void *data, struct fwd_listener *listener, GError **error)
{
	return listener->entry->rule.udp ? bind_udp(data, listener, error)
					 : bind_tcp(data, listener, error);
}

static void unbind_rule(void *data, struct fwd_listener *listener)
{
	if (listener->entry->rule.udp)
		unbind_udp(listener);
	else
		unbind_tcp(data, listener);
}

static void emit(struct forwards *forwards, enum network_event_kind kind,
		 const struct fwd_entry *entry)
{
	g_autofree char *text = fwd_entry_format(entry);
	struct network_event event = {.kind = kind, .netdev = forwards->netdev, .text = text};

	network_emit(forwards->netdev->network, &event);
}

static void rule_removed(void *data, const struct fwd_entry *entry)
{
	emit(data, NETWORK_FORWARD_REMOVED, entry);
}

/* Without resolve: the NAT's listeners cannot follow a guest. */
static const struct fwd_backend backend = {
	.bind = bind_rule, .unbind = unbind_rule, .removed = rule_removed};

struct forwards *forwards_new(struct netdev *user, struct in_addr host, struct in_addr guest)
{
	struct forwards *forwards = g_new0(struct forwards, 1);

	forwards->netdev = user;
	forwards->nat = gateway_nat(gateway_from_netdev(user));
	forwards->udp = gateway_udp_forwards(gateway_from_netdev(user));
	forwards->host = host;
	forwards->guest = guest;
	forwards->table = fwd_table_new(&backend, forwards, guest);
	return forwards;
}

void forwards_free(struct forwards *forwards)
{
	if (!forwards)
		return;
	fwd_table_free(forwards->table);
	g_free(forwards);
}

const struct fwd_entry *forwards_add(struct forwards *forwards, const char *rule, GError **error)
{
	struct fwd_rule parsed;
	const struct fwd_entry *entry;

	if (!fwd_rule_parse(&parsed, rule, forwards->host, error))
		return NULL;
	entry = fwd_table_add(forwards->table, &parsed, error);
	if (entry)
		emit(forwards, NETWORK_FORWARD_ADDED, entry);
	return entry;
}

bool forwards_remove(struct forwards *forwards, const char *rule, GError **error)
{
	struct fwd_rule parsed;

	if (!fwd_rule_parse_host(&parsed, rule, forwards->host, error))
		return false;
	if (!fwd_table_remove(forwards->table, &parsed)) {
		g_set_error(error, CTL_ERROR, CTL_ERROR_NOT_FOUND,
			    "host forwarding rule for %s not found", rule);
		return false;
	}
	return true;
}

char *forwards_canonical(struct forwards *forwards, const char *rule, GError **error)
{
	struct fwd_rule parsed;

	if (!fwd_rule_parse(&parsed, rule, forwards->host, error))
		return NULL;
	if (parsed.guest.sa.sa_family == AF_INET && !parsed.guest.in.sin_addr.s_addr)
		parsed.guest.in.sin_addr = forwards->guest;
	return fwd_rule_format(&parsed);
}

GHashTable *forwards_canonicals(struct forwards *forwards)
{
	GHashTable *all = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	list_for_each (entry, forwards_entries(forwards), struct fwd_entry, link)
		g_hash_table_add(all, fwd_rule_format(&entry->rule));
	return all;
}

void forwards_drop(struct forwards *forwards, const char *canonical)
{
	list_for_each (entry, forwards_entries(forwards), struct fwd_entry, link) {
		g_autofree char *text = fwd_rule_format(&entry->rule);
		struct fwd_rule bound = entry->rule;

		if (strcmp(text, canonical))
			continue;
		/* Where it listens is its own; what was asked for, port 0, may be others' too. */
		bound.host = entry->bound;
		fwd_table_remove(forwards->table, &bound);
		return;
	}
}

struct list *forwards_entries(struct forwards *forwards)
{
	return fwd_table_entries(forwards->table);
}

char *forwards_format(const struct fwd_rule *rule, const struct sockaddr_any *bound)
{
	struct fwd_rule real = *rule;

	real.host = *bound;
	return fwd_rule_format(&real);
}
