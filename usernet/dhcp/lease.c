/* SPDX-License-Identifier: BSD-3-Clause */
#include "dhcp/lease_entry.h"

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
	lease_pool_set_share(pool, 0);
	pool->why = "";
	pool->held = g_hash_table_new(NULL, NULL);
	pool->by_addr = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	pool->by_client = g_hash_table_new(lease_client_hash, lease_client_equal);
	pool->by_mac = g_hash_table_new(lease_mac_hash, g_int64_equal);
	pool->reserved = g_hash_table_new(lease_mac_hash, g_int64_equal);
	pool->holders = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	pool->live = g_sequence_new(NULL);
	list_init(&pool->ended);
	list_init(&pool->orphans);
	return pool;
}

void lease_pool_free(struct lease_pool *pool)
{
	if (!pool)
		return;
	g_sequence_free(pool->live);
	g_hash_table_unref(pool->holders);
	g_hash_table_unref(pool->reserved);
	g_hash_table_unref(pool->by_mac);
	g_hash_table_unref(pool->by_client);
	g_hash_table_unref(pool->by_addr);
	g_hash_table_unref(pool->held);
	g_free(pool->skip);
	g_free(pool);
}

void lease_pool_set_share(struct lease_pool *pool, unsigned share)
{
	pool->share = share ? share : CLAMP(pool->size / 2, LEASE_SHARE_MIN, LEASE_SHARE);
}

void lease_pool_observe(struct lease_pool *pool,
			void (*ended)(void *data, const struct lease *lease), void *data)
{
	pool->on_end = ended;
	pool->on_end_data = data;
}

void lease_pool_watch(struct lease_pool *pool,
		      void (*changed)(void *data, const struct lease *lease), void *data)
{
	pool->on_change = changed;
	pool->on_change_data = data;
}

void lease_pool_set_in_use(struct lease_pool *pool,
			   bool (*in_use)(void *data, struct in_addr addr, mac_t mac), void *data)
{
	pool->in_use = in_use;
	pool->in_use_data = data;
}

void lease_pool_set_heard(struct lease_pool *pool,
			  bool (*heard)(void *data, const struct lease *lease, usec_t since),
			  void *data)
{
	pool->heard = heard;
	pool->heard_data = data;
}

bool lease_pool_has(const struct lease_pool *pool, struct in_addr addr)
{
	uint32_t a = ntohl(addr.s_addr);

	for (unsigned i = 0; i < pool->n_skip; i++)
		if (pool->skip[i].s_addr == addr.s_addr)
			return false;
	return a >= pool->start && a <= pool->end && !lease_pool_holds(pool, addr);
}

/* --- clients --- */

/* The entry @who owns, or NULL. Clears @who's identifier when another client uses it. */
static struct entry *find_owned(struct lease_pool *pool, struct who *who)
{
	struct entry *entry = g_hash_table_lookup(pool->reserved, &who->key.lease.mac);

	/* The same machine, whatever it calls itself. */
	if (entry)
		return entry;
	entry = g_hash_table_lookup(pool->by_client, &who->key);
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

static bool is_absent(const struct lease_pool *pool, const struct entry *entry, usec_t now)
{
	return entry->lease.state == LEASE_BOUND && !entry->lease.reserved && pool->heard &&
	       !pool->heard(pool->heard_data, &entry->lease, now - LEASE_ABSENT);
}

/* Ends the lease early. */
static void cut_short(struct lease_pool *pool, struct entry *entry, usec_t now)
{
	entry_lapse(pool, entry);
	entry->lease.expires = MIN(entry->lease.expires, now);
	entry_changed(pool, entry);
}

/* Frees the entry of one of the port's clients that is no longer heard. */
static bool make_room(struct lease_pool *pool, unsigned port_id, usec_t now)
{
	const struct holder *holder = entry_holder(pool, port_id);
	unsigned looked_at = 0;

	list_for_each (entry, &holder->entries, struct entry, port_link) {
		if (++looked_at > LEASE_SHARE)
			break;
		if (is_absent(pool, entry, now)) {
			cut_short(pool, entry, now);
			return true;
		}
	}
	return false;
}

/* May @who's port hold one more, if @own is kept (or given up)? */
static bool has_room(struct lease_pool *pool, const struct who *who, const struct entry *own,
		     usec_t now)
{
	if (own && (own->lease.reserved || (own->live && own->lease.port_id == who->port_id)))
		return true;
	pool->why = "its port holds as many leases as leases-per-port= allows";
	return who->uplink || entry_port_count(pool, who->port_id) < pool->share ||
	       make_room(pool, who->port_id, now);
}

/* --- interface --- */

static void set_used(struct lease_pool *pool, struct entry *entry)
{
	entry->used = true;
	entry_ends_at(pool, entry, entry->lease.expires);
}

void lease_used(struct lease_pool *pool, struct in_addr addr, mac_t mac)
{
	struct entry *entry = entry_at(pool, addr);

	if (entry && entry->live && entry->lease.state == LEASE_BOUND && entry->lease.mac == mac &&
	    !entry->used)
		set_used(pool, entry);
}

void lease_port_gone(struct lease_pool *pool, unsigned port_id)
{
	struct holder *holder;

	while (port_id && (holder = entry_holder(pool, port_id)))
		entry_move(pool, list_first(&holder->entries, struct entry, port_link), 0);
}

void lease_came_back(struct lease_pool *pool, mac_t mac, unsigned port_id)
{
	struct entry *entry = g_hash_table_lookup(pool->reserved, &mac);

	if (!entry)
		entry = g_hash_table_lookup(pool->by_mac, &mac);
	if (entry && entry->live && entry->lease.port_id == 0)
		entry_move(pool, entry, port_id);
}

void lease_sweep(struct lease_pool *pool, usec_t now)
{
	for (;;) {
		GSequenceIter *first = g_sequence_get_begin_iter(pool->live);
		struct entry *entry;

		if (g_sequence_iter_is_end(first))
			return;
		entry = g_sequence_get(first);
		if (entry->ends > now)
			return;
		if (entry->lease.expires <= now)
			entry_lapse(pool, entry);
		else if (pool->heard && !pool->heard(pool->heard_data, &entry->lease,
						     entry->bound_at + LEASE_SETTLE))
			cut_short(pool, entry, now);
		else
			set_used(pool, entry);
	}
}

usec_t lease_next_end(const struct lease_pool *pool)
{
	GSequenceIter *first = g_sequence_get_begin_iter(pool->live);

	if (g_sequence_iter_is_end(first))
		return LEASE_FOREVER;
	return ((const struct entry *)g_sequence_get(first))->ends;
}

const struct lease *lease_offer(struct lease_pool *pool, const struct lease_client *client,
				struct in_addr wanted, usec_t now)
{
	struct who who;
	struct entry *entry;
	usec_t hold = now + LEASE_OFFER_HOLD, ends;

	lease_sweep(pool, now);
	who_init(&who, client);
	entry = find_owned(pool, &who);
	if (!has_room(pool, &who, entry, now))
		return NULL;
	pool->why = "no address is free";
	if (entry && !entry->live && !entry->lease.reserved &&
	    entry_is_squatted(pool, entry, client->mac, now))
		entry = NULL;
	if (!entry)
		entry = entry_take_free(pool, wanted, client->mac, now);
	if (!entry)
		return NULL;
	/* An offer does not shorten the client's present lease. */
	if (entry->live && entry->lease.state == LEASE_BOUND) {
		ends = entry->used ? LEASE_FOREVER : MAX(entry->ends, hold);
		entry_begin(pool, entry, LEASE_BOUND, who.port_id, MAX(entry->lease.expires, hold));
		entry_ends_at(pool, entry, ends);
	} else {
		entry_begin(pool, entry, LEASE_OFFERED, who.port_id, hold);
	}
	entry_own(pool, entry, &who);
	return &entry->lease;
}

/* Its client has moved to another address. */
static void leave(struct lease_pool *pool, struct entry *entry, usec_t now)
{
	bool bound = entry->live && entry->lease.state == LEASE_BOUND;

	if (entry->live)
		entry_lapse(pool, entry);
	entry->lease.expires = MIN(entry->lease.expires, now);
	if (bound)
		entry_changed(pool, entry);
	entry_disown(pool, entry);
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
	if (!has_room(pool, &who, old, now))
		return NULL;
	pool->why = "the address is not available";
	if (old && old->lease.reserved && old != entry)
		return NULL; /* it has another address and must ask for that */
	if (entry && entry != old && (entry->live || entry->lease.reserved))
		return NULL;
	if (!lease_pool_has(pool, addr) && !(entry && entry->lease.reserved))
		return NULL;
	if (!entry && g_hash_table_size(pool->by_addr) >= LEASE_MAX)
		return NULL;
	if (!entry)
		entry = entry_new(pool, ntohl(addr.s_addr));
	if (!entry->live && !entry->lease.reserved &&
	    entry_is_squatted(pool, entry, client->mac, now))
		return NULL;
	/* Its pool address from before the reservation. */
	if (entry->lease.reserved)
		old = g_hash_table_lookup(pool->by_mac, &client->mac);
	if (old && old != entry)
		leave(pool, old, now);
	entry_begin(pool, entry, LEASE_BOUND, who.port_id, expires);
	entry_own(pool, entry, &who);
	entry->bound_at = now;
	entry->used |= entry->lease.reserved || !pool->heard;
	if (!entry->used)
		entry_ends_at(pool, entry, now + LEASE_UNUSED);
	if (hostname)
		g_strlcpy(entry->lease.hostname, hostname, sizeof entry->lease.hostname);
	entry_changed(pool, entry);
	return &entry->lease;
}

/* The entry that @client holds, if it is @addr. */
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

const struct lease *lease_by_mac(struct lease_pool *pool, mac_t mac)
{
	const struct entry *entry = g_hash_table_lookup(pool->reserved, &mac);

	if (!entry)
		entry = g_hash_table_lookup(pool->by_mac, &mac);
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
	entry_changed(pool, entry);
	return true;
}

bool lease_decline(struct lease_pool *pool, const struct lease_client *client, struct in_addr addr,
		   usec_t now)
{
	struct entry *entry = find_held(pool, client, &addr, now);

	if (!entry)
		return false;
	/* Ignore use of a reserved address by others: the guard drops their frames. */
	if (entry->lease.reserved) {
		entry_end(pool, entry);
		entry->lease.expires = now;
		entry_changed(pool, entry);
		return true;
	}
	/*
	 * Counts for the port still: a client that declines everything uses up only its own port's
	 * share.
	 */
	entry_disown(pool, entry);
	entry_begin(pool, entry, LEASE_DECLINED, client->port_id, now + LEASE_DECLINE_REST);
	entry_changed(pool, entry);
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

		if (entry->owned || entry->live || entry->lease.reserved)
			each(data, &entry->lease);
	}
	g_list_free(addrs);
}

unsigned lease_pool_size(const struct lease_pool *pool)
{
	return pool->size;
}

unsigned lease_pool_share(const struct lease_pool *pool)
{
	return pool->share;
}

const char *lease_pool_why(const struct lease_pool *pool)
{
	return pool->why;
}

unsigned lease_pool_bound(const struct lease_pool *pool)
{
	return pool->n_bound;
}

unsigned lease_pool_remembered(const struct lease_pool *pool)
{
	return g_hash_table_size(pool->by_addr);
}
