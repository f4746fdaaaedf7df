/* SPDX-License-Identifier: BSD-3-Clause */
#include "dns/pending.h"

#include <string.h>

#include "base/hash.h"
#include "base/list.h"
#include "dns/upstream.h"

/* A query's bytes with the id 0 and the name in lower case: equal ones are one question. */
struct key {
	size_t len;
	uint8_t *bytes;
};

/* What is being asked for. */
struct question {
	struct dns_pending *pending;
	struct key key;
	struct dns_query query; /* its data: key.bytes */
	struct list waiters;    /* heads waiter::link */
};

struct waiter {
	struct list link; // question::waiters
	struct dns_source source;
	uint16_t id;
	uint16_t name_len;
	uint8_t name[]; /* as it wrote it */
};

struct dns_pending {
	struct dns_upstream *upstream;
	const struct dns_pending_ops *ops;
	void *data;
	GHashTable *questions; /* &question::key -> question */
	GHashTable *charges;   /* own uint64_t, a port or a guest at one -> how many wait */
	unsigned n_waiters;
	uint8_t lowered[DNS_QUERY_MAX];
};

/* --- keys --- */

static guint key_hash(gconstpointer data)
{
	const struct key *key = data;

	return (guint)hash_bytes(hash_seed(), key->bytes, key->len);
}

static gboolean key_equal(gconstpointer a, gconstpointer b)
{
	const struct key *p = a, *q = b;

	return p->len == q->len && memcmp(p->bytes, q->bytes, p->len) == 0;
}

static guint charge_hash(gconstpointer key)
{
	return (guint)hash_mix(*(const uint64_t *)key ^ hash_seed());
}

static struct key lower_key(struct dns_pending *pending, const struct dns_query *query)
{
	memcpy(pending->lowered, query->data, query->len);
	dns_put16(pending->lowered, 0);
	memcpy(pending->lowered + DNS_HEADER, query->name.wire, query->name.len);
	return (struct key){query->len, pending->lowered};
}

/* --- charges --- */

/* Whoever asks on a connection is charged to it in dns_tcp.c, and here to the whole. */
static void charge_keys(const struct dns_source *source, uint64_t keys[2])
{
	uint64_t port = source->client.port_id;

	keys[0] = hash_mix(port ^ hash_seed());
	keys[1] = hash_mix(keys[0] ^ source->client.mac);
}

static unsigned charged(const struct dns_pending *pending, uint64_t key)
{
	return GPOINTER_TO_UINT(g_hash_table_lookup(pending->charges, &key));
}

static void charge(struct dns_pending *pending, const struct dns_source *source, int change)
{
	uint64_t keys[2];

	pending->n_waiters += (unsigned)change;
	if (source->conn)
		return;
	charge_keys(source, keys);
	for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++) {
		unsigned n = charged(pending, keys[i]) + (unsigned)change;

		if (n)
			g_hash_table_replace(pending->charges, g_memdup2(&keys[i], sizeof(keys[i])),
					     GUINT_TO_POINTER(n));
		else
			g_hash_table_remove(pending->charges, &keys[i]);
	}
}

static bool has_room(const struct dns_pending *pending, const struct dns_source *source)
{
	uint64_t keys[2];

	if (pending->n_waiters >= DNS_MAX_OUTSTANDING)
		return false;
	if (source->conn)
		return true;
	charge_keys(source, keys);
	return charged(pending, keys[0]) < DNS_MAX_PER_PORT &&
	       charged(pending, keys[1]) < DNS_MAX_PER_GUEST;
}

/* --- waiting --- */

static bool same_source(const struct dns_source *a, const struct dns_source *b)
{
	const struct dns_client *p = &a->client, *q = &b->client;

	return !b->conn && p->mac == q->mac && p->port_id == q->port_id && p->v6 == q->v6 &&
	       p->src_port == q->src_port &&
	       memcmp(&p->src, &q->src, p->v6 ? sizeof(p->src) : 4) == 0;
}

/* On a connection nothing is lost, so nothing is repeated. */
static bool waits_already(const struct question *question, const struct dns_source *source,
			  uint16_t id)
{
	if (source->conn)
		return false;
	list_for_each (waiter, &question->waiters, struct waiter, link) {
		if (waiter->id == id && same_source(&waiter->source, source))
			return true;
	}
	return false;
}

static void add_waiter(struct question *question, const struct dns_source *source,
		       const struct dns_query *query)
{
	struct waiter *waiter = g_malloc(sizeof(*waiter) + query->name.len);

	waiter->source = *source;
	waiter->id = query->id;
	waiter->name_len = query->name.len;
	memcpy(waiter->name, query->data + DNS_HEADER, query->name.len);
	list_append(&question->waiters, &waiter->link);
	charge(question->pending, source, 1);
}

static void forget_waiter(struct dns_pending *pending, struct waiter *waiter)
{
	charge(pending, &waiter->source, -1);
	list_remove(&waiter->link);
	g_free(waiter);
}

static void question_free(struct question *question)
{
	list_for_each_safe (waiter, &question->waiters, struct waiter, link)
		forget_waiter(question->pending, waiter);
	g_free(question->key.bytes);
	g_free(question);
}

static void came(void *data, uint8_t *answer, size_t len)
{
	struct question *question = data;
	struct dns_pending *pending = question->pending;
	struct dns_query query = question->query;
	g_autofree uint8_t *copy = NULL;
	uint8_t failure[DNS_UDP_MIN];

	g_hash_table_remove(pending->questions, &question->key);
	pending->ops->came(pending->data, &query, answer, len);
	if (!answer) {
		answer = failure;
		len = dns_answer_only(failure, sizeof(failure), &query, DNS_SERVFAIL);
	}
	/* Whoever answers may cut it: each gets a whole one. */
	copy = g_malloc(len);
	list_for_each_safe (waiter, &question->waiters, struct waiter, link) {
		memcpy(copy, answer, len);
		dns_put16(copy, waiter->id);
		memcpy(copy + DNS_HEADER, waiter->name, waiter->name_len);
		pending->ops->answer(pending->data, &waiter->source, &query, copy, len);
	}
	question_free(question);
}

static struct question *begin(struct dns_pending *pending, const struct key *key,
			      const struct dns_query *query)
{
	struct question *question = g_new0(struct question, 1);

	question->pending = pending;
	question->key = (struct key){key->len, g_memdup2(key->bytes, key->len)};
	question->query = *query;
	question->query.data = question->key.bytes;
	list_init(&question->waiters);
	g_hash_table_insert(pending->questions, &question->key, question);
	return question;
}

enum dns_wait dns_pending_ask(struct dns_pending *pending, const struct dns_source *source,
			      const struct dns_query *query)
{
	struct key key = lower_key(pending, query);
	struct question *question = g_hash_table_lookup(pending->questions, &key);

	if (question && waits_already(question, source, query->id))
		return DNS_WAIT_SHARED;
	if (!has_room(pending, source))
		return DNS_WAIT_FULL;
	if (question) {
		add_waiter(question, source, query);
		return DNS_WAIT_SHARED;
	}
	question = begin(pending, &key, query);
	add_waiter(question, source, query);
	dns_upstream_ask(pending->upstream, &question->query, came, question);
	return DNS_WAIT_ASKED;
}

/* --- life --- */

struct dns_pending *dns_pending_new(struct dns_upstream *upstream,
				    const struct dns_pending_ops *ops, void *data)
{
	struct dns_pending *pending = g_new0(struct dns_pending, 1);

	pending->upstream = upstream;
	pending->ops = ops;
	pending->data = data;
	pending->questions = g_hash_table_new(key_hash, key_equal);
	pending->charges = g_hash_table_new_full(charge_hash, g_int64_equal, g_free, NULL);
	return pending;
}

void dns_pending_free(struct dns_pending *pending)
{
	GHashTableIter iter;
	gpointer question;

	if (!pending)
		return;
	g_hash_table_iter_init(&iter, pending->questions);
	while (g_hash_table_iter_next(&iter, NULL, &question)) {
		g_hash_table_iter_steal(&iter);
		question_free(question);
	}
	g_hash_table_destroy(pending->questions);
	g_hash_table_destroy(pending->charges);
	g_free(pending);
}

unsigned dns_pending_count(const struct dns_pending *pending)
{
	return pending->n_waiters;
}
