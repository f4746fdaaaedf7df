/* SPDX-License-Identifier: BSD-3-Clause */
#include "dhcp/lease_entry.h"

#include <string.h>

#include "base/hash.h"

#define ORPHANS_LOOKED_AT 64

guint lease_mac_hash(gconstpointer mac)
{
	return (guint)hash_mix(*(const mac_t *)mac ^ hash_seed());
}

guint lease_client_hash(gconstpointer p)
{
	const struct lease *lease = &((const struct entry *)p)->lease;

	if (lease->client_id_len == 0)
		return lease_mac_hash(&lease->mac);
	return (guint)hash_bytes(hash_seed(), lease->client_id, lease->client_id_len);
}

gboolean lease_client_equal(gconstpointer pa, gconstpointer pb)
{
	const struct lease *a = &((const struct entry *)pa)->lease;
	const struct lease *b = &((const struct entry *)pb)->lease;

	if (a->client_id_len != b->client_id_len)
		return FALSE;
	if (a->client_id_len == 0)
		return a->mac == b->mac;
	return memcmp(a->client_id, b->client_id, a->client_id_len) == 0;
}

static gint by_end(gconstpointer pa, gconstpointer pb, gpointer data)
{
	const struct entry *a = pa, *b = pb;

	return a->ends < b->ends ? -1 : a->ends > b->ends;
}

/* --- entries: states and owners --- */

struct entry *entry_at(struct lease_pool *pool, struct in_addr addr)
{
	return g_hash_table_lookup(pool->by_addr, GUINT_TO_POINTER(ntohl(addr.s_addr)));
}

struct holder *entry_holder(const struct lease_pool *pool, unsigned port_id)
{
	return g_hash_table_lookup(pool->holders, GUINT_TO_POINTER(port_id));
}

unsigned entry_port_count(struct lease_pool *pool, unsigned port_id)
{
	const struct holder *holder = entry_holder(pool, port_id);

	return holder ? holder->n : 0;
}

static void port_take(struct lease_pool *pool, struct entry *entry, unsigned port_id)
{
	struct holder *holder = entry_holder(pool, port_id);

	if (!holder) {
		holder = g_new0(struct holder, 1);
		list_init(&holder->entries);
		g_hash_table_insert(pool->holders, GUINT_TO_POINTER(port_id), holder);
	}
	holder->n++;
	list_append(&holder->entries, &entry->port_link);
	entry->lease.port_id = port_id;
	if (port_id == 0 && entry->lease.state == LEASE_BOUND && !entry->lease.reserved)
		list_append(&pool->orphans, &entry->link);
}

static void port_let(struct lease_pool *pool, struct entry *entry)
{
	struct holder *holder = entry_holder(pool, entry->lease.port_id);

	list_remove(&entry->link);
	list_remove(&entry->port_link);
	if (--holder->n == 0)
		g_hash_table_remove(pool->holders, GUINT_TO_POINTER(entry->lease.port_id));
}

void entry_move(struct lease_pool *pool, struct entry *entry, unsigned port_id)
{
	port_let(pool, entry);
	port_take(pool, entry, port_id);
}

/* Removes @entry from the tree or the list it is in. */
static void entry_detach(struct lease_pool *pool, struct entry *entry)
{
	if (entry->live) {
		g_sequence_remove(entry->live);
		entry->live = NULL;
		port_let(pool, entry);
		if (entry->lease.state == LEASE_BOUND)
			pool->n_bound--;
	}
	list_remove(&entry->link);
}

void entry_begin(struct lease_pool *pool, struct entry *entry, enum lease_state state,
		 unsigned port_id, usec_t expires)
{
	entry_detach(pool, entry);
	entry->lease.state = state;
	entry->lease.expires = expires;
	entry->ends = expires;
	entry->live = g_sequence_insert_sorted(pool->live, entry, by_end, NULL);
	port_take(pool, entry, port_id);
	if (state == LEASE_BOUND)
		pool->n_bound++;
}

void entry_ends_at(struct lease_pool *pool, struct entry *entry, usec_t ends)
{
	entry->ends = MIN(ends, entry->lease.expires);
	g_sequence_sort_changed(entry->live, by_end, NULL);
}

void entry_end(struct lease_pool *pool, struct entry *entry)
{
	entry_detach(pool, entry);
	entry->lease.state = LEASE_EXPIRED;
	if (!entry->lease.reserved)
		list_append(&pool->ended, &entry->link);
}

void entry_lapse(struct lease_pool *pool, struct entry *entry)
{
	bool bound = entry->lease.state == LEASE_BOUND;

	entry_end(pool, entry);
	if (bound && pool->on_end)
		pool->on_end(pool->on_end_data, &entry->lease);
}

void entry_disown(struct lease_pool *pool, struct entry *entry)
{
	if (!entry->owned)
		return;
	g_hash_table_remove(pool->by_client, entry);
	if (g_hash_table_lookup(pool->by_mac, &entry->lease.mac) == entry)
		g_hash_table_remove(pool->by_mac, &entry->lease.mac);
	entry->owned = false;
	entry->used = false;
	entry->lease.mac = 0;
	entry->lease.client_id_len = 0;
	entry->lease.hostname[0] = '\0';
}

void entry_own(struct lease_pool *pool, struct entry *entry, const struct who *who)
{
	char hostname[sizeof entry->lease.hostname] = "";
	bool used = false;

	if (entry->lease.reserved) {
		entry->lease.client_id_len = who->key.lease.client_id_len;
		memcpy(entry->lease.client_id, who->key.lease.client_id, LEASE_CLIENT_ID_MAX);
		return;
	}
	/* The same machine with another identifier keeps its host name. */
	if (entry->owned && entry->lease.mac == who->key.lease.mac) {
		memcpy(hostname, entry->lease.hostname, sizeof hostname);
		used = entry->live && entry->used;
	}
	entry_disown(pool, entry);
	entry->lease.mac = who->key.lease.mac;
	entry->lease.client_id_len = who->key.lease.client_id_len;
	memcpy(entry->lease.client_id, who->key.lease.client_id, LEASE_CLIENT_ID_MAX);
	memcpy(entry->lease.hostname, hostname, sizeof hostname);
	entry->owned = true;
	entry->used = used;
	g_hash_table_add(pool->by_client, entry);
	g_hash_table_replace(pool->by_mac, &entry->lease.mac, entry);
}

struct entry *entry_new(struct lease_pool *pool, uint32_t addr)
{
	struct entry *entry = g_new0(struct entry, 1);

	entry->lease.addr.s_addr = htonl(addr);
	entry->lease.state = LEASE_EXPIRED;
	list_init(&entry->link);
	list_init(&entry->port_link);
	g_hash_table_insert(pool->by_addr, GUINT_TO_POINTER(addr), entry);
	return entry;
}

void who_init(struct who *who, const struct lease_client *client)
{
	struct lease *key = &who->key.lease;
	uint8_t same[1 + MAC_LEN] = {1 /* ARPHRD_ETHER */};

	memset(who, 0, sizeof *who);
	who->port_id = client->port_id;
	who->uplink = client->uplink;
	key->mac = client->mac;
	mac_write(same + 1, client->mac);
	if (client->client_id_len == sizeof same &&
	    memcmp(client->client_id, same, sizeof same) == 0)
		return;
	if (client->client_id_len > LEASE_CLIENT_ID_MAX) {
		g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
		gsize len = LEASE_CLIENT_ID_MAX;

		g_checksum_update(sum, client->client_id, (gssize)client->client_id_len);
		g_checksum_get_digest(sum, key->client_id, &len);
		key->client_id_len = (uint8_t)len;
	} else if (client->client_id_len) {
		memcpy(key->client_id, client->client_id, client->client_id_len);
		key->client_id_len = (uint8_t)client->client_id_len;
	}
}

void entry_changed(struct lease_pool *pool, const struct entry *entry)
{
	if (pool->on_change)
		pool->on_change(pool->on_change_data, &entry->lease);
}

/* --- free entries --- */

bool entry_is_squatted(struct lease_pool *pool, struct entry *entry, mac_t mac, usec_t now)
{
	if (!pool->in_use || !pool->in_use(pool->in_use_data, entry->lease.addr, mac))
		return false;
	/* Counts for no port: no client caused it. */
	entry_disown(pool, entry);
	entry_begin(pool, entry, LEASE_DECLINED, 0, now + LEASE_DECLINE_REST);
	return true;
}

/* Ends an orphan whose guest is not heard at another port. NULL: there is none. */
static struct entry *end_orphan(struct lease_pool *pool, usec_t now)
{
	for (unsigned n = 0; n < ORPHANS_LOOKED_AT && !list_empty(&pool->orphans); n++) {
		struct entry *entry = list_first(&pool->orphans, struct entry, link);

		if (pool->heard &&
		    pool->heard(pool->heard_data, &entry->lease, now - LEASE_ABSENT)) {
			list_remove(&entry->link);
			list_append(&pool->orphans, &entry->link);
			continue;
		}
		entry_lapse(pool, entry);
		entry->lease.expires = MIN(entry->lease.expires, now);
		return entry;
	}
	return NULL;
}

struct entry *entry_take_free(struct lease_pool *pool, struct in_addr wanted, mac_t mac, usec_t now)
{
	bool full = g_hash_table_size(pool->by_addr) >= LEASE_MAX;
	struct entry *entry;

	if (lease_pool_has(pool, wanted)) {
		entry = entry_at(pool, wanted);
		if (!entry && !full)
			entry = entry_new(pool, ntohl(wanted.s_addr));
		if (entry && !entry->live && !entry->lease.reserved &&
		    !entry_is_squatted(pool, entry, mac, now))
			return entry;
	}
	/* Each entry passed over rests and is not met again soon, so this ends. */
	for (; !full && pool->cursor <= pool->end; pool->cursor++) {
		struct in_addr next = {htonl((uint32_t)pool->cursor)};

		if (!lease_pool_has(pool, next) || entry_at(pool, next))
			continue;
		entry = entry_new(pool, (uint32_t)pool->cursor);
		if (!entry_is_squatted(pool, entry, mac, now)) {
			pool->cursor++;
			return entry;
		}
		full = g_hash_table_size(pool->by_addr) >= LEASE_MAX;
	}
	while (!list_empty(&pool->ended)) {
		entry = list_first(&pool->ended, struct entry, link);
		if (!entry_is_squatted(pool, entry, mac, now))
			return entry;
	}
	while ((entry = end_orphan(pool, now)) && entry_is_squatted(pool, entry, mac, now))
		;
	return entry;
}
