/* SPDX-License-Identifier: BSD-3-Clause */
#include "conntrack/flow_table.h"

#include "base/hash.h"

#define BUCKETS   65536 /* a power of two; pages that nobody used cost nothing */
#define SLAB_SIZE 256   /* flows; slabs are kept, so memory is that of the busiest hour */

/* The flows of one guest address, for when it goes. */
struct flow_guest {
	struct in6_addr addr;
	struct list flows; /* heads flow::guest_link */
};

/* What one port holds. */
struct flow_share {
	unsigned port_id, n;
	struct list classes[FLOW_N_CLASSES]; /* heads flow::share_link */
};

struct flow_table {
	struct flow **buckets;
	struct flow *cached; /* the one found last */
	unsigned n;
	struct list classes[FLOW_N_CLASSES]; /* heads flow::link */
	struct list idle;                    /* heads flow::link: memory for the next */
	GPtrArray *slabs;
	GHashTable *guests; /* struct in6_addr -> struct flow_guest, while it has flows */
	GHashTable *shares; /* port id -> struct flow_share, while it has flows */
	struct loop_timer timer;
};

static const usec_t timeouts[] = {
	[FLOW_CLASS_CLOSED] = FLOW_LINGER,       [FLOW_CLASS_ANSWERED] = FLOW_ANSWERED,
	[FLOW_CLASS_DATAGRAMS] = FLOW_DATAGRAMS, [FLOW_CLASS_OPENING] = FLOW_OPENING,
	[FLOW_CLASS_CLOSING] = FLOW_HALF_OPEN,   [FLOW_CLASS_HELD] = 0,
};
_Static_assert(G_N_ELEMENTS(timeouts) == FLOW_N_CLASSES, "a timeout for every class");

/* --- hashing --- */

static struct flow **bucket_of(struct flow_table *table, const struct flow_key *key)
{
	return &table->buckets[hash_bytes(hash_seed(), key, sizeof(*key)) & (BUCKETS - 1)];
}

struct flow *flow_find(struct flow_table *table, const struct flow_key *key)
{
	struct flow *flow = table->cached;

	if (flow && flow_key_equal(&flow->key, key))
		return flow;
	for (flow = *bucket_of(table, key); flow; flow = flow->next) {
		if (flow_key_equal(&flow->key, key)) {
			table->cached = flow;
			return flow;
		}
	}
	return NULL;
}

/* --- whose, and how many --- */

static struct flow_guest *guest_of(struct flow_table *table, const struct in6_addr *addr)
{
	struct flow_guest *guest = g_hash_table_lookup(table->guests, addr);

	if (!guest) {
		guest = g_new0(struct flow_guest, 1);
		guest->addr = *addr;
		list_init(&guest->flows);
		g_hash_table_insert(table->guests, &guest->addr, guest);
	}
	return guest;
}

static struct flow_share *find_share(const struct flow_table *table, unsigned port_id)
{
	return g_hash_table_lookup(table->shares, GUINT_TO_POINTER(port_id));
}

static struct flow_share *share_of(struct flow_table *table, unsigned port_id)
{
	struct flow_share *share = find_share(table, port_id);

	if (!share) {
		share = g_new0(struct flow_share, 1);
		share->port_id = port_id;
		for (unsigned i = 0; i < FLOW_N_CLASSES; i++)
			list_init(&share->classes[i]);
		g_hash_table_insert(table->shares, GUINT_TO_POINTER(port_id), share);
	}
	return share;
}

static void enlist(struct flow_table *table, struct flow *flow)
{
	flow->class = flow_class_of(flow);
	list_append(&table->classes[flow->class], &flow->link);
	list_append(&flow->share->classes[flow->class], &flow->share_link);
}

static void delist(struct flow *flow)
{
	list_remove(&flow->link);
	list_remove(&flow->share_link);
}

/* Lists only grow at their ends, so the timer is late for none that was there already. */
static void wake_for(struct flow_table *table, const struct flow *flow)
{
	usec_t at = flow->seen + timeouts[flow->class];

	if (flow->class != FLOW_CLASS_HELD &&
	    (!loop_timer_is_set(&table->timer) || table->timer.at > at))
		loop_timer_set(&table->timer, at);
}

/* @flow was seen: it goes behind all others of its class, which may be another by now. */
static void touch(struct flow_table *table, struct flow *flow, usec_t now)
{
	enum flow_class class = flow_class_of(flow);

	flow->seen = now;
	if (class == flow->class &&
	    (class == FLOW_CLASS_HELD || table->classes[class].prev == &flow->link))
		return;
	delist(flow);
	enlist(table, flow);
	wake_for(table, flow);
}

/* --- room --- */

static void forget_if_empty(struct flow_table *table, struct flow_guest *guest)
{
	if (!list_empty(&guest->flows))
		return;
	g_hash_table_remove(table->guests, &guest->addr);
	g_free(guest);
}

/* All but its guest. */
static void end(struct flow_table *table, struct flow *flow)
{
	struct flow **at = bucket_of(table, &flow->key);

	while (*at != flow)
		at = &(*at)->next;
	*at = flow->next;
	if (table->cached == flow)
		table->cached = NULL;
	delist(flow);
	list_remove(&flow->guest_link);
	if (--flow->share->n == 0) {
		g_hash_table_remove(table->shares, GUINT_TO_POINTER(flow->share->port_id));
		g_free(flow->share);
	}
	if (flow->rule)
		g_ref_string_release((char *)flow->rule);
	table->n--;
	list_append(&table->idle, &flow->link);
}

void flow_end(struct flow_table *table, struct flow *flow)
{
	struct flow_guest *guest = flow->guest;

	end(table, flow);
	forget_if_empty(table, guest);
}

/* What nobody misses, soonest first: what is over, then what was quiet for longest. */
static const enum flow_class expendable[] = {FLOW_CLASS_CLOSED, FLOW_CLASS_ANSWERED,
					     FLOW_CLASS_DATAGRAMS};

static bool evict_of_share(struct flow_table *table, struct flow_share *share)
{
	for (unsigned i = 0; share && i < G_N_ELEMENTS(expendable); i++) {
		struct list *class = &share->classes[expendable[i]];

		if (!list_empty(class)) {
			flow_end(table, list_first(class, struct flow, share_link));
			return true;
		}
	}
	return false;
}

static bool evict_of_all(struct flow_table *table)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(expendable); i++) {
		struct list *class = &table->classes[expendable[i]];

		if (!list_empty(class)) {
			flow_end(table, list_first(class, struct flow, link));
			return true;
		}
	}
	return false;
}

static bool make_room(struct flow_table *table, unsigned port_id)
{
	struct flow_share *share = find_share(table, port_id);
	bool few = !share || share->n < FLOW_FEW;

	if (table->n < FLOW_MAX - FLOW_MAX / FLOW_DENOMINATOR || (few && table->n < FLOW_MAX))
		return true;
	return evict_of_share(table, share) || (few && evict_of_all(table));
}

static struct flow *take_memory(struct flow_table *table)
{
	struct flow *flow;

	if (list_empty(&table->idle)) {
		struct flow *slab = g_new(struct flow, SLAB_SIZE);

		g_ptr_array_add(table->slabs, slab);
		for (unsigned i = 0; i < SLAB_SIZE; i++)
			list_append(&table->idle, &slab[i].link);
	}
	flow = container_of(table->idle.prev, struct flow,
			    link); /* used last: still in the cache */
	list_remove(&flow->link);
	return flow;
}

static enum flow_state first_state(const struct flow_key *key, enum flow_opener opener)
{
	if (key->proto != IPPROTO_TCP)
		return FLOW_STATELESS;
	return opener == FLOW_BY_GUEST ? FLOW_SYN_SENT : FLOW_SYN_RECEIVED;
}

struct flow *flow_open(struct flow_table *table, const struct flow_key *key,
		       const struct flow_origin *origin, usec_t now)
{
	struct flow *flow = flow_find(table, key);
	struct flow **bucket;

	if (flow)
		flow_end(table, flow);
	if (!make_room(table, origin->port_id))
		return NULL;
	flow = take_memory(table);
	*flow = (struct flow){
		.key = *key,
		.opener = (uint8_t)origin->opener,
		.state = (uint8_t)first_state(key, origin->opener),
		.admitted = origin->opener != FLOW_BY_PEER,
		.served = origin->served,
		.shard = origin->shard,
		.fd = -1,
		.mac = origin->mac,
		.port_id = origin->port_id,
		.rule = origin->rule ? g_ref_string_acquire((char *)origin->rule) : NULL,
		.since = now,
		.seen = now,
		.guest = guest_of(table, &key->guest),
		.share = share_of(table, origin->port_id),
	};
	bucket = bucket_of(table, key);
	flow->next = *bucket;
	*bucket = flow;
	list_append(&flow->guest->flows, &flow->guest_link);
	flow->share->n++;
	table->n++;
	enlist(table, flow);
	wake_for(table, flow);
	table->cached = flow;
	return flow;
}

/* --- what passes --- */

static void add(struct flow_table *table, struct flow *flow, enum flow_way way, unsigned bytes,
		usec_t now)
{
	flow->count[way].packets++;
	flow->count[way].bytes += bytes;
	touch(table, flow, now);
}

void flow_pass(struct flow_table *table, struct flow *flow, const struct packet *packet,
	       enum flow_way way, usec_t now)
{
	if (packet->proto == IPPROTO_TCP)
		flow_tcp_seen(flow, packet, way);
	add(table, flow, way, packet->len - packet->payload, now);
}

void flow_admit(struct flow_table *table, struct flow *flow, const char *rule, usec_t now)
{
	if (flow->rule)
		g_ref_string_release((char *)flow->rule);
	flow->rule = rule ? g_ref_string_acquire((char *)rule) : NULL;
	flow->admitted = true;
	flow->cut = false;
	touch(table, flow, now);
}

void flow_set_fd(struct flow *flow, int fd)
{
	flow->fd = fd;
}

void flow_set_shard(struct flow *flow, unsigned shard)
{
	flow->shard = (uint8_t)shard;
}

void flow_close(struct flow_table *table, struct flow *flow, usec_t now)
{
	flow->tcp.reset = true;
	flow->state = FLOW_CLOSED;
	touch(table, flow, now);
}

void flow_take_over(struct flow *flow, mac_t mac)
{
	flow->mac = mac;
}

void flow_cut(struct flow_table *table, struct flow *flow, usec_t now)
{
	flow->admitted = false;
	flow->cut = true;
	if (flow->key.proto == IPPROTO_TCP)
		flow_close(table, flow, now);
	else
		touch(table, flow, now);
}

bool flow_seen_to_guest(struct flow_table *table, const struct flow_key *key, unsigned bytes,
			const struct flow_origin *origin, usec_t now)
{
	struct flow *flow = flow_find(table, key);

	if (!flow || flow->opener != FLOW_BY_FORWARD)
		flow = flow_open(table, key, origin, now);
	if (!flow)
		return false;
	flow->admitted = false;
	add(table, flow, FLOW_TO_GUEST, bytes, now);
	return true;
}

bool flow_seen_from_guest(struct flow_table *table, const struct flow_key *key, unsigned bytes,
			  usec_t now)
{
	struct flow *flow = flow_find(table, key);

	if (!flow || flow->opener != FLOW_BY_FORWARD)
		return false;
	add(table, flow, FLOW_FROM_GUEST, bytes, now);
	return true;
}

/* --- the whole --- */

void flow_end_guest(struct flow_table *table, const struct in6_addr *addr, bool tcp_only)
{
	struct flow_guest *guest = g_hash_table_lookup(table->guests, addr);
	struct list all;

	if (!guest)
		return;
	list_init(&all);
	list_splice(&all, &guest->flows);
	while (!list_empty(&all)) {
		struct flow *flow = list_first(&all, struct flow, guest_link);

		list_remove(&flow->guest_link);
		list_append(&guest->flows, &flow->guest_link);
		if (!tcp_only || flow->key.proto == IPPROTO_TCP)
			end(table, flow);
	}
	forget_if_empty(table, guest);
}

unsigned flow_count_all(const struct flow_table *table)
{
	return table->n;
}

unsigned flow_count_port(const struct flow_table *table, unsigned port_id)
{
	const struct flow_share *share = find_share(table, port_id);

	return share ? share->n : 0;
}

void flow_foreach(struct flow_table *table, void (*each)(void *data, struct flow *flow), void *data)
{
	for (unsigned i = 0; i < FLOW_N_CLASSES; i++) {
		struct list all;

		/* @each may move a flow to the end of a class: what is looked at is set aside. */
		list_init(&all);
		list_splice(&all, &table->classes[i]);
		while (!list_empty(&all)) {
			struct flow *flow = list_first(&all, struct flow, link);

			list_remove(&flow->link);
			list_append(&table->classes[i], &flow->link);
			each(data, flow);
		}
	}
}

void flow_foreach_of(struct flow_table *table, const struct in6_addr *addr,
		     void (*each)(void *data, const struct flow *flow), void *data)
{
	struct flow_guest *guest = g_hash_table_lookup(table->guests, addr);

	if (!guest)
		return;
	list_for_each (flow, &guest->flows, struct flow, guest_link)
		each(data, flow);
}

void flow_table_expire(struct flow_table *table, usec_t now)
{
	usec_t next = 0;

	for (unsigned i = 0; i < FLOW_N_CLASSES; i++) {
		struct list *class = &table->classes[i];

		if (i == FLOW_CLASS_HELD)
			continue;
		while (!list_empty(class)) {
			struct flow *flow = list_first(class, struct flow, link);
			usec_t at = flow->seen + timeouts[i];

			if (at > now) {
				next = next && next < at ? next : at;
				break;
			}
			flow_end(table, flow);
		}
	}
	if (next)
		loop_timer_set(&table->timer, next);
	else
		loop_timer_cancel(&table->timer);
}

static void on_timer(struct loop_timer *timer)
{
	struct flow_table *table = container_of(timer, struct flow_table, timer);

	flow_table_expire(table, loop_now(timer->loop));
}

struct flow_table *flow_table_new(struct loop *loop)
{
	struct flow_table *table = g_new0(struct flow_table, 1);

	table->buckets = g_new0(struct flow *, BUCKETS);
	for (unsigned i = 0; i < FLOW_N_CLASSES; i++)
		list_init(&table->classes[i]);
	list_init(&table->idle);
	table->slabs = g_ptr_array_new_with_free_func(g_free);
	table->guests = g_hash_table_new(address_hash, address_equal);
	table->shares = g_hash_table_new(NULL, NULL);
	loop_timer_init(loop, &table->timer, on_timer);
	return table;
}

void flow_table_free(struct flow_table *table)
{
	for (unsigned i = 0; i < FLOW_N_CLASSES; i++) {
		while (!list_empty(&table->classes[i]))
			flow_end(table, list_first(&table->classes[i], struct flow, link));
	}
	loop_timer_cancel(&table->timer);
	g_hash_table_destroy(table->guests);
	g_hash_table_destroy(table->shares);
	g_ptr_array_unref(table->slabs);
	g_free(table->buckets);
	g_free(table);
}
