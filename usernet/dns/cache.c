/* SPDX-License-Identifier: BSD-3-Clause */
#include "dns/cache.h"

#include <glib.h>
#include <string.h>

#include "base/hash.h"
#include "base/list.h"

/* Equal keys are equal queries. */
struct key {
	uint16_t type, class;
	uint16_t flags; /* RD, AD and CD, as their answers differ */
	bool edns, edns_do;
	struct dns_name name;
};

struct entry {
	struct key key;
	struct list link; // dns_cache::entries
	usec_t since, until;
	unsigned n_ttls;
	uint16_t *ttls; /* offsets of TTLs in data; allocated after it */
	size_t len;
	uint8_t data[];
};

struct dns_cache {
	GHashTable *by_key;  /* &entry::key -> entry */
	struct list entries; /* heads entry::link; least recently used first */
	size_t bytes;
	unsigned limit; /* seconds; 0: no limit */
	uint8_t out[DNS_CACHE_ANSWER_MAX];
};

#define KEY_FLAGS (DNS_RD | DNS_AD | DNS_CD)

static guint key_hash(gconstpointer data)
{
	const struct key *key = data;
	uint64_t rest = (uint64_t)key->type << 48 | (uint64_t)key->class << 32 |
			(uint32_t)key->flags << 16 | key->edns << 1 | key->edns_do;

	return (guint)hash_bytes(hash_mix(hash_seed() ^ rest), key->name.wire, key->name.len);
}

static gboolean key_equal(gconstpointer a, gconstpointer b)
{
	const struct key *p = a, *q = b;

	return p->type == q->type && p->class == q->class && p->flags == q->flags &&
	       p->edns == q->edns && p->edns_do == q->edns_do && dns_name_equal(&p->name, &q->name);
}

static bool make_key(struct key *key, const struct dns_query *query)
{
	if (query->extra || query->edns_options || query->edns_version)
		return false;
	key->type = query->type;
	key->class = query->class;
	key->flags = query->flags & KEY_FLAGS;
	key->edns = query->edns;
	key->edns_do = query->edns_do;
	key->name = query->name;
	return true;
}

/* --- life --- */

struct dns_cache *dns_cache_new(void)
{
	struct dns_cache *cache = g_new0(struct dns_cache, 1);

	cache->by_key = g_hash_table_new(key_hash, key_equal);
	list_init(&cache->entries);
	return cache;
}

static size_t entry_size(const struct entry *entry)
{
	return sizeof(*entry) + entry->len + entry->n_ttls * sizeof(entry->ttls[0]) + 1;
}

static void remove_entry(struct dns_cache *cache, struct entry *entry)
{
	g_hash_table_remove(cache->by_key, &entry->key);
	list_remove(&entry->link);
	cache->bytes -= entry_size(entry);
	g_free(entry);
}

void dns_cache_clear(struct dns_cache *cache)
{
	list_for_each_safe (entry, &cache->entries, struct entry, link)
		remove_entry(cache, entry);
}

void dns_cache_limit(struct dns_cache *cache, unsigned seconds)
{
	cache->limit = seconds;
}

void dns_cache_free(struct dns_cache *cache)
{
	if (!cache)
		return;
	dns_cache_clear(cache);
	g_hash_table_destroy(cache->by_key);
	g_free(cache);
}

/* --- storing --- */

struct shelf_life {
	uint32_t seconds;
	unsigned n_ttls;
	uint16_t ttls[DNS_CACHE_RECORDS_MAX];
};

/* RFC 2308 5: at most the SOA record's last field. */
static uint32_t negative_ttl(const struct dns_walk *walk, const struct dns_record *record)
{
	uint32_t minimum;

	if (record->rdlen < 22) /* two names and five numbers */
		return 0;
	minimum = dns_get32(walk->data + record->rdata + record->rdlen - 4);
	return MIN(record->ttl, minimum);
}

/* RFC 2181 8: a TTL with the highest bit set counts as 0. */
static uint32_t sane(uint32_t ttl)
{
	return ttl > INT32_MAX ? 0 : ttl;
}

/* False: do not keep it. */
static bool assess(struct shelf_life *life, uint16_t type, const uint8_t *answer, size_t len)
{
	unsigned flags = dns_get16(answer + 2), rcode = flags & DNS_RCODE;
	uint32_t negative = 0;
	bool positive = false;
	struct dns_record record;
	struct dns_walk walk;

	life->n_ttls = 0;
	life->seconds = DNS_CACHE_TTL_MAX;
	if ((flags & DNS_TC) || (rcode != DNS_NOERROR && rcode != DNS_NXDOMAIN) ||
	    !dns_walk_begin(&walk, answer, len))
		return false;
	while (dns_walk_next(&walk, &record)) {
		/*
		 * The OPT record has no TTL, but its extended rcode may make the answer an
		 * error.
		 */
		if (record.type == DNS_TYPE_OPT) {
			if (record.ttl >> 24)
				return false;
			continue;
		}
		if (record.type == DNS_TYPE_TSIG || record.type == DNS_TYPE_SIG ||
		    life->n_ttls == DNS_CACHE_RECORDS_MAX)
			return false;
		life->ttls[life->n_ttls++] = (uint16_t)record.ttl_at;
		life->seconds = MIN(life->seconds, sane(record.ttl));
		if (record.section == DNS_ANSWER)
			positive |= record.type != DNS_TYPE_CNAME || type == DNS_TYPE_CNAME;
		else if (record.section == DNS_AUTHORITY && record.type == DNS_TYPE_SOA)
			negative = negative_ttl(&walk, &record);
	}
	if (!positive || rcode == DNS_NXDOMAIN)
		life->seconds = MIN(life->seconds, MIN(negative, DNS_CACHE_NEGATIVE_MAX));
	return !walk.broken && life->seconds > 0;
}

void dns_cache_put(struct dns_cache *cache, const struct dns_query *query, const uint8_t *answer,
		   size_t len, usec_t now)
{
	struct shelf_life life;
	struct entry *entry;
	struct key key;
	size_t padded = (len + 1) & ~(size_t)1;

	if (len > DNS_CACHE_ANSWER_MAX || !make_key(&key, query) ||
	    !assess(&life, query->type, answer, len))
		return;
	if (cache->limit)
		life.seconds = MIN(life.seconds, cache->limit);
	entry = g_hash_table_lookup(cache->by_key, &key);
	if (entry)
		remove_entry(cache, entry);
	while (g_hash_table_size(cache->by_key) >= DNS_CACHE_MAX ||
	       (cache->bytes > DNS_CACHE_BYTES_MAX - DNS_CACHE_ANSWER_MAX * 2))
		remove_entry(cache, list_first(&cache->entries, struct entry, link));
	entry = g_malloc(sizeof(*entry) + padded + life.n_ttls * sizeof(life.ttls[0]));
	entry->key = key;
	entry->since = now;
	entry->until = now + life.seconds * USEC_PER_SEC;
	entry->len = len;
	memcpy(entry->data, answer, len);
	entry->n_ttls = life.n_ttls;
	entry->ttls = (uint16_t *)(void *)(entry->data + padded);
	memcpy(entry->ttls, life.ttls, life.n_ttls * sizeof(life.ttls[0]));
	g_hash_table_insert(cache->by_key, &entry->key, entry);
	list_append(&cache->entries, &entry->link);
	cache->bytes += entry_size(entry);
}

uint8_t *dns_cache_get(struct dns_cache *cache, const struct dns_query *query, usec_t now,
		       size_t *len)
{
	struct entry *entry;
	uint32_t age;
	struct key key;

	if (!make_key(&key, query))
		return NULL;
	entry = g_hash_table_lookup(cache->by_key, &key);
	if (!entry)
		return NULL;
	if (now >= entry->until) {
		remove_entry(cache, entry);
		return NULL;
	}
	list_remove(&entry->link);
	list_append(&cache->entries, &entry->link);
	memcpy(cache->out, entry->data, entry->len);
	age = (uint32_t)((now - entry->since) / USEC_PER_SEC);
	for (unsigned i = 0; age && i < entry->n_ttls; i++) {
		uint8_t *ttl = cache->out + entry->ttls[i];

		dns_put32(ttl, dns_get32(ttl) - age);
	}
	*len = entry->len;
	return cache->out;
}

unsigned dns_cache_count(const struct dns_cache *cache)
{
	return g_hash_table_size(cache->by_key);
}

size_t dns_cache_bytes(const struct dns_cache *cache)
{
	return cache->bytes;
}
