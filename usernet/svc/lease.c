/* SPDX-License-Identifier: BSD-3-Clause */
#include "svc/lease.h"

#include <string.h>

/*
 * An entry exists for each address that was ever given, so the addresses without one are those
 * behind the cursor. It is either live (offered, bound, declined: in a tree by the time it ends,
 * counted to its port) or ended (in a list, longest ago first). An ended entry may have lost its
 * client.
 */
struct entry {
	struct lease lease;
	bool owned;          /* is in lease_pool::by_client */
	GSequenceIter *live; /* in lease_pool::live; NULL when ended */
	struct list link;    // lease_pool::ended
};

struct lease_pool {
	uint32_t start, end; /* host order, as all addresses in here */
	uint64_t cursor;     /* the next never looked at; end + 1: none is left */
	struct in_addr *skip;
	unsigned n_skip; /* those of them between start and end */
	unsigned size, share;
	GHashTable *by_addr;   /* address -> entry, which it owns */
	GHashTable *by_client; /* set of owned entries, by identifier or MAC */
	GHashTable *by_mac;    /* MAC -> the owned entry that it used last */
	GHashTable *n_live;    /* port::id -> live entries */
	GSequence *live;
	struct list ended; /* heads entry::link */
	unsigned n_bound;
	void (*on_end)(void *data, const struct lease *lease);
	void *on_end_data;
};

/* A client as the tables know it. */
struct who {
	struct entry key; /* only its lease's mac and client_id are set */
	unsigned port_id;
};

static guint client_hash(gconstpointer p)
{
	const struct lease *lease = &((const struct entry *)p)->lease;
	guint h = 2166136261u; /* FNV-1a */

	if (lease->client_id_len == 0)
		return g_int64_hash(&lease->mac);
	for (unsigned i = 0; i < lease->client_id_len; i++)
		h = (h ^ lease->client_id[i]) * 16777619u;
	return h;
}

static gboolean client_equal(gconstpointer pa, gconstpointer pb)
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

	return a->lease.expires < b->lease.expires ? -1 : a->lease.expires > b->lease.expires;
}

struct lease_pool *lease_pool_new(struct in_addr start, struct in_addr end,
				  const struct in_addr *skip)
{
	struct lease_pool *pool = g_new0(struct lease_pool, 1);
	unsigned n = 0;

	pool->start = ntohl(start.s_addr);
	pool->end = ntohl(end.s_addr);
	pool->cursor = pool->start;
	while (skip && skip[n].s_addr)
		n++;
	pool->skip = g_new0(struct in_addr, n + 1);
	for (unsigned i = 0; i < n; i++) {
		uint32_t addr = ntohl(skip[i].s_addr);
		bool again = false;

		for (unsigned j = 0; j < pool->n_skip; j++)
			again |= pool->skip[j].s_addr == skip[i].s_addr;
		if (!again && addr >= pool->start && addr <= pool->end)
			pool->skip[pool->n_skip++] = skip[i];
	}
	if (pool->start <= pool->end)
		pool->size = pool->end - pool->start + 1 - pool->n_skip;
	pool->share = CLAMP(pool->size / 2, LEASE_MAX_PER_PORT_MIN, LEASE_MAX_PER_PORT);
	pool->by_addr = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	pool->by_client = g_hash_table_new(client_hash, client_equal);
	pool->by_mac = g_hash_table_new(g_int64_hash, g_int64_equal);
	pool->n_live = g_hash_table_new(NULL, NULL);
	pool->live = g_sequence_new(NULL);
	list_init(&pool->ended);
	return pool;
}

void lease_pool_free(struct lease_pool *pool)
{
	if (!pool)
		return;
	g_sequence_free(pool->live);
	g_hash_table_unref(pool->n_live);
	g_hash_table_unref(pool->by_mac);
	g_hash_table_unref(pool->by_client);
	g_hash_table_unref(pool->by_addr);
	g_free(pool->skip);
	g_free(pool);
}

void lease_pool_observe(struct lease_pool *pool,
			void (*ended)(void *data, const struct lease *lease), void *data)
{
	pool->on_end = ended;
	pool->on_end_data = data;
}

bool lease_pool_has(const struct lease_pool *pool, struct in_addr addr)
{
	uint32_t a = ntohl(addr.s_addr);

	for (unsigned i = 0; i < pool->n_skip; i++)
		if (pool->skip[i].s_addr == addr.s_addr)
			return false;
	return a >= pool->start && a <= pool->end;
}

/* --- entries: states and owners --- */

static struct entry *entry_at(struct lease_pool *pool, struct in_addr addr)
{
	return g_hash_table_lookup(pool->by_addr, GUINT_TO_POINTER(ntohl(addr.s_addr)));
}

static unsigned port_count(struct lease_pool *pool, unsigned port_id)
{
	return GPOINTER_TO_UINT(g_hash_table_lookup(pool->n_live, GUINT_TO_POINTER(port_id)));
}

static void port_set_count(struct lease_pool *pool, unsigned port_id, unsigned n)
{
	if (n)
		g_hash_table_insert(pool->n_live, GUINT_TO_POINTER(port_id), GUINT_TO_POINTER(n));
	else
		g_hash_table_remove(pool->n_live, GUINT_TO_POINTER(port_id));
}

/* Takes @entry out of the tree or the list it is in. */
static void entry_detach(struct lease_pool *pool, struct entry *entry)
{
	if (entry->live) {
		g_sequence_remove(entry->live);
		entry->live = NULL;
		port_set_count(pool, entry->lease.port_id,
			       port_count(pool, entry->lease.port_id) - 1);
		if (entry->lease.state == LEASE_BOUND)
			pool->n_bound--;
	}
	list_remove(&entry->link);
}

static void entry_begin(struct lease_pool *pool, struct entry *entry, enum lease_state state,
			unsigned port_id, usec_t expires)
{
	entry_detach(pool, entry);
	entry->lease.state = state;
	entry->lease.port_id = port_id;
	entry->lease.expires = expires;
	entry->live = g_sequence_insert_sorted(pool->live, entry, by_end, NULL);
	port_set_count(pool, port_id, port_count(pool, port_id) + 1);
	if (state == LEASE_BOUND)
		pool->n_bound++;
}

static void entry_end(struct lease_pool *pool, struct entry *entry)
{
	entry_detach(pool, entry);
	entry->lease.state = LEASE_EXPIRED;
	list_append(&pool->ended, &entry->link);
}

/* As entry_end, without the client's doing. */
static void entry_lapse(struct lease_pool *pool, struct entry *entry)
{
	bool bound = entry->lease.state == LEASE_BOUND;

	entry_end(pool, entry);
	if (bound && pool->on_end)
		pool->on_end(pool->on_end_data, &entry->lease);
}

static void entry_disown(struct lease_pool *pool, struct entry *entry)
{
	if (!entry->owned)
		return;
	g_hash_table_remove(pool->by_client, entry);
	if (g_hash_table_lookup(pool->by_mac, &entry->lease.mac) == entry)
		g_hash_table_remove(pool->by_mac, &entry->lease.mac);
	entry->owned = false;
	entry->lease.mac = 0;
	entry->lease.client_id_len = 0;
	entry->lease.hostname[0] = '\0';
}

static void entry_own(struct lease_pool *pool, struct entry *entry, const struct who *who)
{
	char hostname[sizeof entry->lease.hostname] = "";

	/* The same machine by another name of itself keeps what it was called. */
	if (entry->owned && entry->lease.mac == who->key.lease.mac)
		memcpy(hostname, entry->lease.hostname, sizeof hostname);
	entry_disown(pool, entry);
	entry->lease.mac = who->key.lease.mac;
	entry->lease.client_id_len = who->key.lease.client_id_len;
	memcpy(entry->lease.client_id, who->key.lease.client_id, LEASE_CLIENT_ID_MAX);
	memcpy(entry->lease.hostname, hostname, sizeof hostname);
	entry->owned = true;
	g_hash_table_add(pool->by_client, entry);
	g_hash_table_replace(pool->by_mac, &entry->lease.mac, entry);
}

static struct entry *entry_new(struct lease_pool *pool, uint32_t addr)
{
	struct entry *entry = g_new0(struct entry, 1);

	entry->lease.addr.s_addr = htonl(addr);
	entry->lease.state = LEASE_EXPIRED;
	list_init(&entry->link);
	g_hash_table_insert(pool->by_addr, GUINT_TO_POINTER(addr), entry);
	return entry;
}

/* --- clients --- */

static void who_init(struct who *who, const struct lease_client *client)
{
	struct lease *key = &who->key.lease;
	uint8_t same[1 + MAC_LEN] = {1 /* ARPHRD_ETHER */};

	memset(who, 0, sizeof *who);
	who->port_id = client->port_id;
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

/* The entry @who owns, or NULL. Forgets @who's identifier when it is in use by another. */
static struct entry *find_owned(struct lease_pool *pool, struct who *who)
{
	struct entry *entry = g_hash_table_lookup(pool->by_client, &who->key);

	if (who->key.lease.client_id_len == 0)
		return entry ? entry : g_hash_table_lookup(pool->by_mac, &who->key.lease.mac);
	if (entry && entry->live && entry->lease.mac != who->key.lease.mac &&
	    entry->lease.port_id != who->port_id) {
		who->key.lease.client_id_len = 0;
		return g_hash_table_lookup(pool->by_client, &who->key);
	}
	if (!entry) {
		struct who by_mac = *who;

		by_mac.key.lease.client_id_len = 0;
		entry = g_hash_table_lookup(pool->by_client, &by_mac.key);
	}
	return entry;
}

/* May @who's port hold one more, given that it keeps (or gives up) @own? */
static bool has_room(struct lease_pool *pool, const struct who *who, const struct entry *own)
{
	if (own && own->live && own->lease.port_id == who->port_id)
		return true;
	return port_count(pool, who->port_id) < pool->share;
}

/* An entry that nobody holds: not yet given, or ended. NULL: all are held. */
static struct entry *take_free(struct lease_pool *pool, struct in_addr wanted)
{
	bool full = g_hash_table_size(pool->by_addr) >= LEASE_MAX;

	if (lease_pool_has(pool, wanted)) {
		struct entry *entry = entry_at(pool, wanted);

		if (entry && !entry->live)
			return entry;
		if (!entry && !full)
			return entry_new(pool, ntohl(wanted.s_addr));
	}
	for (; !full && pool->cursor <= pool->end; pool->cursor++) {
		struct in_addr next = {htonl((uint32_t)pool->cursor)};

		if (lease_pool_has(pool, next) && !entry_at(pool, next))
			return entry_new(pool, (uint32_t)pool->cursor++);
	}
	return list_empty(&pool->ended) ? NULL : list_first(&pool->ended, struct entry, link);
}

/* --- verbs --- */

void lease_sweep(struct lease_pool *pool, usec_t now)
{
	for (;;) {
		GSequenceIter *first = g_sequence_get_begin_iter(pool->live);
		struct entry *entry;

		if (g_sequence_iter_is_end(first))
			return;
		entry = g_sequence_get(first);
		if (entry->lease.expires > now)
			return;
		entry_lapse(pool, entry);
	}
}

usec_t lease_next_end(const struct lease_pool *pool)
{
	GSequenceIter *first = g_sequence_get_begin_iter(pool->live);

	if (g_sequence_iter_is_end(first))
		return LEASE_FOREVER;
	return ((const struct entry *)g_sequence_get(first))->lease.expires;
}

const struct lease *lease_offer(struct lease_pool *pool, const struct lease_client *client,
				struct in_addr wanted, usec_t now)
{
	struct who who;
	struct entry *entry;
	usec_t hold = now + LEASE_OFFER_HOLD;

	lease_sweep(pool, now);
	who_init(&who, client);
	entry = find_owned(pool, &who);
	if (!has_room(pool, &who, entry))
		return NULL;
	if (!entry)
		entry = take_free(pool, wanted);
	if (!entry)
		return NULL;
	/* An offer does not shorten what the client has already. */
	if (entry->live && entry->lease.state == LEASE_BOUND)
		entry_begin(pool, entry, LEASE_BOUND, who.port_id, MAX(entry->lease.expires, hold));
	else
		entry_begin(pool, entry, LEASE_OFFERED, who.port_id, hold);
	entry_own(pool, entry, &who);
	return &entry->lease;
}

const struct lease *lease_bind(struct lease_pool *pool, const struct lease_client *client,
			       struct in_addr addr, const char *hostname, usec_t expires,
			       usec_t now)
{
	struct who who;
	struct entry *old, *entry;

	lease_sweep(pool, now);
	who_init(&who, client);
	old = find_owned(pool, &who);
	entry = entry_at(pool, addr);
	if (!lease_pool_has(pool, addr) || !has_room(pool, &who, old))
		return NULL;
	if (entry && entry != old && entry->live)
		return NULL;
	if (!entry && g_hash_table_size(pool->by_addr) >= LEASE_MAX)
		return NULL;
	if (!entry)
		entry = entry_new(pool, ntohl(addr.s_addr));
	if (old && old != entry) {
		if (old->live)
			entry_lapse(pool, old);
		entry_disown(pool, old);
	}
	entry_begin(pool, entry, LEASE_BOUND, who.port_id, expires);
	entry_own(pool, entry, &who);
	if (hostname)
		g_strlcpy(entry->lease.hostname, hostname, sizeof entry->lease.hostname);
	return &entry->lease;
}

/* What @client holds, when that is @addr. */
static struct entry *find_held(struct lease_pool *pool, const struct lease_client *client,
			       const struct in_addr *addr, usec_t now)
{
	struct who who;
	struct entry *entry;

	lease_sweep(pool, now);
	who_init(&who, client);
	entry = find_owned(pool, &who);
	if (!entry || !entry->live || (addr && entry->lease.addr.s_addr != addr->s_addr))
		return NULL;
	return entry;
}

const struct lease *lease_find(struct lease_pool *pool, const struct lease_client *client,
			       usec_t now)
{
	struct entry *entry = find_held(pool, client, NULL, now);

	return entry ? &entry->lease : NULL;
}

const struct lease *lease_by_addr(struct lease_pool *pool, struct in_addr addr)
{
	struct entry *entry = entry_at(pool, addr);

	return entry ? &entry->lease : NULL;
}

bool lease_release(struct lease_pool *pool, const struct lease_client *client, struct in_addr addr,
		   usec_t now)
{
	struct entry *entry = find_held(pool, client, &addr, now);

	if (!entry)
		return false;
	entry_end(pool, entry);
	entry->lease.expires = now;
	return true;
}

bool lease_decline(struct lease_pool *pool, const struct lease_client *client, struct in_addr addr,
		   usec_t now)
{
	struct entry *entry = find_held(pool, client, &addr, now);

	if (!entry)
		return false;
	/* Still counted to the port: one that declines all it gets uses up its own share only. */
	entry_disown(pool, entry);
	entry_begin(pool, entry, LEASE_DECLINED, client->port_id, now + LEASE_DECLINE_REST);
	return true;
}

static gint by_address(gconstpointer a, gconstpointer b)
{
	uint32_t x = GPOINTER_TO_UINT(a), y = GPOINTER_TO_UINT(b);

	return x < y ? -1 : x > y;
}

void lease_foreach(struct lease_pool *pool, void (*each)(void *data, const struct lease *lease),
		   void *data)
{
	GList *addrs = g_list_sort(g_hash_table_get_keys(pool->by_addr), by_address);

	for (GList *l = addrs; l; l = l->next) {
		struct entry *entry = g_hash_table_lookup(pool->by_addr, l->data);

		if (entry->owned || entry->live)
			each(data, &entry->lease);
	}
	g_list_free(addrs);
}

unsigned lease_pool_size(const struct lease_pool *pool)
{
	return pool->size;
}

unsigned lease_pool_bound(const struct lease_pool *pool)
{
	return pool->n_bound;
}
