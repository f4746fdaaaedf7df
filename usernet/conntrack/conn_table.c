/* SPDX-License-Identifier: BSD-3-Clause */
#include "conntrack/conn_table_priv.h"

#include "base/hash.h"
#include "base/reserve.h"
#include "conntrack/charge.h"
#include "conntrack/conn_log.h"

#define BUCKETS   65536 /* a power of two; untouched pages cost nothing */
#define SLAB_SIZE 256   /* conns; slabs are never freed */

static const usec_t timeouts[] = {
	[CONN_CLASS_CLOSED] = CONN_LINGER,       [CONN_CLASS_ANSWERED] = CONN_ANSWERED,
	[CONN_CLASS_DATAGRAMS] = CONN_DATAGRAMS, [CONN_CLASS_OPENING] = CONN_OPENING,
	[CONN_CLASS_CLOSING] = CONN_HALF_OPEN,   [CONN_CLASS_HELD] = 0,
};
_Static_assert(G_N_ELEMENTS(timeouts) == CONN_N_CLASSES, "a timeout for every class");

/* --- hashing --- */

static struct conn **bucket_of(struct conn_table *table, const struct conn_key *key)
{
	return &table->buckets[hash_bytes(hash_seed(), key, sizeof(*key)) & (BUCKETS - 1)];
}

struct conn *conn_find(struct conn_table *table, const struct conn_key *key)
{
	struct conn *conn = table->cached;

	if (conn && conn_key_equal(&conn->key, key))
		return conn;
	for (conn = *bucket_of(table, key); conn; conn = conn->next) {
		if (conn_key_equal(&conn->key, key)) {
			table->cached = conn;
			return conn;
		}
	}
	return NULL;
}

/* --- of one port --- */

static struct conn_share *find_share(const struct conn_table *table, unsigned port_id)
{
	return g_hash_table_lookup(table->shares, GUINT_TO_POINTER(port_id));
}

static struct conn_share *share_of(struct conn_table *table, unsigned port_id)
{
	struct conn_share *share = find_share(table, port_id);

	if (!share) {
		share = g_new0(struct conn_share, 1);
		share->port_id = port_id;
		share->charge = charge_get(table->charges, port_id);
		for (unsigned i = 0; i < CONN_N_CLASSES; i++)
			list_init(&share->classes[i]);
		g_hash_table_insert(table->shares, GUINT_TO_POINTER(port_id), share);
	}
	return share;
}

static void enlist(struct conn_table *table, struct conn *conn)
{
	conn->class = conn_class_of(conn);
	list_append(&table->classes[conn->class], &conn->link);
	list_append(&conn->share->classes[conn->class], &conn->share_link);
}

static void delist(struct conn *conn)
{
	list_remove(&conn->link);
	list_remove(&conn->share_link);
}

/* conns join lists at the end, so an armed timer is never too late for the others. */
static void wake_for(struct conn_table *table, const struct conn *conn)
{
	usec_t at = conn->seen + timeouts[conn->class];

	if (conn->class != CONN_CLASS_HELD &&
	    (!loop_timer_is_set(&table->timer) || table->timer.at > at))
		loop_timer_set(&table->timer, at);
}

/* Moves @conn to the end of its class, which may have changed. */
static void touch(struct conn_table *table, struct conn *conn, usec_t now)
{
	enum conn_class class = conn_class_of(conn);

	conn->seen = now;
	if (class == conn->class &&
	    (class == CONN_CLASS_HELD || table->classes[class].prev == &conn->link))
		return;
	delist(conn);
	enlist(table, conn);
	wake_for(table, conn);
}

/* --- room --- */

static void leave_share(struct conn_table *table, struct conn *conn)
{
	struct conn_share *share = conn->share;

	charge_give(share->charge, CHARGE_CONNS, 1);
	charge_put(conn->charge);
	if (--share->n > 0)
		return;
	g_hash_table_remove(table->shares, GUINT_TO_POINTER(share->port_id));
	charge_put(share->charge);
	g_free(share);
}

static void join_share(struct conn_table *table, struct conn *conn, unsigned port_id)
{
	conn->share = share_of(table, port_id);
	conn->share->n++;
	conn->port_id = port_id;
	conn->charge = charge_ref(conn->share->charge);
	charge_force(conn->charge, CHARGE_CONNS, 1);
}

void conn_unlink(struct conn_table *table, struct conn *conn)
{
	struct conn **at = bucket_of(table, &conn->key);

	conn_log(conn, "ended");
	if (conn->ops)
		conn->ops->ended(conn);
	while (*at != conn)
		at = &(*at)->next;
	*at = conn->next;
	if (table->cached == conn)
		table->cached = NULL;
	delist(conn);
	list_remove(&conn->guest_link);
	leave_share(table, conn);
	if (conn->rule)
		g_ref_string_release((char *)conn->rule);
	conn_name(conn, NULL, false, false);
	table->n--;
	list_append(&table->idle, &conn->link);
}

void conn_end(struct conn_table *table, struct conn *conn)
{
	struct conn_guest *guest = conn->guest;

	conn_unlink(table, conn);
	conn_guest_forget(table, guest);
}

/* Classes to evict from, in this order: closed first, then those idle for longest. */
static const enum conn_class expendable[] = {CONN_CLASS_CLOSED, CONN_CLASS_ANSWERED,
					     CONN_CLASS_DATAGRAMS};

static bool evict_of_share(struct conn_table *table, struct conn_share *share)
{
	for (unsigned i = 0; share && i < G_N_ELEMENTS(expendable); i++) {
		struct list *class = &share->classes[expendable[i]];

		if (!list_empty(class)) {
			conn_end(table, list_first(class, struct conn, share_link));
			return true;
		}
	}
	return false;
}

static bool evict_of_all(struct conn_table *table)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(expendable); i++) {
		struct list *class = &table->classes[expendable[i]];

		if (!list_empty(class)) {
			conn_end(table, list_first(class, struct conn, link));
			return true;
		}
	}
	return false;
}

static bool make_room(struct conn_table *table, unsigned port_id)
{
	struct conn_share *share = find_share(table, port_id);
	bool few = !share || share->n < CONN_FEW;

	if (reserve_is_low())
		return false;
	if (table->n < CONN_MAX - CONN_MAX / CONN_DENOMINATOR || (few && table->n < CONN_MAX))
		return true;
	return evict_of_share(table, share) || (few && evict_of_all(table));
}

static struct conn *take_memory(struct conn_table *table)
{
	struct conn *conn;

	if (list_empty(&table->idle)) {
		struct conn *slab = g_new(struct conn, SLAB_SIZE);

		g_ptr_array_add(table->slabs, slab);
		for (unsigned i = 0; i < SLAB_SIZE; i++)
			list_append(&table->idle, &slab[i].link);
	}
	conn = container_of(table->idle.prev, struct conn,
			    link); /* most recently used: still in the cache */
	list_remove(&conn->link);
	return conn;
}

static enum conn_state first_state(const struct conn_key *key, enum conn_opener opener)
{
	if (key->proto != IPPROTO_TCP)
		return CONN_STATELESS;
	return opener == CONN_BY_GUEST ? CONN_SYN_SENT : CONN_SYN_RECEIVED;
}

struct conn *conn_open(struct conn_table *table, const struct conn_key *key,
		       const struct conn_origin *origin, usec_t now)
{
	struct conn *conn = conn_find(table, key);
	struct conn **bucket;

	if (conn)
		conn_end(table, conn);
	if (!make_room(table, origin->port_id))
		return NULL;
	conn = take_memory(table);
	*conn = (struct conn){
		.key = *key,
		.opener = (uint8_t)origin->opener,
		.state = (uint8_t)first_state(key, origin->opener),
		.admitted = origin->opener != CONN_BY_PEER,
		.served = origin->served,
		.mac = origin->mac,
		.rule = origin->rule ? g_ref_string_acquire((char *)origin->rule) : NULL,
		.since = now,
		.seen = now,
		.guest = conn_guest_of(table, &key->guest),
	};
	conn_name(conn, origin->name, origin->sni, origin->host);
	join_share(table, conn, origin->port_id);
	conn_guest_set_mac(table, conn->guest, origin->mac);
	conn->guest->spoke |= origin->opener == CONN_BY_GUEST;
	bucket = bucket_of(table, key);
	conn->next = *bucket;
	*bucket = conn;
	list_append(&conn->guest->conns, &conn->guest_link);
	table->n++;
	enlist(table, conn);
	wake_for(table, conn);
	table->cached = conn;
	conn_log(conn, "opened");
	return conn;
}

/* --- what passes --- */

void conn_passed(struct conn_table *table, struct conn *conn, enum conn_way way, unsigned packets,
		 uint64_t bytes, usec_t now)
{
	conn->count[way].packets += packets;
	conn->count[way].bytes += bytes;
	touch(table, conn, now);
}

void conn_set_state(struct conn_table *table, struct conn *conn, enum conn_state state, usec_t now)
{
	conn->state = (uint8_t)state;
	touch(table, conn, now);
}

void conn_pass(struct conn_table *table, struct conn *conn, const struct packet *packet,
	       enum conn_way way, usec_t now)
{
	if (packet->proto == IPPROTO_TCP)
		conn_tcp_seen(conn, packet, way);
	conn_passed(table, conn, way, 1, packet->len - packet->payload, now);
}

void conn_admit(struct conn_table *table, struct conn *conn, const char *rule, usec_t now)
{
	const char *old = conn->rule; /* perhaps the only reference to @rule */

	conn->rule = rule ? g_ref_string_acquire((char *)rule) : NULL;
	if (old)
		g_ref_string_release((char *)old);
	conn->admitted = true;
	conn->cut = false;
	touch(table, conn, now);
}

void conn_name(struct conn *conn, const char *name, bool sni, bool host)
{
	const char *old = conn->name; /* perhaps the only reference to @name */

	conn->name = name ? g_ref_string_acquire((char *)name) : NULL;
	if (old)
		g_ref_string_release((char *)old);
	conn->sni = sni;
	conn->host = host;
}

void conn_close(struct conn_table *table, struct conn *conn, usec_t now)
{
	conn->ends.reset = true;
	conn->state = CONN_CLOSED;
	touch(table, conn, now);
}

void conn_move(struct conn_table *table, struct conn *conn, mac_t mac, unsigned port_id)
{
	struct charge *from = charge_ref(conn->charge);

	conn->mac = mac;
	conn_guest_set_mac(table, conn->guest, mac);
	if (conn->port_id != port_id) {
		list_remove(&conn->share_link);
		leave_share(table, conn);
		join_share(table, conn, port_id);
		list_append(&conn->share->classes[conn->class], &conn->share_link);
	}
	if (conn->ops && conn->ops->moved)
		conn->ops->moved(conn, from);
	charge_put(from);
}

void conn_cut(struct conn_table *table, struct conn *conn, usec_t now)
{
	conn->admitted = false;
	conn->cut = true;
	if (conn->key.proto == IPPROTO_TCP)
		conn_close(table, conn, now);
	else
		touch(table, conn, now);
}

bool conn_seen_to_guest(struct conn_table *table, const struct conn_key *key, unsigned bytes,
			const struct conn_origin *origin, usec_t now)
{
	struct conn *conn = conn_find(table, key);

	if (!conn || conn->opener != CONN_BY_FORWARD)
		conn = conn_open(table, key, origin, now);
	if (!conn)
		return false;
	conn->admitted = false;
	conn_passed(table, conn, CONN_TO_GUEST, 1, bytes, now);
	return true;
}

bool conn_seen_from_guest(struct conn_table *table, const struct conn_key *key, unsigned bytes,
			  usec_t now)
{
	struct conn *conn = conn_find(table, key);

	if (!conn || conn->opener != CONN_BY_FORWARD)
		return false;
	conn_passed(table, conn, CONN_FROM_GUEST, 1, bytes, now);
	return true;
}

/* --- the whole --- */

unsigned conn_count_all(const struct conn_table *table)
{
	return table->n;
}

unsigned conn_count_port(const struct conn_table *table, unsigned port_id)
{
	const struct conn_share *share = find_share(table, port_id);

	return share ? share->n : 0;
}

void conn_foreach(struct conn_table *table, void (*each)(void *data, struct conn *conn), void *data)
{
	for (unsigned i = 0; i < CONN_N_CLASSES; i++) {
		struct list all;

		/* @each may move a conn to the end of its class: take all conns aside first. */
		list_init(&all);
		list_splice(&all, &table->classes[i]);
		while (!list_empty(&all)) {
			struct conn *conn = list_first(&all, struct conn, link);

			list_remove(&conn->link);
			list_append(&table->classes[i], &conn->link);
			each(data, conn);
		}
	}
}

void conn_table_expire(struct conn_table *table, usec_t now)
{
	usec_t next = conn_guests_expire(table, now);

	for (unsigned i = 0; i < CONN_N_CLASSES; i++) {
		struct list *class = &table->classes[i];

		if (i == CONN_CLASS_HELD)
			continue;
		while (!list_empty(class)) {
			struct conn *conn = list_first(class, struct conn, link);
			usec_t at = conn->seen + timeouts[i];

			if (at > now) {
				next = next && next < at ? next : at;
				break;
			}
			conn_end(table, conn);
		}
	}
	if (next)
		loop_timer_set(&table->timer, next);
	else
		loop_timer_cancel(&table->timer);
}

static void on_timer(struct loop_timer *timer)
{
	struct conn_table *table = container_of(timer, struct conn_table, timer);

	conn_table_expire(table, loop_now(timer->loop));
}

struct conn_table *conn_table_new(struct loop *loop, struct charge_book *charges)
{
	struct conn_table *table = g_new0(struct conn_table, 1);

	table->charges = charges;
	table->buckets = g_new0(struct conn *, BUCKETS);
	for (unsigned i = 0; i < CONN_N_CLASSES; i++)
		list_init(&table->classes[i]);
	list_init(&table->idle);
	table->slabs = g_ptr_array_new_with_free_func(g_free);
	table->guests = g_hash_table_new(address_hash, address_equal);
	table->shares = g_hash_table_new(NULL, NULL);
	table->by_mac = g_new(struct list, CONN_MAC_BUCKETS);
	for (unsigned i = 0; i < CONN_MAC_BUCKETS; i++)
		list_init(&table->by_mac[i]);
	loop_timer_init(loop, &table->timer, on_timer);
	return table;
}

void conn_table_free(struct conn_table *table)
{
	for (unsigned i = 0; i < CONN_N_CLASSES; i++) {
		while (!list_empty(&table->classes[i]))
			conn_end(table, list_first(&table->classes[i], struct conn, link));
	}
	loop_timer_cancel(&table->timer);
	g_hash_table_destroy(table->guests);
	g_hash_table_destroy(table->shares);
	g_ptr_array_unref(table->slabs);
	g_free(table->by_mac);
	g_free(table->buckets);
	g_free(table);
}
