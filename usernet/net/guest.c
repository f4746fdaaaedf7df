/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/guest.h"

#include "base/hash.h"
#include "net/port.h"
#include "net/reservation.h"

struct observer {
	const struct guest_observer *ops;
	void *data;
};

struct guest_table {
	struct list guests;  /* heads guest::link */
	GHashTable *by_mac;  /* &guest::mac -> guest */
	GHashTable *by_v4;   /* address as a pointer -> guest */
	GHashTable *by_v6;   /* copy of the address, owned -> guest */
	GHashTable *by_name; /* lower-case copy of the name, owned -> guest */
	GArray *observers;
	struct reservation_table *reservations; /* NULL: none */
	struct reservation_observer reservation_observer;
};

static guint mac_hash(gconstpointer key)
{
	return (guint)hash_mix(*(const mac_t *)key ^ hash_seed());
}

static guint v4_hash(gconstpointer key)
{
	return (guint)hash_mix((uintptr_t)key ^ hash_seed());
}

static guint v6_hash(gconstpointer key)
{
	return (guint)hash_bytes(hash_seed(), key, 16);
}

static gboolean v6_equal(gconstpointer a, gconstpointer b)
{
	return !memcmp(a, b, 16);
}

static guint name_hash(gconstpointer key)
{
	return (guint)hash_bytes(hash_seed(), key, strlen(key));
}

static gpointer v4_key(struct in_addr addr)
{
	return GUINT_TO_POINTER(addr.s_addr);
}

struct guest_table *guest_table_new(void)
{
	struct guest_table *table = g_new0(struct guest_table, 1);

	list_init(&table->guests);
	table->by_mac = g_hash_table_new(mac_hash, g_int64_equal);
	table->by_v4 = g_hash_table_new(v4_hash, g_direct_equal);
	table->by_v6 = g_hash_table_new_full(v6_hash, v6_equal, g_free, NULL);
	table->by_name = g_hash_table_new_full(name_hash, g_str_equal, g_free, NULL);
	table->observers = g_array_new(FALSE, FALSE, sizeof(struct observer));
	list_init(&table->reservation_observer.link);
	return table;
}

void guest_table_observe(struct guest_table *table, const struct guest_observer *ops, void *data)
{
	struct observer observer = {.ops = ops, .data = data};

	g_array_append_val(table->observers, observer);
}

#define TELL(table, what, guest)                                                                   \
	for (guint tell_i = 0; tell_i < (table)->observers->len; tell_i++) {                       \
		const struct observer *o =                                                         \
			&g_array_index((table)->observers, struct observer, tell_i);               \
		if (o->ops->what)                                                                  \
			o->ops->what(o->data, guest);                                              \
	}

/* --- adding and removing --- */

static void forget_name(struct guest_table *table, struct guest *guest)
{
	g_autofree char *key = NULL;

	if (!guest->name)
		return;
	key = g_ascii_strdown(guest->name, -1);
	g_hash_table_remove(table->by_name, key);
	g_clear_pointer(&guest->name, g_free);
}

static void take_name(struct guest_table *table, struct guest *guest, const char *name)
{
	forget_name(table, guest);
	guest->name = g_strdup(name);
	g_hash_table_insert(table->by_name, g_ascii_strdown(name, -1), guest);
}

static void forget_guest(struct guest_table *table, struct guest *guest)
{
	TELL(table, left, guest);
	g_hash_table_remove(table->by_mac, &guest->mac);
	if (guest->v4.s_addr)
		g_hash_table_remove(table->by_v4, v4_key(guest->v4));
	for (unsigned i = 0; i < guest->n_v6; i++)
		g_hash_table_remove(table->by_v6, &guest->v6[i]);
	forget_name(table, guest);
	list_remove(&guest->link);
	list_remove(&guest->port_link);
	guest->port->n_guests--;
	g_free(guest);
}

void guest_table_free(struct guest_table *table)
{
	list_for_each_safe (guest, &table->guests, struct guest, link)
		forget_guest(table, guest);
	g_hash_table_destroy(table->by_mac);
	g_hash_table_destroy(table->by_v4);
	g_hash_table_destroy(table->by_v6);
	g_hash_table_destroy(table->by_name);
	g_array_free(table->observers, TRUE);
	list_remove(&table->reservation_observer.link);
	g_free(table);
}

void guest_forget_port(struct guest_table *table, struct port *port)
{
	list_for_each_safe (guest, &port->guests, struct guest, port_link)
		forget_guest(table, guest);
}

static void settle(struct guest *guest, struct port *port)
{
	guest->port = port;
	list_append(&port->guests, &guest->port_link);
	port->n_guests++;
}

static bool has_room(const struct guest_table *table, const struct port *port, bool newcomer)
{
	unsigned max = port->n_guests < GUEST_FEW ? GUEST_MAX : GUEST_MAX - GUEST_RESERVE;

	return port->n_guests < GUEST_MAX_PER_PORT && (!newcomer || guest_count(table) < max);
}

static const char *reserved_name(const struct guest_table *table, mac_t mac)
{
	const struct reservation *r =
		table->reservations ? reservation_by_mac(table->reservations, mac) : NULL;

	return r ? r->name : NULL;
}

struct guest *guest_seen(struct guest_table *table, mac_t mac, struct port *port, usec_t now)
{
	struct guest *guest = guest_by_mac(table, mac);

	if (guest && guest->port == port) {
		guest->seen = now;
		return guest;
	}
	if (!has_room(table, port, !guest))
		return NULL;
	if (guest) {
		guest->seen = now;
		guest->port->n_guests--;
		list_remove(&guest->port_link);
		settle(guest, port);
		return guest;
	}
	guest = g_new0(struct guest, 1);
	guest->mac = mac;
	guest->since = now;
	guest->seen = now;
	list_append(&table->guests, &guest->link);
	settle(guest, port);
	g_hash_table_insert(table->by_mac, &guest->mac, guest);
	if (reserved_name(table, mac))
		take_name(table, guest, reserved_name(table, mac));
	TELL(table, joined, guest);
	return guest;
}

/* --- addresses and name --- */

static bool is_host_v4(struct in_addr addr)
{
	uint32_t a = g_ntohl(addr.s_addr);

	/* RFC 1122 3.2.1.3: this network, loopback, multicast, reserved and broadcast. */
	return a >> 24 && a >> 24 != 127 && a >> 28 < 0xe;
}

static bool is_host_v6(const struct in6_addr *addr)
{
	return !IN6_IS_ADDR_UNSPECIFIED(addr) && !IN6_IS_ADDR_LOOPBACK(addr) &&
	       !IN6_IS_ADDR_MULTICAST(addr) && !IN6_IS_ADDR_V4MAPPED(addr);
}

static void drop_v4(struct guest_table *table, struct guest *guest)
{
	if (guest->v4.s_addr)
		g_hash_table_remove(table->by_v4, v4_key(guest->v4));
	guest->v4.s_addr = 0;
	guest->v4_leased = false;
}

bool guest_set_v4(struct guest_table *table, struct guest *guest, struct in_addr addr, bool leased)
{
	struct guest *holder = guest_by_v4(table, addr);

	if (!is_host_v4(addr))
		return false;
	if (holder && holder != guest && holder->v4_leased)
		return false;
	if (table->reservations && !reservation_allows_v4(table->reservations, guest->mac, addr))
		return false;
	if (guest->v4_leased && !leased)
		return true;
	if (holder == guest) {
		guest->v4_leased = leased;
		return true;
	}
	if (holder) {
		drop_v4(table, holder);
		TELL(table, changed, holder);
	}
	drop_v4(table, guest);
	guest->v4 = addr;
	guest->v4_leased = leased;
	g_hash_table_insert(table->by_v4, v4_key(addr), guest);
	TELL(table, changed, guest);
	return true;
}

void guest_clear_v4(struct guest_table *table, struct in_addr addr)
{
	struct guest *guest = guest_by_v4(table, addr);

	if (!guest || !guest->v4_leased)
		return;
	drop_v4(table, guest);
	TELL(table, changed, guest);
}

static unsigned index_of_v6(const struct guest *guest, const struct in6_addr *addr)
{
	unsigned i = 0;

	while (i < guest->n_v6 && !IN6_ARE_ADDR_EQUAL(&guest->v6[i], addr))
		i++;
	return i;
}

static void drop_v6(struct guest_table *table, struct guest *guest, unsigned i)
{
	g_hash_table_remove(table->by_v6, &guest->v6[i]);
	guest->n_v6--;
	memmove(&guest->v6[i], &guest->v6[i + 1], (guest->n_v6 - i) * sizeof(guest->v6[0]));
}

bool guest_add_v6(struct guest_table *table, struct guest *guest, const struct in6_addr *addr)
{
	struct guest *holder = guest_by_v6(table, addr);

	if (!is_host_v6(addr))
		return false;
	if (holder == guest) {
		unsigned i = index_of_v6(guest, addr), last = guest->n_v6 - 1;

		memmove(&guest->v6[i], &guest->v6[i + 1], (last - i) * sizeof(guest->v6[0]));
		guest->v6[last] = *addr;
		return true;
	}
	if (holder) {
		drop_v6(table, holder, index_of_v6(holder, addr));
		TELL(table, changed, holder);
	}
	if (guest->n_v6 == GUEST_MAX_V6)
		drop_v6(table, guest, 0);
	guest->v6[guest->n_v6++] = *addr;
	g_hash_table_insert(table->by_v6, g_memdup2(addr, sizeof(*addr)), guest);
	TELL(table, changed, guest);
	return true;
}

void guest_remove_v6(struct guest_table *table, struct guest *guest, const struct in6_addr *addr)
{
	if (guest_by_v6(table, addr) != guest)
		return;
	drop_v6(table, guest, index_of_v6(guest, addr));
	TELL(table, changed, guest);
}

bool guest_set_name(struct guest_table *table, struct guest *guest, const char *name)
{
	struct guest *holder = name ? guest_by_name(table, name) : NULL;

	const char *reserved = reserved_name(table, guest->mac);

	if (holder && holder != guest)
		return false;
	if (reserved && (!name || g_ascii_strcasecmp(reserved, name)))
		return false;
	if (table->reservations && name &&
	    !reservation_allows_name(table->reservations, guest->mac, name))
		return false;
	if (!g_strcmp0(guest->name, name))
		return true;
	if (name)
		take_name(table, guest, name);
	else
		forget_name(table, guest);
	TELL(table, changed, guest);
	return true;
}

/* --- reservations --- */

static void on_reserved(struct reservation_observer *observer, const struct reservation *r)
{
	struct guest_table *table =
		container_of(observer, struct guest_table, reservation_observer);
	struct guest *holder = guest_by_name(table, r->name), *guest = guest_by_mac(table, r->mac);
	struct guest *at = guest_by_v4(table, r->addr);

	if (holder && holder != guest) {
		forget_name(table, holder);
		TELL(table, changed, holder);
	}
	/* A guest that has the address by lease keeps it until the lease ends. */
	if (r->addr.s_addr && at && at != guest && !at->v4_leased) {
		drop_v4(table, at);
		TELL(table, changed, at);
	}
	if (guest && g_strcmp0(guest->name, r->name)) {
		take_name(table, guest, r->name);
		TELL(table, changed, guest);
	}
}

/* The guest's own name comes with its next DHCP message. */
static void on_unreserved(struct reservation_observer *observer, const struct reservation *r)
{
	struct guest_table *table =
		container_of(observer, struct guest_table, reservation_observer);
	struct guest *guest = guest_by_mac(table, r->mac);

	if (!guest || g_strcmp0(guest->name, r->name))
		return;
	forget_name(table, guest);
	TELL(table, changed, guest);
}

void guest_table_reserve(struct guest_table *guests, struct reservation_table *table)
{
	guests->reservations = table;
	guests->reservation_observer.added = on_reserved;
	guests->reservation_observer.removed = on_unreserved;
	reservation_observe(table, &guests->reservation_observer);
}

/* --- lookup --- */

struct guest *guest_by_mac(struct guest_table *table, mac_t mac)
{
	return g_hash_table_lookup(table->by_mac, &mac);
}

struct guest *guest_by_v4(struct guest_table *table, struct in_addr addr)
{
	return g_hash_table_lookup(table->by_v4, v4_key(addr));
}

struct guest *guest_by_v6(struct guest_table *table, const struct in6_addr *addr)
{
	return g_hash_table_lookup(table->by_v6, addr);
}

struct guest *guest_by_name(struct guest_table *table, const char *name)
{
	g_autofree char *key = g_ascii_strdown(name, -1);

	return g_hash_table_lookup(table->by_name, key);
}

struct list *guest_list(struct guest_table *table)
{
	return &table->guests;
}

unsigned guest_count(const struct guest_table *table)
{
	return g_hash_table_size(table->by_mac);
}
