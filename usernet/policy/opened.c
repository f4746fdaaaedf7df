/* SPDX-License-Identifier: BSD-3-Clause */
#include "policy/opened.h"

#include <glib.h>
#include <string.h>

#include "base/hash.h"
#include "base/list.h"
#include "base/log.h"

struct key {
	mac_t mac;
	struct in6_addr addr;
};

/* A name that stands for an address. */
struct opening {
	struct opening *next; /* of the same address; newest first */
	struct key key;
	struct holder *guest, *port;
	struct policy_known *known; /* a reference */
	usec_t until;
	struct list guest_link; // opening::guest->openings
	struct list port_link;  // opening::port->openings
	struct list link;       // policy_open::openings
};

/* A guest or a port, which has openings. */
struct holder {
	uint64_t id; /* a guest's MAC, a port's id */
	unsigned n;
	struct list openings; // heads opening::guest_link or opening::port_link; oldest first
	struct list link;     // policy_open::by_size; of a port
};

#define SIZES 17 /* of POLICY_OPEN_MAX at most, in bits */

struct policy_open {
	GHashTable *addresses;      /* &opening::key -> opening, the first of its address */
	GHashTable *guests;         /* &holder::id -> holder */
	GHashTable *ports;          /* the same */
	struct list by_size[SIZES]; /* heads holder::link: ports with 1, 2..3, 4..7 … openings */
	struct list openings;       // heads opening::link; oldest first
	unsigned n;
	usec_t swept;
	uint64_t displaced;
	struct policy_known *last;
	struct log_limit full;
};

static guint key_hash(gconstpointer data)
{
	const struct key *key = data;

	return (guint)hash_bytes(hash_mix(hash_seed() ^ key->mac), &key->addr, sizeof(key->addr));
}

static gboolean key_equal(gconstpointer a, gconstpointer b)
{
	const struct key *p = a, *q = b;

	return p->mac == q->mac && memcmp(&p->addr, &q->addr, sizeof(p->addr)) == 0;
}

static guint id_hash(gconstpointer key)
{
	return (guint)hash_mix(*(const uint64_t *)key ^ hash_seed());
}

struct policy_open *policy_open_new(void)
{
	struct policy_open *open = g_new0(struct policy_open, 1);

	open->addresses = g_hash_table_new(key_hash, key_equal);
	open->guests = g_hash_table_new_full(id_hash, g_int64_equal, NULL, g_free);
	open->ports = g_hash_table_new_full(id_hash, g_int64_equal, NULL, g_free);
	list_init(&open->openings);
	for (unsigned i = 0; i < SIZES; i++)
		list_init(&open->by_size[i]);
	return open;
}

static void known_free(void *data)
{
	struct policy_known *known = data;

	g_ref_string_release(known->text);
}

static void known_put(struct policy_known *known)
{
	if (known)
		g_rc_box_release_full(known, known_free);
}

struct policy_known *policy_open_name(struct policy_open *open, const struct dns_name *name)
{
	g_autofree char *text = NULL;

	if (open->last && dns_name_equal(&open->last->name, name))
		return open->last;
	known_put(open->last);
	text = dns_name_format(name);
	open->last = g_rc_box_new0(struct policy_known);
	open->last->name = *name;
	open->last->text = g_ref_string_new(text);
	return open->last;
}

static void unchain(struct policy_open *open, struct opening *opening)
{
	struct opening *first = g_hash_table_lookup(open->addresses, &opening->key),
		       *before = first;

	if (first != opening) {
		while (before->next != opening)
			before = before->next;
		before->next = opening->next;
		return;
	}
	/* The key is the first one's own. */
	g_hash_table_remove(open->addresses, &opening->key);
	if (opening->next)
		g_hash_table_insert(open->addresses, &opening->next->key, opening->next);
}

static struct holder *hold(GHashTable *holders, uint64_t id)
{
	struct holder *holder = g_hash_table_lookup(holders, &id);

	if (!holder) {
		holder = g_new0(struct holder, 1);
		holder->id = id;
		list_init(&holder->openings);
		list_init(&holder->link);
		g_hash_table_insert(holders, &holder->id, holder);
	}
	holder->n++;
	return holder;
}

static void let_go(GHashTable *holders, struct holder *holder)
{
	if (--holder->n == 0)
		g_hash_table_remove(holders, &holder->id);
}

/* The number of @port's openings changes. */
static void set_size(struct policy_open *open, struct holder *port, unsigned n)
{
	list_remove(&port->link);
	if (n)
		list_append(&open->by_size[g_bit_storage(n) - 1], &port->link);
}

static void end(struct policy_open *open, struct opening *opening)
{
	unchain(open, opening);
	list_remove(&opening->guest_link);
	list_remove(&opening->port_link);
	list_remove(&opening->link);
	open->n--;
	let_go(open->guests, opening->guest);
	set_size(open, opening->port, opening->port->n - 1);
	let_go(open->ports, opening->port);
	known_put(opening->known);
	g_free(opening);
}

void policy_open_free(struct policy_open *open)
{
	list_for_each_safe (opening, &open->openings, struct opening, link)
		end(open, opening);
	known_put(open->last);
	g_hash_table_destroy(open->addresses);
	g_hash_table_destroy(open->guests);
	g_hash_table_destroy(open->ports);
	g_free(open);
}

/* --- bounds --- */

static struct holder *full(GHashTable *holders, uint64_t id, unsigned max)
{
	struct holder *holder = g_hash_table_lookup(holders, &id);

	return holder && holder->n >= max ? holder : NULL;
}

static struct opening *oldest_of_port(const struct holder *port)
{
	return list_first(&port->openings, struct opening, port_link);
}

/* Of those with most openings, within a factor of two. */
static struct holder *largest_port(struct policy_open *open)
{
	unsigned i = SIZES - 1;

	while (list_empty(&open->by_size[i]))
		i--;
	return list_first(&open->by_size[i], struct holder, link);
}

/* The opening that must end before there is room for another; NULL: none. */
static struct opening *in_the_way(struct policy_open *open, unsigned port_id, const struct key *key,
				  const char **why)
{
	struct opening *last = NULL;
	struct holder *holder;
	unsigned n = 0;

	for (struct opening *each = g_hash_table_lookup(open->addresses, key); each;
	     each = each->next, n++)
		last = each;
	if (n >= POLICY_OPEN_PER_ADDRESS) {
		*why = "the address has as many names as it may";
		return last;
	}
	holder = full(open->guests, key->mac, POLICY_OPEN_PER_GUEST);
	if (holder) {
		*why = "the guest has as many addresses open as it may";
		return list_first(&holder->openings, struct opening, guest_link);
	}
	holder = full(open->ports, port_id, POLICY_OPEN_PER_PORT);
	if (holder) {
		*why = "the port has as many addresses open as it may (--limit open-names)";
		return oldest_of_port(holder);
	}
	if (open->n < POLICY_OPEN_MAX)
		return NULL;
	*why = "all ports have as many addresses open as they may, and this guest's has most";
	return oldest_of_port(largest_port(open));
}

/* Removes what has ended, at most once in POLICY_OPEN_GRACE. False: it removed nothing. */
static bool sweep(struct policy_open *open, usec_t now)
{
	unsigned before = open->n;

	if (now < open->swept + POLICY_OPEN_GRACE)
		return false;
	open->swept = now;
	list_for_each_safe (opening, &open->openings, struct opening, link) {
		if (opening->until <= now)
			end(open, opening);
	}
	return open->n < before;
}

static void make_room(struct policy_open *open, unsigned port_id, const struct key *key, usec_t now)
{
	struct opening *opening;
	const char *why;

	while ((opening = in_the_way(open, port_id, key, &why))) {
		if (sweep(open, now))
			continue;
		if (opening->until > now) {
			log_limited(&open->full,
				    "policy: %s no longer opens an address for " MAC_FMT ": %s",
				    opening->known->text, MAC_ARGS(opening->key.mac), why);
			open->displaced++;
		}
		end(open, opening);
	}
}

/* --- what is open --- */

static usec_t end_of(uint32_t ttl, usec_t now)
{
	return now + MIN(ttl, POLICY_OPEN_TTL_MAX) * USEC_PER_SEC + POLICY_OPEN_GRACE;
}

bool policy_open_renew(struct policy_open *open, unsigned port_id, mac_t mac,
		       const struct in6_addr *addr, const struct dns_name *name, uint32_t ttl,
		       usec_t now)
{
	struct key key = {.mac = mac, .addr = *addr};
	struct opening *opening = g_hash_table_lookup(open->addresses, &key);

	/* Only the newest name keeps its place among those of the address. */
	if (!opening || opening->port->id != port_id ||
	    !dns_name_equal(&opening->known->name, name))
		return false;
	opening->until = MAX(opening->until, end_of(ttl, now));
	list_remove(&opening->guest_link);
	list_remove(&opening->port_link);
	list_remove(&opening->link);
	list_append(&opening->guest->openings, &opening->guest_link);
	list_append(&opening->port->openings, &opening->port_link);
	list_append(&open->openings, &opening->link);
	return true;
}

void policy_open_add(struct policy_open *open, unsigned port_id, mac_t mac,
		     const struct in6_addr *addr, struct policy_known *known, uint32_t ttl,
		     usec_t now)
{
	struct key key = {.mac = mac, .addr = *addr};
	struct opening *first = g_hash_table_lookup(open->addresses, &key), *opening;
	usec_t until = end_of(ttl, now);

	for (opening = first; opening; opening = opening->next) {
		if (!dns_name_equal(&opening->known->name, &known->name))
			continue;
		/* An answer from a cache has less time left than the one before. */
		until = MAX(until, opening->until);
		end(open, opening);
		break;
	}
	make_room(open, port_id, &key, now);
	first = g_hash_table_lookup(open->addresses, &key);
	opening = g_new0(struct opening, 1);
	opening->key = key;
	opening->guest = hold(open->guests, mac);
	opening->port = hold(open->ports, port_id);
	set_size(open, opening->port, opening->port->n);
	opening->known = g_rc_box_acquire(known);
	opening->until = until;
	opening->next = first;
	g_hash_table_replace(open->addresses, &opening->key, opening);
	list_append(&opening->guest->openings, &opening->guest_link);
	list_append(&opening->port->openings, &opening->port_link);
	list_append(&open->openings, &opening->link);
	open->n++;
}

unsigned policy_open_find(const struct policy_open *open, mac_t mac, const struct in6_addr *addr,
			  usec_t now, const struct policy_known **names)
{
	struct key key = {.mac = mac, .addr = *addr};
	const struct opening *opening;
	unsigned n = 0;

	if (!open->n)
		return 0;
	opening = g_hash_table_lookup(open->addresses, &key);
	for (; opening; opening = opening->next) {
		if (opening->until > now)
			names[n++] = opening->known;
	}
	return n;
}

void policy_open_each(const struct policy_open *open, mac_t mac, usec_t now,
		      void (*each)(void *data, const struct in6_addr *addr,
				   const struct policy_known *known, usec_t left),
		      void *data)
{
	struct holder *guest = g_hash_table_lookup(open->guests, &mac);

	if (!guest)
		return;
	list_for_each (opening, &guest->openings, struct opening, guest_link) {
		if (opening->until > now)
			each(data, &opening->key.addr, opening->known, opening->until - now);
	}
}

unsigned policy_open_count(const struct policy_open *open)
{
	return open->n;
}

uint64_t policy_open_displaced(const struct policy_open *open)
{
	return open->displaced;
}
