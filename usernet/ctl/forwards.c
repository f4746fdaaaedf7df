/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/forwards.h"

#include "ctl/error.h"
#include "net/netdev.h"
#include "net/network.h"
#include "svc/gateway.h"
#include "svc/nat.h"

struct forwards {
	struct netdev *netdev;
	struct nat *nat;
	struct in_addr host;
	struct fwd_table *table;
};

static struct nat_hostfwd to_nat(const struct fwd_rule *rule)
{
	return (struct nat_hostfwd){.udp = rule->udp, .host = rule->host, .guest = rule->guest};
}

static bool bind_rule(void *data, const struct fwd_rule *rule, struct sockaddr_any *bound,
		      GError **error)
{
	struct forwards *forwards = data;
	struct nat_hostfwd fwd = to_nat(rule);

	return nat_hostfwd_add(forwards->nat, &fwd, bound, error);
}

static void emit(struct forwards *forwards, enum network_event_kind kind,
		 const struct fwd_rule *rule, const struct sockaddr_any *bound)
{
	g_autofree char *text = forwards_format(rule, bound);
	struct network_event event = {.kind = kind, .netdev = forwards->netdev, .text = text};

	network_emit(forwards->netdev->network, &event);
}

static void unbind_rule(void *data, const struct fwd_rule *rule, const struct sockaddr_any *bound)
{
	struct forwards *forwards = data;
	struct nat_hostfwd fwd = to_nat(rule);

	nat_hostfwd_remove(forwards->nat, &fwd, bound);
	emit(forwards, NETWORK_FORWARD_REMOVED, rule, bound);
}

static const struct fwd_backend backend = {.bind = bind_rule, .unbind = unbind_rule};

struct forwards *forwards_new(struct netdev *user, struct in_addr host, struct in_addr guest)
{
	struct forwards *forwards = g_new0(struct forwards, 1);

	forwards->netdev = user;
	forwards->nat = gateway_nat(gateway_from_netdev(user));
	forwards->host = host;
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
		emit(forwards, NETWORK_FORWARD_ADDED, &entry->rule, &entry->bound);
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
