/* SPDX-License-Identifier: BSD-3-Clause */
#include "fwd/table.h"

#include <string.h>

struct fwd_table {
	const struct fwd_backend *backend;
	void *data;
	struct in_addr guest_default;
	struct list entries; /* heads fwd_entry::link */
};

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

static void remove_entry(struct fwd_table *table, struct fwd_entry *entry)
{
	list_remove(&entry->link);
	table->backend->unbind(table->data, &entry->rule, &entry->bound);
	g_free(entry);
}

void fwd_table_free(struct fwd_table *table)
{
	if (!table)
		return;
	list_for_each_safe (entry, &table->entries, struct fwd_entry, link)
		remove_entry(table, entry);
	g_free(table);
}

static bool is_any(const struct sockaddr_any *addr)
{
	return addr->sa.sa_family == AF_INET6 ? IN6_IS_ADDR_UNSPECIFIED(&addr->in6.sin6_addr)
					      : addr->in.sin_addr.s_addr == INADDR_ANY;
}

static bool same_port(const struct sockaddr_any *a, const struct sockaddr_any *b)
{
	return a->sa.sa_family == AF_INET6 ? a->in6.sin6_port == b->in6.sin6_port
					   : a->in.sin_port == b->in.sin_port;
}

static bool port_is_zero(const struct sockaddr_any *addr)
{
	return addr->sa.sa_family == AF_INET6 ? addr->in6.sin6_port == 0 : addr->in.sin_port == 0;
}

/*
 * Would both take the same connections? The kernel would say so too, but not for UDP, where
 * SO_REUSEADDR (libslirp udp.c udpx_listen) lets the later one steal from the earlier.
 */
static bool overlap(const struct sockaddr_any *a, const struct sockaddr_any *b)
{
	if (a->sa.sa_family != b->sa.sa_family || !same_port(a, b) || port_is_zero(a))
		return false;
	return is_any(a) || is_any(b) || sockaddr_equal(a, b);
}

static const struct fwd_entry *find_overlap(const struct fwd_table *table,
					    const struct fwd_rule *rule)
{
	list_for_each (entry, &table->entries, struct fwd_entry, link)
		if (entry->rule.udp == rule->udp && overlap(&entry->bound, &rule->host))
			return entry;
	return NULL;
}

/* For messages: with the port it really listens on. */
static char *format_bound(const struct fwd_entry *entry)
{
	struct fwd_rule rule = entry->rule;

	rule.host = entry->bound;
	return fwd_rule_format(&rule);
}

const struct fwd_entry *fwd_table_add(struct fwd_table *table, const struct fwd_rule *rule,
				      GError **error)
{
	struct fwd_entry *entry = g_new0(struct fwd_entry, 1);
	const struct fwd_entry *other = find_overlap(table, rule);
	g_autofree char *text = fwd_rule_format(rule);

	entry->rule = *rule;
	entry->bound = rule->host;
	list_init(&entry->link);
	if (entry->rule.guest.sa.sa_family == AF_INET && is_any(&entry->rule.guest))
		entry->rule.guest.in.sin_addr = table->guest_default;
	if (other) {
		g_autofree char *holder = format_bound(other);

		g_set_error(error, FWD_ERROR, FWD_ERROR_IN_USE,
			    "Could not set up host forwarding rule '%s': "
			    "the port is taken by rule '%s'",
			    text, holder);
	} else if (table->backend->bind(table->data, &entry->rule, &entry->bound, error)) {
		list_append(&table->entries, &entry->link);
		return entry;
	} else {
		g_prefix_error(error, "Could not set up host forwarding rule '%s': ", text);
	}
	g_free(entry);
	return NULL;
}

bool fwd_table_remove(struct fwd_table *table, const struct fwd_rule *host)
{
	/* Where one listens tells more than what was asked for: port 0 may stand in several rules.
	 */
	list_for_each (entry, &table->entries, struct fwd_entry, link) {
		if (entry->rule.udp == host->udp && sockaddr_equal(&entry->bound, &host->host)) {
			remove_entry(table, entry);
			return true;
		}
	}
	list_for_each (entry, &table->entries, struct fwd_entry, link) {
		if (entry->rule.udp == host->udp &&
		    sockaddr_equal(&entry->rule.host, &host->host)) {
			remove_entry(table, entry);
			return true;
		}
	}
	return false;
}

struct list *fwd_table_entries(struct fwd_table *table)
{
	return &table->entries;
}
