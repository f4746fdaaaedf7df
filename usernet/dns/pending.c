/* SPDX-License-Identifier: BSD-3-Clause */
#include "dns/pending.h"

#include <string.h>

#include "base/hash.h"
#include "base/list.h"
#include "base/reserve.h"
#include "dns/upstream.h"

/* A query's bytes with id 0 and the name in lower case: equal bytes are one question. */
struct key {
	size_t len;
	uint8_t *bytes;
};

/* A question under way upstream. */
struct question {
	struct dns_pending *pending;
	struct key key;
	struct dns_query query; /* its data points to key.bytes */
	struct list waiters;    /* heads waiter::link */
	struct dns_flight *flight;
};

/* The waiting clients of a port, or of a guest at a port. */
struct share {
	uint64_t key;
	unsigned n;
	struct list waiters; /* heads waiter::shares' link; oldest first */
	usec_t window;       /* start of the current second of refusals, and their number */
	unsigned told;
};

enum { OF_PORT, OF_GUEST, N_SHARES };

struct waiter {
	struct list link; // question::waiters
	struct question *question;
	struct {
		struct list link; // share::waiters
		struct share *share;
	} shares[N_SHARES];
	usec_t since;
	struct dns_source source;
	uint16_t id;
	uint16_t name_len;
	uint8_t name[]; /* as the client wrote it */
};

struct dns_pending {
	struct dns_upstream *upstream;
	const struct dns_pending_ops *ops;
	void *data;
	GHashTable *questions; /* &question::key -> question */
	GHashTable *shares;    /* &share::key -> share */
	unsigned n_waiters;
	uint64_t displaced;
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

static guint share_hash(gconstpointer key)
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

/* --- shares --- */

static uint64_t share_key(const struct dns_client *client, unsigned which)
{
	uint64_t key = hash_mix(client->port_id ^ hash_seed());

	return which == OF_PORT ? key : hash_mix(key ^ client->mac);
}

static struct share *find_share(const struct dns_pending *pending, const struct dns_client *client,
				unsigned which)
{
	uint64_t key = share_key(client, which);

	return g_hash_table_lookup(pending->shares, &key);
}

static void charge(struct dns_pending *pending, struct waiter *waiter)
{
	for (unsigned which = 0; which < N_SHARES; which++) {
		struct share *share = find_share(pending, &waiter->source.client, which);

		if (!share) {
			share = g_new0(struct share, 1);
			share->key = share_key(&waiter->source.client, which);
			list_init(&share->waiters);
			g_hash_table_insert(pending->shares, &share->key, share);
		}
		share->n++;
		waiter->shares[which].share = share;
		list_append(&share->waiters, &waiter->shares[which].link);
	}
	pending->n_waiters++;
}

static void discharge(struct dns_pending *pending, struct waiter *waiter)
{
	for (unsigned which = 0; which < N_SHARES; which++) {
		struct share *share = waiter->shares[which].share;

		list_remove(&waiter->shares[which].link);
		if (--share->n == 0) {
			g_hash_table_remove(pending->shares, &share->key);
			g_free(share);
		}
	}
	pending->n_waiters--;
}

/* --- waiting --- */

static bool same_source(const struct dns_source *a, const struct dns_source *b)
{
	const struct dns_client *p = &a->client, *q = &b->client;

	return !b->conn && p->mac == q->mac && p->port_id == q->port_id &&
	       p->src_port == q->src_port && IN6_ARE_ADDR_EQUAL(&p->src, &q->src);
}

/* TCP loses nothing, so a repeated query there is a new one. */
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
		       const struct dns_query *query, usec_t now)
{
	struct waiter *waiter = g_malloc(sizeof(*waiter) + query->name.len);

	waiter->question = question;
	waiter->since = now;
	waiter->source = *source;
	waiter->id = query->id;
	waiter->name_len = query->name.len;
	memcpy(waiter->name, query->data + DNS_HEADER, query->name.len);
	list_append(&question->waiters, &waiter->link);
	charge(question->pending, waiter);
}

static void forget_waiter(struct dns_pending *pending, struct waiter *waiter)
{
	discharge(pending, waiter);
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

/* An answer, to which the id and name of each client are written. */
struct told {
	uint8_t *data;
	size_t len;
	bool cut;
};

static void tell(struct waiter *waiter, const struct dns_query *query, const struct told *answer)
{
	struct dns_pending *pending = waiter->question->pending;

	dns_put16(answer->data, waiter->id);
	memcpy(answer->data + DNS_HEADER, waiter->name, waiter->name_len);
	pending->ops->answer(pending->data, &waiter->source, query, answer->data, answer->len,
			     answer->cut);
}

/*
 * Many clients may wait for a long answer, so it is cut once: their queries are equal, and so is
 * what they take by UDP. Its data are the caller's to free.
 */
static struct told cut_for_udp(const struct dns_query *query, const struct told *whole)
{
	struct told cut = {.data = g_memdup2(whole->data, whole->len)};

	cut.len = dns_cut(cut.data, whole->len, dns_query_udp_limit(query));
	cut.cut = cut.len < whole->len;
	return cut;
}

static void came(void *data, uint8_t *answer, size_t len)
{
	struct question *question = data;
	struct dns_pending *pending = question->pending;
	struct dns_query query = question->query;
	uint8_t failure[DNS_UDP_MIN];
	struct told whole, cut;

	g_hash_table_remove(pending->questions, &question->key);
	pending->ops->came(pending->data, &query, answer, len);
	if (!answer) {
		answer = failure;
		len = dns_answer_only(failure, sizeof(failure), &query, DNS_SERVFAIL);
	}
	whole = (struct told){answer, len, false};
	cut = cut_for_udp(&query, &whole);
	list_for_each (waiter, &question->waiters, struct waiter, link)
		tell(waiter, &query, waiter->source.conn ? &whole : &cut);
	g_free(cut.data);
	question_free(question);
}

/* --- making room --- */

static void displace(struct dns_pending *pending, struct waiter *waiter)
{
	struct question *question = waiter->question;
	struct dns_query query = question->query;
	uint8_t failure[DNS_UDP_MIN];
	struct told told = {.data = failure};

	pending->displaced++;
	told.len = dns_answer_only(failure, sizeof(failure), &query, DNS_SERVFAIL);
	tell(waiter, &query, &told);
	forget_waiter(pending, waiter);
	if (!list_empty(&question->waiters))
		return;
	g_hash_table_remove(pending->questions, &question->key);
	dns_flight_abandon(question->flight);
	question_free(question);
}

/* Ends the oldest lookup of @share if it has waited long enough. */
static bool give_way(struct dns_pending *pending, struct share *share, unsigned which, usec_t now)
{
	struct waiter *oldest;

	if (!share)
		return false;
	oldest = which == OF_PORT
			 ? list_first(&share->waiters, struct waiter, shares[OF_PORT].link)
			 : list_first(&share->waiters, struct waiter, shares[OF_GUEST].link);
	if (now - oldest->since < DNS_PATIENCE)
		return false;
	displace(pending, oldest);
	return true;
}

/* A guest that floods gets a bounded number of refusals. */
static enum dns_wait refuse(struct dns_pending *pending, const struct dns_client *client,
			    usec_t now)
{
	struct share *share = find_share(pending, client, OF_GUEST);

	if (!share)
		share = find_share(pending, client, OF_PORT);
	if (!share)
		return DNS_WAIT_FULL;
	if (now - share->window >= USEC_PER_SEC) {
		share->window = now;
		share->told = 0;
	}
	return share->told++ < DNS_REFUSALS ? DNS_WAIT_FULL : DNS_WAIT_FLOOD;
}

static bool has_room(struct dns_pending *pending, const struct dns_client *client, usec_t now)
{
	struct share *guest = find_share(pending, client, OF_GUEST);
	struct share *port = find_share(pending, client, OF_PORT);
	bool late = pending->n_waiters >= DNS_MAX_OUTSTANDING - DNS_RESERVE;

	if (reserve_is_low())
		return false;
	if (guest && guest->n >= DNS_MAX_PER_GUEST)
		return give_way(pending, guest, OF_GUEST, now);
	if ((port && port->n >= (late ? DNS_RESERVE_EACH : DNS_MAX_PER_PORT)) ||
	    pending->n_waiters >= DNS_MAX_OUTSTANDING)
		return give_way(pending, port, OF_PORT, now);
	return true;
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
			      const struct dns_query *query, usec_t now)
{
	struct key key = lower_key(pending, query);
	struct question *question = g_hash_table_lookup(pending->questions, &key);

	if (question && waits_already(question, source, query->id))
		return DNS_WAIT_SHARED;
	if (!has_room(pending, &source->client, now))
		return refuse(pending, &source->client, now);
	/* Look it up again: displace() may have ended it. */
	question = g_hash_table_lookup(pending->questions, &key);
	if (question) {
		add_waiter(question, source, query, now);
		return DNS_WAIT_SHARED;
	}
	question = begin(pending, &key, query);
	add_waiter(question, source, query, now);
	question->flight = dns_upstream_ask(pending->upstream, &question->query, came, question);
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
	pending->shares = g_hash_table_new(share_hash, g_int64_equal);
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
	g_hash_table_destroy(pending->shares);
	g_free(pending);
}

unsigned dns_pending_count(const struct dns_pending *pending)
{
	return pending->n_waiters;
}

uint64_t dns_pending_displaced(const struct dns_pending *pending)
{
	return pending->displaced;
}
