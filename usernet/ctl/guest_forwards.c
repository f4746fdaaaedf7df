/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/guest_forwards.h"

#include <string.h>

#include "base/error.h"
#include "base/spawner.h"
#include "ctl/options/optstr.h"
#include "forward/guestfwd.h"
#include "fwd/rule.h"
#include "gateway/gateway.h"
#include "net/netdev.h"
#include "net/network.h"

struct guest_forwards {
	struct netdev *netdev;
	struct gateway *gateway;
	struct list entries; /* heads guest_forward::link */
};

/* --- rules --- */

static struct in6_addr server_addr(const struct fwd_guestfwd *rule)
{
	return rule->server.sa.sa_family == AF_INET6
		       ? rule->server.in6.sin6_addr
		       : address_map4(rule->server.in.sin_addr.s_addr);
}

static uint16_t server_port(const struct fwd_guestfwd *rule)
{
	return ntohs(rule->server.sa.sa_family == AF_INET6 ? rule->server.in6.sin6_port
							   : rule->server.in.sin_port);
}

/* Prefixes QEMU's message (QEMU net/slirp.c slirp_guestfwd) to the reason. */
static bool blame(const char *rule, GError **error)
{
	g_prefix_error(error,
		       "Conflicting/invalid host:port in guest forwarding rule '%s': ", rule);
	return false;
}

/* Fills in the default server address. */
static bool resolve(const struct user_config *config, struct fwd_guestfwd *rule, GError **error)
{
	struct in6_addr addr = server_addr(rule);

	if (!guestfwd_resolve(config, &addr, error))
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&addr))
		rule->server.in.sin_addr = address_v4(&addr);
	return true;
}

static bool parse(const struct user_config *config, const char *text, struct fwd_guestfwd *rule,
		  GError **error)
{
	if (!fwd_guestfwd_parse(rule, text, error))
		return false;
	if (resolve(config, rule, error))
		return true;
	fwd_guestfwd_clear(rule);
	return blame(text, error);
}

static bool same_server(const struct fwd_guestfwd *a, const struct fwd_guestfwd *b)
{
	return sockaddr_equal(&a->server, &b->server);
}

bool guest_forwards_check(const struct optstr *opts, const struct user_config *config,
			  GError **error)
{
	g_autofree const char **texts = optstr_all(opts, "guestfwd");
	struct user_config resolved = *config;
	g_autofree struct fwd_guestfwd *rules = NULL;
	unsigned n = 0, done = 0;
	bool ok = true;

	while (texts[n])
		n++;
	if (!n)
		return true;
	if (!user_config_resolve(&resolved, error))
		return false;
	rules = g_new0(struct fwd_guestfwd, n);
	for (; ok && done < n; done += ok) {
		ok = parse(&resolved, texts[done], &rules[done], error);
		for (unsigned i = 0; ok && i < done; i++) {
			if (!same_server(&rules[i], &rules[done]))
				continue;
			g_set_error(error, FWD_ERROR, FWD_ERROR_IN_USE,
				    "'%s' is for the same address and port", texts[i]);
			ok = blame(texts[done], error);
			fwd_guestfwd_clear(&rules[done]);
		}
	}
	for (unsigned i = 0; i < done; i++)
		fwd_guestfwd_clear(&rules[i]);
	return ok;
}

void guest_forwards_commands(const struct optstr *opts, GPtrArray *commands)
{
	g_autofree const char **texts = optstr_all(opts, "guestfwd");

	for (unsigned i = 0; texts[i]; i++) {
		struct fwd_guestfwd rule;

		if (!fwd_guestfwd_parse(&rule, texts[i], NULL))
			continue;
		if (rule.target == FWD_TARGET_COMMAND)
			g_ptr_array_add(commands, g_strdup(rule.command));
		fwd_guestfwd_clear(&rule);
	}
}

/* --- lifecycle --- */

struct guest_forwards *guest_forwards_new(struct netdev *user)
{
	struct guest_forwards *forwards = g_new0(struct guest_forwards, 1);

	forwards->netdev = user;
	forwards->gateway = gateway_from_netdev(user);
	list_init(&forwards->entries);
	return forwards;
}

static void emit(struct guest_forwards *forwards, enum network_event_kind kind,
		 const struct guest_forward *entry)
{
	struct network_event event = {
		.kind = kind, .netdev = forwards->netdev, .text = entry->text};

	network_emit(forwards->netdev->network, &event);
}

static void entry_free(struct guest_forward *entry)
{
	list_remove(&entry->link);
	guestfwd_remove(entry->fwd);
	fwd_guestfwd_clear(&entry->rule);
	g_free(entry->text);
	g_free(entry);
}

static void remove_entry(struct guest_forwards *forwards, struct guest_forward *entry)
{
	emit(forwards, NETWORK_FORWARD_REMOVED, entry);
	entry_free(entry);
}

void guest_forwards_free(struct guest_forwards *forwards)
{
	if (!forwards)
		return;
	list_for_each_safe (entry, &forwards->entries, struct guest_forward, link)
		remove_entry(forwards, entry);
	g_free(forwards);
}

const struct guest_forward *guest_forwards_add(struct guest_forwards *forwards, const char *rule,
					       GError **error)
{
	struct guest_forward *entry = g_new0(struct guest_forward, 1);
	struct guestfwd_spec spec;

	list_init(&entry->link);
	if (!parse(gateway_config(forwards->gateway), rule, &entry->rule, error)) {
		g_free(entry);
		return NULL;
	}
	entry->text = fwd_guestfwd_format(&entry->rule);
	spec = (struct guestfwd_spec){
		.addr = server_addr(&entry->rule),
		.port = server_port(&entry->rule),
		.command = entry->rule.command,
		.to = entry->rule.to,
		.text = entry->text,
	};
	entry->fwd = guestfwd_add(gateway_guestfwds(forwards->gateway), &spec, error);
	if (!entry->fwd) {
		fwd_guestfwd_clear(&entry->rule);
		g_free(entry->text);
		g_free(entry);
		blame(rule, error);
		return NULL;
	}
	list_append(&forwards->entries, &entry->link);
	emit(forwards, NETWORK_FORWARD_ADDED, entry);
	return entry;
}

bool guest_forwards_remove(struct guest_forwards *forwards, const char *rule, GError **error)
{
	struct fwd_guestfwd wanted;

	if (!fwd_guestfwd_parse_server(&wanted, rule, error))
		return false;
	if (!resolve(gateway_config(forwards->gateway), &wanted, error))
		return blame(rule, error);
	list_for_each (entry, &forwards->entries, struct guest_forward, link) {
		if (same_server(&entry->rule, &wanted)) {
			remove_entry(forwards, entry);
			return true;
		}
	}
	g_set_error(error, USERNET_ERROR, ERROR_NOT_FOUND, "guest forwarding rule for %s not found",
		    rule);
	return false;
}

char *guest_forwards_canonical(struct guest_forwards *forwards, const char *rule)
{
	struct fwd_guestfwd parsed;
	char *text;

	if (!parse(gateway_config(forwards->gateway), rule, &parsed, NULL))
		return NULL;
	text = fwd_guestfwd_format(&parsed);
	fwd_guestfwd_clear(&parsed);
	return text;
}

GHashTable *guest_forwards_canonicals(struct guest_forwards *forwards)
{
	GHashTable *all = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	list_for_each (entry, &forwards->entries, struct guest_forward, link)
		g_hash_table_add(all, g_strdup(entry->text));
	return all;
}

void guest_forwards_drop(struct guest_forwards *forwards, const char *text)
{
	list_for_each (entry, &forwards->entries, struct guest_forward, link) {
		if (!strcmp(entry->text, text)) {
			remove_entry(forwards, entry);
			return;
		}
	}
}

struct list *guest_forwards_entries(struct guest_forwards *forwards)
{
	return &forwards->entries;
}
