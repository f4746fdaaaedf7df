/* SPDX-License-Identifier: BSD-3-Clause */
#include "dns/records.h"

#include <string.h>

#include "base/hash.h"

struct dns_records {
	GHashTable *by_name; /* &dns_record_set::name -> set */
	GHashTable *by_addr; /* own struct dns_addr -> GArray of struct dns_name */
	GHashTable *above;   /* own struct dns_name -> number of names below it */
	unsigned n;
};

static guint addr_hash(gconstpointer key)
{
	const struct dns_addr *addr = key;

	return (guint)hash_bytes(hash_seed() + addr->v6, &addr->addr, sizeof(addr->addr));
}

static bool addr_equal(const struct dns_addr *a, const struct dns_addr *b)
{
	return a->v6 == b->v6 && memcmp(&a->addr, &b->addr, sizeof(a->addr)) == 0;
}

static gboolean addr_equal_key(gconstpointer a, gconstpointer b)
{
	return addr_equal(a, b);
}

static void set_free(gpointer data)
{
	struct dns_record_set *set = data;

	g_array_free(set->addrs, TRUE);
	g_free(set);
}

static void names_free(gpointer data)
{
	g_array_free(data, TRUE);
}

struct dns_records *dns_records_new(void)
{
	struct dns_records *records = g_new0(struct dns_records, 1);

	records->by_name = g_hash_table_new_full(dns_name_hash, dns_name_equal_key, NULL, set_free);
	records->by_addr = g_hash_table_new_full(addr_hash, addr_equal_key, g_free, names_free);
	records->above = g_hash_table_new_full(dns_name_hash, dns_name_equal_key, g_free, NULL);
	return records;
}

void dns_records_free(struct dns_records *records)
{
	g_hash_table_destroy(records->by_name);
	g_hash_table_destroy(records->by_addr);
	g_hash_table_destroy(records->above);
	g_free(records);
}

static bool is_wildcard(const struct dns_name *name)
{
	return name->wire[0] == 1 && name->wire[1] == '*';
}

/* --- parent names and addresses --- */

static void count_above(struct dns_records *records, const struct dns_name *name, int change)
{
	struct dns_name up = *name;

	while (up.len > 1) {
		guint n;

		dns_name_ancestor(&up, &up, 1);
		n = GPOINTER_TO_UINT(g_hash_table_lookup(records->above, &up)) + (guint)change;
		if (n)
			g_hash_table_replace(records->above, g_memdup2(&up, sizeof(up)),
					     GUINT_TO_POINTER(n));
		else
			g_hash_table_remove(records->above, &up);
	}
}

static void note_addr(struct dns_records *records, const struct dns_name *name,
		      const struct dns_addr *addr)
{
	GArray *names;

	if (is_wildcard(name))
		return;
	names = g_hash_table_lookup(records->by_addr, addr);
	if (!names) {
		names = g_array_new(FALSE, FALSE, sizeof(struct dns_name));
		g_hash_table_insert(records->by_addr, g_memdup2(addr, sizeof(*addr)), names);
	}
	g_array_append_val(names, *name);
}

static void forget_addr(struct dns_records *records, const struct dns_name *name,
			const struct dns_addr *addr)
{
	GArray *names = g_hash_table_lookup(records->by_addr, addr);

	for (guint i = 0; names && i < names->len; i++) {
		if (!dns_name_equal(&g_array_index(names, struct dns_name, i), name))
			continue;
		g_array_remove_index(names, i);
		if (!names->len)
			g_hash_table_remove(records->by_addr, addr);
		return;
	}
}

/* --- adding and removing --- */

bool dns_records_add(struct dns_records *records, const struct dns_name *name,
		     const struct dns_addr *addr, GError **error)
{
	struct dns_record_set *set = g_hash_table_lookup(records->by_name, name);

	if (records->n >= DNS_RECORDS_MAX) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
			    "there are %u records already, which is the limit", records->n);
		return false;
	}
	if (set && set->addrs->len >= DNS_RECORDS_PER_NAME_MAX) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
			    "the name has %u addresses already, which is the limit",
			    set->addrs->len);
		return false;
	}
	for (guint i = 0; set && i < set->addrs->len; i++) {
		if (addr_equal(&g_array_index(set->addrs, struct dns_addr, i), addr)) {
			g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
				    "the name has that address already");
			return false;
		}
	}
	if (!set) {
		set = g_new0(struct dns_record_set, 1);
		set->name = *name;
		set->addrs = g_array_new(FALSE, FALSE, sizeof(struct dns_addr));
		g_hash_table_insert(records->by_name, &set->name, set);
		count_above(records, name, 1);
	}
	g_array_append_val(set->addrs, *addr);
	note_addr(records, name, addr);
	records->n++;
	return true;
}

unsigned dns_records_remove(struct dns_records *records, const struct dns_name *name,
			    const struct dns_addr *addr)
{
	struct dns_record_set *set = g_hash_table_lookup(records->by_name, name);
	unsigned removed = 0;

	if (!set)
		return 0;
	for (guint i = set->addrs->len; i-- > 0;) {
		struct dns_addr *at = &g_array_index(set->addrs, struct dns_addr, i);

		if (addr && !addr_equal(at, addr))
			continue;
		forget_addr(records, name, at);
		g_array_remove_index(set->addrs, i);
		removed++;
	}
	records->n -= removed;
	if (!set->addrs->len) {
		count_above(records, name, -1);
		g_hash_table_remove(records->by_name, name);
	}
	return removed;
}

/* --- lookup --- */

const struct dns_record_set *dns_records_find(const struct dns_records *records,
					      const struct dns_name *name)
{
	return g_hash_table_lookup(records->by_name, name);
}

const struct dns_record_set *dns_records_wildcard(const struct dns_records *records,
						  const struct dns_name *name)
{
	struct dns_name up = *name, star;

	/* Most networks have no records: skip the walk up. */
	if (!records->n)
		return NULL;
	while (up.len > 1) {
		const struct dns_record_set *set;

		dns_name_ancestor(&up, &up, 1);
		if (!dns_name_prepend(&star, "*", &up))
			continue;
		set = g_hash_table_lookup(records->by_name, &star);
		if (set)
			return set;
	}
	return NULL;
}

bool dns_records_below(const struct dns_records *records, const struct dns_name *name)
{
	return g_hash_table_contains(records->above, name);
}

const struct dns_name *dns_records_by_addr(const struct dns_records *records,
					   const struct dns_addr *addr)
{
	GArray *names = g_hash_table_lookup(records->by_addr, addr);

	return names ? &g_array_index(names, struct dns_name, 0) : NULL;
}

unsigned dns_records_count(const struct dns_records *records)
{
	return records->n;
}

void dns_records_each(const struct dns_records *records,
		      void (*fn)(void *data, const struct dns_name *name,
				 const struct dns_addr *addr),
		      void *data)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, records->by_name);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct dns_record_set *set = value;

		for (guint i = 0; i < set->addrs->len; i++)
			fn(data, &set->name, &g_array_index(set->addrs, struct dns_addr, i));
	}
}
