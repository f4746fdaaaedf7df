/* SPDX-License-Identifier: BSD-3-Clause */
#include "udp/session.h"

#include <glib.h>

#include "base/hash.h"

struct udp_sessions {
	unsigned max, max_per_rule;
	struct list all;       /* heads udp_session::link, the longest idle first */
	GHashTable *by_client; /* struct udp_session, keyed by owner and client */
	GHashTable *by_flow;   /* struct udp_session, keyed by flow */
	uint64_t evicted;
	void (*ended)(void *data, const struct udp_session *session); /* may be NULL */
	void *data;
};

/* Keys are hashed and compared as bytes. */
G_STATIC_ASSERT(sizeof(struct udp_client) == 40);
G_STATIC_ASSERT(sizeof(struct udp_flow) == 36);

static guint client_hash(gconstpointer key)
{
	const struct udp_session *session = key;

	return (guint)hash_bytes(hash_seed() ^ (uintptr_t)session->owner, &session->client,
				 sizeof(session->client));
}

static gboolean client_equal(gconstpointer a, gconstpointer b)
{
	const struct udp_session *x = a, *y = b;

	return x->owner == y->owner && !memcmp(&x->client, &y->client, sizeof(x->client));
}

static guint flow_hash(gconstpointer key)
{
	const struct udp_session *session = key;

	return (guint)hash_bytes(hash_seed(), &session->flow, sizeof(session->flow));
}

static gboolean flow_equal(gconstpointer a, gconstpointer b)
{
	const struct udp_session *x = a, *y = b;

	return !memcmp(&x->flow, &y->flow, sizeof(x->flow));
}

struct udp_sessions *udp_sessions_new(unsigned max, unsigned max_per_rule,
				      void (*ended)(void *data, const struct udp_session *session),
				      void *data)
{
	struct udp_sessions *table = g_new0(struct udp_sessions, 1);

	table->max = max;
	table->max_per_rule = max_per_rule;
	table->ended = ended;
	table->data = data;
	list_init(&table->all);
	table->by_client = g_hash_table_new(client_hash, client_equal);
	table->by_flow = g_hash_table_new(flow_hash, flow_equal);
	return table;
}

void udp_sessions_free(struct udp_sessions *table)
{
	g_assert(list_empty(&table->all));
	g_hash_table_destroy(table->by_client);
	g_hash_table_destroy(table->by_flow);
	g_free(table);
}

static void session_end(struct udp_sessions *table, struct udp_session *session)
{
	if (table->ended)
		table->ended(table->data, session);
	g_hash_table_remove(table->by_client, session);
	g_hash_table_remove(table->by_flow, session);
	list_remove(&session->link);
	list_remove(&session->owner_link);
	session->owner->n--;
	g_free(session);
}

void udp_session_list_init(struct udp_session_list *owner)
{
	list_init(&owner->sessions);
	owner->n = 0;
}

void udp_session_list_clear(struct udp_sessions *table, struct udp_session_list *owner)
{
	list_for_each_safe (session, &owner->sessions, struct udp_session, owner_link)
		session_end(table, session);
}

struct udp_session *udp_session_by_client(struct udp_sessions *table,
					  const struct udp_session_list *owner,
					  const struct udp_client *client)
{
	struct udp_session key = {.owner = (struct udp_session_list *)owner, .client = *client};

	return g_hash_table_lookup(table->by_client, &key);
}

struct udp_session *udp_session_by_flow(struct udp_sessions *table, const struct udp_flow *flow)
{
	struct udp_session key = {.flow = *flow};

	return g_hash_table_lookup(table->by_flow, &key);
}

static void give_way(struct udp_sessions *table, struct udp_session *session)
{
	table->evicted++;
	session_end(table, session);
}

struct udp_session *udp_session_open(struct udp_sessions *table, struct udp_session_list *owner,
				     const struct udp_client *client, const struct udp_flow *flow,
				     usec_t now)
{
	struct udp_session *session;

	if (owner->n >= table->max_per_rule)
		give_way(table, list_first(&owner->sessions, struct udp_session, owner_link));
	if (udp_sessions_count(table) >= table->max)
		give_way(table, list_first(&table->all, struct udp_session, link));
	session = g_new0(struct udp_session, 1);
	session->owner = owner;
	session->client = *client;
	session->flow = *flow;
	session->used = now;
	list_append(&table->all, &session->link);
	list_append(&owner->sessions, &session->owner_link);
	owner->n++;
	g_hash_table_add(table->by_client, session);
	g_hash_table_add(table->by_flow, session);
	return session;
}

void udp_session_use(struct udp_sessions *table, struct udp_session *session, usec_t now)
{
	session->used = now;
	list_remove(&session->link);
	list_append(&table->all, &session->link);
	list_remove(&session->owner_link);
	list_append(&session->owner->sessions, &session->owner_link);
}

usec_t udp_sessions_expire(struct udp_sessions *table, usec_t now)
{
	list_for_each_safe (session, &table->all, struct udp_session, link) {
		if (now - session->used < UDP_SESSION_IDLE)
			return session->used + UDP_SESSION_IDLE;
		session_end(table, session);
	}
	return 0;
}

unsigned udp_sessions_count(const struct udp_sessions *table)
{
	return g_hash_table_size(table->by_flow);
}

uint64_t udp_sessions_evicted(const struct udp_sessions *table)
{
	return table->evicted;
}
