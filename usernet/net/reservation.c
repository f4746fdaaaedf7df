/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/reservation.h"

#include <arpa/inet.h>

#include "base/hash.h"
#include "net/mac.h"

struct reservation_table {
	char *network;
	struct list all;       /* heads reservation::link, in the order added */
	struct list observers; /* heads reservation_observer::link */
	GHashTable *by_name;   /* reservation::name -> reservation, like the next two */
	GHashTable *by_mac;    /* &reservation::mac */
	GHashTable *by_v4;     /* address as a pointer; only reservations that have one */
	unsigned n_bound;      /* reservations with a netdev */
};

/*
 * A name is converted to lower case on entry, so that lookups need no copy; longer names are
 * invalid.
 */
#define LABEL_MAX 63 /* RFC 1035 2.3.4 */

static guint mac_hash(gconstpointer key)
{
	return (guint)hash_mix(*(const mac_t *)key ^ hash_seed());
}

static guint name_hash(gconstpointer key)
{
	return (guint)hash_bytes(hash_seed(), key, strlen(key));
}

static gpointer v4_key(struct in_addr addr)
{
	return GUINT_TO_POINTER(addr.s_addr);
}

struct reservation_table *reservation_table_new(const char *network)
{
	struct reservation_table *table = g_new0(struct reservation_table, 1);

	table->network = g_strdup(network);
	list_init(&table->all);
	list_init(&table->observers);
	table->by_name = g_hash_table_new(name_hash, g_str_equal);
	table->by_mac = g_hash_table_new(mac_hash, g_int64_equal);
	table->by_v4 = g_hash_table_new(NULL, NULL);
	return table;
}

static void reservation_free(struct reservation *r)
{
	g_free(r->name);
	g_free(r->netdev);
	g_free(r);
}

void reservation_table_free(struct reservation_table *table)
{
	if (!table)
		return;
	list_for_each_safe (r, &table->all, struct reservation, link)
		reservation_free(r);
	g_hash_table_destroy(table->by_name);
	g_hash_table_destroy(table->by_mac);
	g_hash_table_destroy(table->by_v4);
	g_free(table->network);
	g_free(table);
}

void reservation_observe(struct reservation_table *table, struct reservation_observer *observer)
{
	list_append(&table->observers, &observer->link);
}

/* --- names --- */

/* RFC 1123 2.1, in lower case. False: @text is not a label. */
static bool make_label(char out[LABEL_MAX + 1], const char *text)
{
	size_t len = strlen(text);

	if (len == 0 || len > LABEL_MAX || text[0] == '-' || text[len - 1] == '-')
		return false;
	for (size_t i = 0; i <= len; i++) {
		if (text[i] && !g_ascii_isalnum(text[i]) && text[i] != '-')
			return false;
		out[i] = g_ascii_tolower(text[i]);
	}
	return true;
}

/* A name that the name server answers itself. */
static bool is_ours(const char *label)
{
	return !strcmp(label, "gateway") || !strcmp(label, "host") || !strcmp(label, "dns") ||
	       !strcmp(label, "localhost");
}

/* --- adding and removing --- */

static bool refuse(GError **error, const char *name, const char *format, ...) G_GNUC_PRINTF(3, 4);

static bool refuse(GError **error, const char *name, const char *format, ...)
{
	g_autofree char *why = NULL;
	va_list args;

	va_start(args, format);
	why = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "guest '%s': %s", name, why);
	return false;
}

static bool check(const struct reservation_table *table, const struct reservation_spec *spec,
		  char label[LABEL_MAX + 1], GError **error)
{
	const struct reservation *other;
	char text[INET_ADDRSTRLEN];

	if (!make_label(label, spec->name))
		return refuse(error, spec->name,
			      "not a host name: 1 to 63 letters, digits and '-', with no '-' at "
			      "either end");
	if (is_ours(label))
		return refuse(error, label, "the name is the network's own; choose another");
	if (reservation_by_name(table, label))
		return refuse(error, label, "there is a guest of this name already");
	if (spec->mac && mac_is_multicast(spec->mac))
		return refuse(error, label, "mac=" MAC_FMT " is not a single machine's",
			      MAC_ARGS(spec->mac));
	other = spec->mac ? reservation_by_mac(table, spec->mac) : NULL;
	if (other)
		return refuse(error, label, "mac=" MAC_FMT " is guest '%s' already",
			      MAC_ARGS(spec->mac), other->name);
	other = spec->addr.s_addr ? reservation_by_v4(table, spec->addr) : NULL;
	if (other)
		return refuse(error, label, "ip=%s is guest '%s' already",
			      inet_ntop(AF_INET, &spec->addr, text, sizeof(text)), other->name);
	if (reservation_count(table) >= RESERVATION_MAX)
		return refuse(error, label, "there are already %d named guests", RESERVATION_MAX);
	return true;
}

static mac_t derive_mac(const struct reservation_table *table, const char *name)
{
	unsigned attempt = 0;
	mac_t mac = guest_mac_derive(table->network, name, attempt);

	while (reservation_by_mac(table, mac))
		mac = guest_mac_derive(table->network, name, ++attempt);
	return mac;
}

static void tell_removed(struct reservation_table *table, const struct reservation *r)
{
	list_for_each_safe (o, &table->observers, struct reservation_observer, link)
		if (o->removed)
			o->removed(o, r);
}

const struct reservation *reservation_add(struct reservation_table *table,
					  const struct reservation_spec *spec, GError **error)
{
	char label[LABEL_MAX + 1];
	struct reservation *r;

	if (!check(table, spec, label, error))
		return NULL;
	r = g_new0(struct reservation, 1);
	r->name = g_strdup(label);
	r->mac = spec->mac ? spec->mac : derive_mac(table, label);
	r->mac_given = spec->mac != 0;
	r->addr = spec->addr;
	r->addr_given = spec->addr.s_addr != 0;
	r->netdev = g_strdup(spec->netdev);
	r->outgoing = spec->outgoing;
	list_for_each (o, &table->observers, struct reservation_observer, link) {
		if (o->admit && !o->admit(o, r, error)) {
			tell_removed(table, r);
			reservation_free(r);
			return NULL;
		}
	}
	list_append(&table->all, &r->link);
	g_hash_table_insert(table->by_name, r->name, r);
	g_hash_table_insert(table->by_mac, &r->mac, r);
	if (r->addr.s_addr)
		g_hash_table_insert(table->by_v4, v4_key(r->addr), r);
	if (r->netdev)
		table->n_bound++;
	list_for_each_safe (o, &table->observers, struct reservation_observer, link)
		if (o->added)
			o->added(o, r);
	return r;
}

bool reservation_remove(struct reservation_table *table, const char *name)
{
	struct reservation *r = (struct reservation *)reservation_by_name(table, name);

	if (!r)
		return false;
	list_remove(&r->link);
	g_hash_table_remove(table->by_name, r->name);
	g_hash_table_remove(table->by_mac, &r->mac);
	if (r->addr.s_addr)
		g_hash_table_remove(table->by_v4, v4_key(r->addr));
	if (r->netdev)
		table->n_bound--;
	tell_removed(table, r);
	reservation_free(r);
	return true;
}

bool reservation_set_v4(struct reservation_table *table, const struct reservation *reservation,
			struct in_addr addr)
{
	struct reservation *r = (struct reservation *)reservation;

	if (r->addr.s_addr == addr.s_addr)
		return true;
	if (r->addr_given || reservation_by_v4(table, addr))
		return false;
	if (r->addr.s_addr)
		g_hash_table_remove(table->by_v4, v4_key(r->addr));
	r->addr = addr;
	if (addr.s_addr)
		g_hash_table_insert(table->by_v4, v4_key(addr), r);
	return true;
}

/* --- lookup --- */

const struct reservation *reservation_by_name(const struct reservation_table *table,
					      const char *name)
{
	char label[LABEL_MAX + 1];

	return make_label(label, name) ? g_hash_table_lookup(table->by_name, label) : NULL;
}

const struct reservation *reservation_by_mac(const struct reservation_table *table, mac_t mac)
{
	return g_hash_table_lookup(table->by_mac, &mac);
}

const struct reservation *reservation_by_v4(const struct reservation_table *table,
					    struct in_addr addr)
{
	return addr.s_addr ? g_hash_table_lookup(table->by_v4, v4_key(addr)) : NULL;
}

struct list *reservation_list(struct reservation_table *table)
{
	return &table->all;
}

unsigned reservation_count(const struct reservation_table *table)
{
	return g_hash_table_size(table->by_name);
}

bool reservation_allows_v4(const struct reservation_table *table, mac_t mac, struct in_addr addr)
{
	const struct reservation *r = reservation_by_v4(table, addr);

	return !r || r->mac == mac;
}

bool reservation_allows_name(const struct reservation_table *table, mac_t mac, const char *name)
{
	char label[LABEL_MAX + 1];
	const struct reservation *r;

	if (!make_label(label, name) || is_ours(label))
		return false;
	r = g_hash_table_lookup(table->by_name, label);
	return !r || r->mac == mac;
}

bool reservation_allows_netdev(const struct reservation_table *table, mac_t mac, const char *netdev)
{
	const struct reservation *r;

	if (!table->n_bound)
		return true; /* most networks: frames need no lookup */
	r = reservation_by_mac(table, mac);
	return !r || !r->netdev || !strcmp(r->netdev, netdev);
}
