/* SPDX-License-Identifier: BSD-3-Clause */
#include "dhcp/lease_entry.h"

#include <string.h>

/* --- reservations --- */

/* An entry to reserve for @mac, unchanged so far; NULL: none. */
static struct entry *find_for(struct lease_pool *pool, mac_t mac, struct in_addr addr, usec_t now)
{
	struct entry *own = g_hash_table_lookup(pool->by_mac, &mac), *entry;
	struct in_addr any = {0};

	if (!addr.s_addr)
		return own ? own : entry_take_free(pool, any, mac, now);
	entry = entry_at(pool, addr);
	if (!entry)
		return entry_new(pool, ntohl(addr.s_addr));
	if (entry == own || (!entry->live && !entry->lease.reserved))
		return entry;
	/* No client has it; a reservation overrides whoever uses it unasked. */
	return entry->lease.state == LEASE_DECLINED ? entry : NULL;
}

const struct lease *lease_reserve(struct lease_pool *pool, mac_t mac, struct in_addr addr,
				  usec_t now)
{
	struct entry *entry;
	bool own;

	lease_sweep(pool, now);
	if (g_hash_table_contains(pool->reserved, &mac) || lease_pool_holds(pool, addr))
		return NULL;
	entry = find_for(pool, mac, addr, now);
	if (!entry)
		return NULL;
	own = entry->owned && entry->lease.mac == mac;
	if (own) {
		/* Takes it, with all its keys, out of the tables for others. */
		g_hash_table_remove(pool->by_client, entry);
		if (g_hash_table_lookup(pool->by_mac, &mac) == entry)
			g_hash_table_remove(pool->by_mac, &mac);
		entry->owned = false;
	} else {
		if (entry->live)
			entry_end(pool, entry);
		entry_disown(pool, entry);
	}
	list_remove(&entry->link); /* off the lists of free entries */
	entry->lease.mac = mac;
	entry->lease.reserved = true;
	g_hash_table_replace(pool->reserved, &entry->lease.mac, entry);
	entry_changed(pool, entry);
	return &entry->lease;
}

void lease_unreserve(struct lease_pool *pool, mac_t mac, usec_t now)
{
	struct entry *entry = g_hash_table_lookup(pool->reserved, &mac), *old;
	bool keep;

	if (!entry)
		return;
	keep = lease_pool_has(pool, entry->lease.addr);
	if (entry->live && !keep) {
		entry->lease.expires = MIN(entry->lease.expires, now);
		entry_lapse(pool, entry);
	}
	g_hash_table_remove(pool->reserved, &mac);
	entry->lease.reserved = false;
	/* Never given, or ended: its end is now at the latest. */
	if (!entry->live)
		entry->lease.expires = MIN(entry->lease.expires, now);
	entry_changed(pool, entry);
	if (!keep) {
		g_hash_table_remove(pool->by_addr,
				    GUINT_TO_POINTER(ntohl(entry->lease.addr.s_addr)));
		return;
	}
	/* It becomes an ordinary entry of this client, which had no other meanwhile. */
	old = g_hash_table_lookup(pool->by_client, entry);
	if (old)
		entry_disown(pool, old);
	entry->owned = true;
	g_hash_table_add(pool->by_client, entry);
	g_hash_table_replace(pool->by_mac, &entry->lease.mac, entry);
	if (!entry->live)
		list_append(&pool->ended, &entry->link);
}

/* --- addresses held for servers --- */

bool lease_pool_holds(const struct lease_pool *pool, struct in_addr addr)
{
	return g_hash_table_contains(pool->held, GUINT_TO_POINTER(ntohl(addr.s_addr)));
}

bool lease_pool_hold(struct lease_pool *pool, struct in_addr addr, usec_t now)
{
	struct entry *entry = entry_at(pool, addr);

	if (entry && entry->lease.reserved)
		return false;
	if (entry && entry->live) {
		entry->lease.expires = MIN(entry->lease.expires, now);
		entry_lapse(pool, entry);
		entry_changed(pool, entry);
	}
	if (entry) {
		entry_disown(pool, entry);
		list_remove(&entry->link);
		g_hash_table_remove(pool->by_addr, GUINT_TO_POINTER(ntohl(addr.s_addr)));
	}
	if (lease_pool_has(pool, addr))
		pool->size--;
	g_hash_table_add(pool->held, GUINT_TO_POINTER(ntohl(addr.s_addr)));
	return true;
}

void lease_pool_let(struct lease_pool *pool, struct in_addr addr)
{
	uint32_t a = ntohl(addr.s_addr);

	if (!g_hash_table_remove(pool->held, GUINT_TO_POINTER(a)) || !lease_pool_has(pool, addr))
		return;
	pool->size++;
	/* The cursor may have passed it and would not return. */
	if (a < pool->cursor)
		list_append(&pool->ended, &entry_new(pool, a)->link);
}

/* --- restoring --- */

/* Removes @lease's client from all other entries. */
static void forget_client(struct lease_pool *pool, const struct who *who, const struct entry *keep)
{
	struct entry *old = g_hash_table_lookup(pool->by_client, &who->key);

	if (!old || old == keep)
		return;
	if (old->live)
		entry_end(pool, old);
	entry_disown(pool, old);
}

bool lease_restore(struct lease_pool *pool, const struct lease *lease)
{
	const struct lease_client client = {lease->mac, lease->client_id, lease->client_id_len, 0};
	struct entry *entry = entry_at(pool, lease->addr);
	const struct entry *reserved = g_hash_table_lookup(pool->reserved, &lease->mac);
	struct who who;

	if (reserved ? reserved != entry : entry && entry->lease.reserved)
		return false;
	if (!reserved && !lease_pool_has(pool, lease->addr))
		return false;
	if (!entry && g_hash_table_size(pool->by_addr) >= LEASE_MAX)
		return false;
	if (!entry)
		entry = entry_new(pool, ntohl(lease->addr.s_addr));
	if (entry->live)
		entry_end(pool, entry);
	if (lease->mac == 0) {
		entry_disown(pool, entry);
		entry_begin(pool, entry, LEASE_DECLINED, 0, lease->expires);
		return true;
	}
	who_init(&who, &client);
	forget_client(pool, &who, entry);
	entry_own(pool, entry, &who);
	memcpy(entry->lease.hostname, lease->hostname, sizeof entry->lease.hostname);
	entry->lease.expires = lease->expires;
	if (lease->state == LEASE_BOUND) {
		entry_begin(pool, entry, LEASE_BOUND, 0, lease->expires);
	} else {
		/* At the end of the list of ended entries, which is in order of age. */
		entry_end(pool, entry);
	}
	return true;
}
