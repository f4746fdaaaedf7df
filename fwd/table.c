/* SPDX-License-Identifier: BSD-3-Clause */
#include "fwd/table.h"

#include <string.h>

#include "fwd/cursor.h"
#include "fwd/overlap.h"

struct fwd_table {
	const struct fwd_backend *backend;
	void *data;
	struct in_addr guest_default;
	struct list entries; /* heads fwd_entry::link */
};

/* "*" with port 0: the port chosen for IPv4 may be in use for IPv6; then try another. */
#define PORT_TRIES 16

struct fwd_table *fwd_table_new(const struct fwd_backend *backend, void *data,
				struct in_addr guest_default)
{
	struct fwd_table *table = g_new0(struct fwd_table, 1);

	table->backend = backend;
	table->data = data;
	table->guest_default = guest_default;
	list_init(&table->entries);
	return table;
}

static void entry_free(struct fwd_entry *entry)
{
	g_free(entry->listeners);
	g_free(entry);
}

static void unbind_first(struct fwd_table *table, struct fwd_entry *entry, unsigned n)
{
	while (n)
		table->backend->unbind(table->data, &entry->listeners[--n]);
}

static void remove_entry(struct fwd_table *table, struct fwd_entry *entry)
{
	list_remove(&entry->link);
	unbind_first(table, entry, entry->n_listeners);
	if (table->backend->removed)
		table->backend->removed(table->data, entry);
	entry_free(entry);
}

void fwd_table_free(struct fwd_table *table)
{
	if (!table)
		return;
	list_for_each_safe (entry, &table->entries, struct fwd_entry, link)
		remove_entry(table, entry);
	g_free(table);
}

/* The rule with its actual port. */
static struct fwd_rule bound_rule(const struct fwd_entry *entry)
{
	struct fwd_rule rule = entry->rule;

	rule.host = entry->bound;
	return rule;
}

char *fwd_entry_format(const struct fwd_entry *entry)
{
	struct fwd_rule rule = bound_rule(entry);

	return fwd_rule_format(&rule);
}

/* --- guest addresses --- */

/* @host's family if the guest has it, else the other; the any address when it has neither. */
static struct sockaddr_any choose_address(const struct sockaddr_any *host,
					  const struct fwd_guest *guest)
{
	bool has_v6 = !IN6_IS_ADDR_UNSPECIFIED(&guest->v6);
	struct sockaddr_any out;

	if (has_v6 && (host->sa.sa_family == AF_INET6 || !guest->v4.s_addr))
		fwd_set_v6(&out, &guest->v6);
	else
		fwd_set_v4(&out, guest->v4);
	return out;
}

/*
 * Listeners are in port order, for "*" each IPv4 listener before its twin, so @i gives the port's
 * position in the range.
 */
static struct sockaddr_any lead_to(const struct fwd_entry *entry, unsigned i,
				   const struct fwd_guest *guest)
{
	struct sockaddr_any out = choose_address(&entry->listeners[i].bound, guest);
	unsigned nth = i / (entry->rule.both ? 2 : 1);

	fwd_set_port(&out, (uint16_t)(fwd_get_port(&entry->rule.guest) + nth));
	return out;
}

static bool find_guest(struct fwd_table *table, const struct fwd_rule *rule,
		       struct fwd_guest *guest, GError **error)
{
	*guest = (struct fwd_guest){.v4 = {0}};
	if (rule->guest_name[0] && !table->backend->resolve) {
		g_set_error(error, FWD_ERROR, FWD_ERROR_INVALID,
			    "guests by name are not served here: an address is needed in place of "
			    "'%s'",
			    rule->guest_name);
		return false;
	}
	if (rule->guest_name[0])
		return table->backend->resolve(table->data, rule->guest_name, guest, error);
	if (rule->guest.sa.sa_family == AF_INET6)
		guest->v6 = rule->guest.in6.sin6_addr;
	else
		guest->v4 =
			fwd_is_any(&rule->guest) ? table->guest_default : rule->guest.in.sin_addr;
	return true;
}

/* --- adding --- */

static struct fwd_entry *entry_new(const struct fwd_rule *rule, const struct fwd_guest *guest)
{
	struct fwd_entry *entry = g_new0(struct fwd_entry, 1);
	unsigned per_port = rule->both ? 2 : 1;
	uint16_t first = fwd_get_port(&rule->host);

	entry->rule = *rule;
	entry->n_listeners = rule->n_ports * per_port;
	entry->listeners = g_new0(struct fwd_listener, entry->n_listeners);
	list_init(&entry->link);
	for (unsigned i = 0; i < entry->n_listeners; i++) {
		struct fwd_listener *listener = &entry->listeners[i];

		listener->entry = entry;
		listener->bound = i % per_port ? fwd_twin(&rule->host) : rule->host;
		fwd_set_port(&listener->bound, (uint16_t)(first + i / per_port));
		listener->guest = lead_to(entry, i, guest);
	}
	entry->bound = entry->listeners[0].bound;
	entry->rule.guest = entry->listeners[0].guest;
	return entry;
}

/* Binds all listeners or none; *@bound is the number bound before the failure. */
static bool bind_once(struct fwd_table *table, struct fwd_entry *entry, unsigned *bound,
		      GError **error)
{
	bool chosen = !fwd_get_port(&entry->rule.host);

	for (*bound = 0; *bound < entry->n_listeners; ++*bound) {
		struct fwd_listener *listener = &entry->listeners[*bound];

		if (chosen && *bound) /* the IPv6 twin, at the port chosen for IPv4 */
			fwd_set_port(&listener->bound, fwd_get_port(&entry->listeners[0].bound));
		if (!table->backend->bind(table->data, listener, error)) {
			unbind_first(table, entry, *bound);
			return false;
		}
	}
	return true;
}

static bool bind_all(struct fwd_table *table, struct fwd_entry *entry, GError **error)
{
	bool chosen = entry->rule.both && !fwd_get_port(&entry->rule.host);

	for (unsigned tries = chosen ? PORT_TRIES : 1;; tries--) {
		g_autoptr(GError) why = NULL;
		unsigned bound;

		if (bind_once(table, entry, &bound, &why)) {
			entry->bound = entry->listeners[0].bound;
			return true;
		}
		/* If the first listener failed, another port would not help. */
		if (tries <= 1 || !bound) {
			g_propagate_error(error, g_steal_pointer(&why));
			return false;
		}
		fwd_set_port(&entry->listeners[0].bound, 0);
		for (unsigned i = 0; i < entry->n_listeners; i++)
			entry->listeners[i].data = NULL;
	}
}

static bool check_overlap(const struct fwd_table *table, const struct fwd_rule *rule,
			  GError **error)
{
	list_for_each (entry, &table->entries, struct fwd_entry, link) {
		struct fwd_rule other = bound_rule(entry);
		g_autofree char *holder = NULL;
		uint16_t port;

		if (!fwd_rules_overlap(&other, rule, &port))
			continue;
		holder = fwd_rule_format(&other);
		if (!port)
			g_set_error(error, FWD_ERROR, FWD_ERROR_IN_USE,
				    "the path is taken by rule '%s'", holder);
		else if (rule->n_ports == 1)
			g_set_error(error, FWD_ERROR, FWD_ERROR_IN_USE,
				    "the port is taken by rule '%s'", holder);
		else
			g_set_error(error, FWD_ERROR, FWD_ERROR_IN_USE,
				    "port %u is taken by rule '%s'", port, holder);
		return false;
	}
	return true;
}

const struct fwd_entry *fwd_table_add(struct fwd_table *table, const struct fwd_rule *rule,
				      GError **error)
{
	struct fwd_entry *entry = NULL;
	struct fwd_guest guest;
	g_autofree char *text = NULL;

	if (check_overlap(table, rule, error) && find_guest(table, rule, &guest, error)) {
		entry = entry_new(rule, &guest);
		if (bind_all(table, entry, error)) {
			list_append(&table->entries, &entry->link);
			return entry;
		}
		entry_free(entry);
	}
	text = fwd_rule_format(rule);
	g_prefix_error(error, "Could not set up host forwarding rule '%s': ", text);
	return NULL;
}

/* --- removing --- */

static struct fwd_entry *find_host(const struct fwd_table *table, const struct fwd_rule *host)
{
	/* Prefer a match by the actual port: several rules may have asked for port 0. */
	list_for_each (entry, &table->entries, struct fwd_entry, link) {
		struct fwd_rule bound = bound_rule(entry);

		if (fwd_rules_same_host(&bound, host))
			return entry;
	}
	list_for_each (entry, &table->entries, struct fwd_entry, link) {
		if (fwd_rules_same_host(&entry->rule, host))
			return entry;
	}
	return NULL;
}

bool fwd_table_remove(struct fwd_table *table, const struct fwd_rule *host)
{
	struct fwd_entry *entry = find_host(table, host);

	if (!entry && host->host_left_out && host->host.sa.sa_family == AF_INET) {
		struct fwd_rule twin = *host;

		twin.host = fwd_twin(&host->host);
		entry = find_host(table, &twin);
		if (entry && !entry->rule.host_left_out)
			entry = NULL;
	}
	if (entry)
		remove_entry(table, entry);
	return entry != NULL;
}

struct list *fwd_table_entries(struct fwd_table *table)
{
	return &table->entries;
}

/* --- names --- */

static unsigned lead_all(struct fwd_table *table, struct fwd_entry *entry,
			 const struct fwd_guest *guest)
{
	unsigned moved = 0;

	for (unsigned i = 0; i < entry->n_listeners; i++) {
		struct fwd_listener *listener = &entry->listeners[i];
		struct sockaddr_any from = listener->guest;

		listener->guest = lead_to(entry, i, guest);
		if (sockaddr_equal(&listener->guest, &from))
			continue;
		if (i == 0)
			entry->rule.guest = listener->guest;
		table->backend->retarget(table->data, listener, &from);
		moved++;
	}
	return moved;
}

unsigned fwd_table_guest_moved(struct fwd_table *table, const char *name,
			       const struct fwd_guest *guest)
{
	unsigned moved = 0;

	list_for_each (entry, &table->entries, struct fwd_entry, link) {
		if (strcmp(entry->rule.guest_name, name) == 0)
			moved += lead_all(table, entry, guest);
	}
	return moved;
}

unsigned fwd_table_follow(struct fwd_table *table)
{
	unsigned moved = 0;

	list_for_each (entry, &table->entries, struct fwd_entry, link) {
		struct fwd_guest guest;

		if (entry->rule.guest_name[0] &&
		    table->backend->resolve(table->data, entry->rule.guest_name, &guest, NULL))
			moved += lead_all(table, entry, &guest);
	}
	return moved;
}

unsigned fwd_table_guest_uses(const struct fwd_table *table, const char *name)
{
	unsigned uses = 0;

	list_for_each (entry, &table->entries, struct fwd_entry, link)
		uses += !strcmp(entry->rule.guest_name, name);
	return uses;
}
