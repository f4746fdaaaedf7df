/* SPDX-License-Identifier: BSD-3-Clause */
#include "conntrack/conn_table_priv.h"

#include "base/hash.h"

/* The conns of one guest address: found together, and ended when their guest has gone. */

struct conn_guest *conn_guest_of(struct conn_table *table, const struct in6_addr *addr)
{
	struct conn_guest *guest = g_hash_table_lookup(table->guests, addr);

	if (!guest) {
		guest = g_new0(struct conn_guest, 1);
		guest->addr = *addr;
		list_init(&guest->conns);
		list_init(&guest->link);
		g_hash_table_insert(table->guests, &guest->addr, guest);
	}
	return guest;
}

static struct list *bucket_of(struct conn_table *table, mac_t mac)
{
	return &table->by_mac[hash_mix(mac ^ hash_seed()) & (CONN_MAC_BUCKETS - 1)];
}

void conn_guest_set_mac(struct conn_table *table, struct conn_guest *guest, mac_t mac)
{
	if (guest->mac == mac && !list_empty(&guest->link))
		return;
	guest->mac = mac;
	list_remove(&guest->link);
	list_append(bucket_of(table, mac), &guest->link);
}

void conn_guest_forget(struct conn_table *table, struct conn_guest *guest)
{
	if (!list_empty(&guest->conns))
		return;
	g_hash_table_remove(table->guests, &guest->addr);
	table->n_gone -= guest->gone != 0;
	list_remove(&guest->link);
	g_free(guest);
}

static void end_of(struct conn_table *table, struct conn_guest *guest,
		   bool (*which)(const struct conn *conn))
{
	struct list all;

	list_init(&all);
	list_splice(&all, &guest->conns);
	while (!list_empty(&all)) {
		struct conn *conn = list_first(&all, struct conn, guest_link);

		list_remove(&conn->guest_link);
		list_append(&guest->conns, &conn->guest_link);
		if (which(conn))
			conn_unlink(table, conn);
	}
	conn_guest_forget(table, guest);
}

static bool every_one(const struct conn *conn)
{
	return true;
}

static bool is_slirps(const struct conn *conn)
{
	return !conn->ops;
}

static bool is_slirps_tcp(const struct conn *conn)
{
	return !conn->ops && conn->key.proto == IPPROTO_TCP;
}

void conn_end_slirp(struct conn_table *table, const struct in6_addr *addr, bool tcp_only)
{
	struct conn_guest *guest = g_hash_table_lookup(table->guests, addr);

	if (guest)
		end_of(table, guest, tcp_only ? is_slirps_tcp : is_slirps);
}

/* --- guests that go --- */

static void set_gone(struct conn_table *table, struct conn_guest *guest, usec_t gone)
{
	table->n_gone += (gone != 0) - (guest->gone != 0);
	guest->gone = gone;
}

void conn_guest_gone(struct conn_table *table, mac_t mac, usec_t now)
{
	list_for_each (guest, bucket_of(table, mac), struct conn_guest, link) {
		if (guest->mac == mac)
			set_gone(table, guest, now);
	}
	if (table->n_gone &&
	    (!loop_timer_is_set(&table->timer) || table->timer.at > now + CONN_GUEST_GRACE))
		loop_timer_set(&table->timer, now + CONN_GUEST_GRACE);
}

void conn_guest_back(struct conn_table *table, const struct in6_addr *addr, mac_t mac)
{
	struct conn_guest *guest = table->n_gone ? g_hash_table_lookup(table->guests, addr) : NULL;

	if (guest && guest->mac == mac)
		set_gone(table, guest, 0);
}

mac_t conn_holder(const struct conn_table *table, const struct in6_addr *addr)
{
	const struct conn_guest *guest = g_hash_table_lookup(table->guests, addr);

	return guest && guest->spoke && !guest->gone ? guest->mac : 0;
}

usec_t conn_guests_expire(struct conn_table *table, usec_t now)
{
	g_autoptr(GPtrArray) over = NULL;
	GHashTableIter iter;
	usec_t next = 0;
	void *value;

	if (!table->n_gone)
		return 0;
	over = g_ptr_array_new();
	g_hash_table_iter_init(&iter, table->guests);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct conn_guest *guest = value;
		usec_t at = guest->gone + CONN_GUEST_GRACE;

		if (guest->gone && at <= now)
			g_ptr_array_add(over, value);
		else if (guest->gone && (!next || at < next))
			next = at;
	}
	for (guint i = 0; i < over->len; i++)
		end_of(table, g_ptr_array_index(over, i), every_one);
	return next;
}
