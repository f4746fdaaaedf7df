/* SPDX-License-Identifier: BSD-3-Clause */
#include "dns/upstream.h"

#include "dns/channel.h"
#include "dns/health.h"
#include "dns/server.h"
#include "dns/verify.h"

/* The servers of one domain. */
struct group {
	struct dns_name domain;
	unsigned n; /* at least one */
	struct dns_channel *channels[DNS_GROUP_MAX];
	struct dns_health *health[DNS_GROUP_MAX];
};

struct dns_upstream {
	struct loop *loop;
	GArray *servers;     /* struct dns_server, as set */
	GPtrArray *groups;   /* struct group, longest domain first */
	struct list flights; /* heads dns_flight::link */
	struct dns_upstream_stats stats;
};

struct dns_flight {
	struct dns_upstream *upstream;
	struct group *group; /* NULL: no server for it */
	struct dns_query query;
	dns_done_fn done;
	void *data;
	struct dns_attempt *attempts[DNS_FLIGHT_TRIES]; /* by try; NULL: ended */
	unsigned tries, outstanding;
	uint8_t order[DNS_GROUP_MAX]; /* of the group's servers */
	bool probe;                   /* the first server is in back-off and may still be down */
	usec_t deadline;
	struct loop_timer timer; /* for the next try, or the end */
	uint8_t *error;          /* the last answer with an error */
	size_t error_len;
	struct list link; // dns_upstream::flights
	uint8_t bytes[];  /* of the query */
};

/* --- groups --- */

static void group_free(gpointer data)
{
	struct group *group = data;

	for (unsigned i = 0; i < group->n; i++) {
		dns_channel_free(group->channels[i]);
		g_free(group->health[i]);
	}
	g_free(group);
}

static struct group *find_group(const struct dns_upstream *upstream, const struct dns_name *name)
{
	for (guint i = 0; i < upstream->groups->len; i++) {
		struct group *group = g_ptr_array_index(upstream->groups, i);

		if (dns_name_within(name, &group->domain))
			return group;
	}
	return NULL;
}

bool dns_upstream_routes(const struct dns_upstream *upstream, const struct dns_name *name)
{
	const struct group *group = find_group(upstream, name);

	return group && group->domain.len > 1;
}

static struct group *group_of_domain(GPtrArray *groups, const struct dns_name *domain)
{
	struct group *group;

	for (guint i = 0; i < groups->len; i++) {
		group = g_ptr_array_index(groups, i);
		if (dns_name_equal(&group->domain, domain))
			return group;
	}
	group = g_new0(struct group, 1);
	group->domain = *domain;
	g_ptr_array_add(groups, group);
	return group;
}

static gint longer_first(gconstpointer a, gconstpointer b)
{
	const struct group *const *p = a, *const *q = b;

	return (*q)->domain.len - (*p)->domain.len;
}

static GPtrArray *make_groups(struct loop *loop, const GArray *servers)
{
	GPtrArray *groups = g_ptr_array_new_with_free_func(group_free);

	for (guint i = 0; i < servers->len; i++) {
		const struct dns_server *server = &g_array_index(servers, struct dns_server, i);
		struct group *group = group_of_domain(groups, &server->domain);

		if (group->n == DNS_GROUP_MAX)
			continue;
		group->channels[group->n] = dns_channel_new(loop, &server->addr);
		group->health[group->n++] = g_new0(struct dns_health, 1);
	}
	g_ptr_array_sort(groups, longer_first);
	return groups;
}

/* --- a flight --- */

static void abandon_attempts(struct dns_flight *flight)
{
	for (unsigned i = 0; i < flight->tries; i++) {
		if (flight->attempts[i])
			dns_attempt_abandon(flight->attempts[i]);
		flight->attempts[i] = NULL;
	}
	flight->outstanding = 0;
}

static void flight_free(struct dns_flight *flight)
{
	loop_timer_cancel(&flight->timer);
	abandon_attempts(flight);
	list_remove(&flight->link);
	g_free(flight->error);
	g_free(flight);
}

void dns_flight_abandon(struct dns_flight *flight)
{
	flight_free(flight);
}

/* @answer may be part of the flight, so free the flight last. */
static void finish(struct dns_flight *flight, uint8_t *answer, size_t len)
{
	loop_timer_cancel(&flight->timer);
	list_remove(&flight->link);
	flight->done(flight->data, answer, len);
	flight_free(flight);
}

static void give_up(struct dns_flight *flight)
{
	finish(flight, flight->error, flight->error_len);
}

static usec_t wait_after(const struct dns_flight *flight)
{
	unsigned n = flight->group->n;

	if (flight->probe && flight->tries == 1)
		return DNS_UPSTREAM_PROBE;
	return flight->tries <= n ? MIN(DNS_UPSTREAM_WAIT, DNS_UPSTREAM_ROUND / n)
				  : 2 * DNS_UPSTREAM_WAIT;
}

static unsigned server_of(const struct dns_flight *flight, unsigned try)
{
	return flight->order[try % flight->group->n];
}

static void answered(void *data, const struct dns_attempt *attempt, uint8_t *answer, size_t len);

/*
 * Of the queries to one server only the first and the last are kept: the server may be slow, or a
 * datagram lost. More would fill the channel with names that nobody answers.
 */
static void abandon_last(struct dns_flight *flight, unsigned try)
{
	unsigned n = flight->group->n;

	if (try < 2 * n || !flight->attempts[try - n])
		return;
	dns_attempt_abandon(flight->attempts[try - n]);
	flight->attempts[try - n] = NULL;
	flight->outstanding--;
}

/*
 * Asks the next server that can be asked. If there is none, and nothing to wait for, the timer,
 * which is always set, ends the flight.
 */
static void ask_next(struct dns_flight *flight)
{
	struct dns_upstream *upstream = flight->upstream;
	usec_t now = loop_now(upstream->loop);
	bool sent = false;

	while (flight->group && !sent && flight->tries < DNS_FLIGHT_TRIES) {
		unsigned try = flight->tries++;

		abandon_last(flight, try);
		flight->attempts[try] =
			dns_channel_send(flight->group->channels[server_of(flight, try)],
					 &flight->query, answered, flight);
		sent = flight->attempts[try] != NULL;
		/* After one round without a reachable server, end it. */
		if (!sent && !flight->outstanding && flight->tries >= flight->group->n)
			break;
	}
	if (sent) {
		upstream->stats.sent++;
		flight->outstanding++;
	} else if (!flight->outstanding) {
		flight->deadline = now;
	}
	loop_timer_set(&flight->timer,
		       sent ? MIN(now + wait_after(flight), flight->deadline) : flight->deadline);
}

static void timer_fired(struct loop_timer *timer)
{
	struct dns_flight *flight = container_of(timer, struct dns_flight, timer);

	if (flight->outstanding)
		flight->upstream->stats.timeouts++;
	if (loop_now(flight->upstream->loop) >= flight->deadline || !flight->group)
		give_up(flight);
	else
		ask_next(flight);
}

/* Returns the number of the try. */
static unsigned end_attempt(struct dns_flight *flight, const struct dns_attempt *attempt)
{
	unsigned try = 0;

	while (flight->attempts[try] != attempt)
		try++;
	flight->attempts[try] = NULL;
	flight->outstanding--;
	return try;
}

/* That server gave no answer: ask the next one now, if any was not asked yet. */
static void failed(struct dns_flight *flight)
{
	if (flight->tries < flight->group->n)
		ask_next(flight);
	else if (!flight->outstanding)
		give_up(flight);
}

static bool is_error(const uint8_t *answer)
{
	unsigned rcode = dns_get16(answer + 2) & DNS_RCODE;

	return rcode == DNS_SERVFAIL || rcode == DNS_REFUSED || rcode == DNS_NOTIMP ||
	       rcode == DNS_FORMERR;
}

/* Servers asked before the one that answered have failed; later ones had less time. */
static void note_health(struct dns_flight *flight, unsigned try)
{
	struct group *group = flight->group;
	usec_t now = loop_now(flight->upstream->loop);

	for (unsigned i = 0; i < try % group->n; i++)
		dns_health_failed(group->health[flight->order[i]], now);
	dns_health_answered(group->health[server_of(flight, try)]);
}

static void answered(void *data, const struct dns_attempt *attempt, uint8_t *answer, size_t len)
{
	struct dns_flight *flight = data;
	unsigned try = end_attempt(flight, attempt);

	if (answer && !dns_answer_fits(answer, len, &flight->query)) {
		flight->upstream->stats.bad++;
		answer = NULL;
	}
	if (!answer) {
		failed(flight);
	} else if (is_error(answer)) {
		g_free(flight->error);
		flight->error = g_memdup2(answer, len);
		flight->error_len = len;
		failed(flight);
	} else {
		note_health(flight, try);
		finish(flight, answer, len);
	}
}

/* --- interface --- */

static void start(struct dns_flight *flight)
{
	struct dns_upstream *upstream = flight->upstream;
	struct group *group = find_group(upstream, &flight->query.name);

	flight->group = group;
	flight->probe = group && dns_health_order(group->health, group->n, loop_now(upstream->loop),
						  flight->order);
	flight->tries = 0;
	ask_next(flight);
}

struct dns_flight *dns_upstream_ask(struct dns_upstream *upstream, const struct dns_query *query,
				    dns_done_fn done, void *data)
{
	struct dns_flight *flight = g_malloc0(sizeof(*flight) + query->len);

	flight->upstream = upstream;
	flight->done = done;
	flight->data = data;
	flight->query = *query;
	flight->query.data = memcpy(flight->bytes, query->data, query->len);
	flight->deadline = loop_now(upstream->loop) + DNS_UPSTREAM_TOTAL;
	loop_timer_init(upstream->loop, &flight->timer, timer_fired);
	list_append(&upstream->flights, &flight->link);
	start(flight);
	return flight;
}

struct dns_upstream *dns_upstream_new(struct loop *loop)
{
	struct dns_upstream *upstream = g_new0(struct dns_upstream, 1);

	upstream->loop = loop;
	upstream->servers = g_array_new(FALSE, FALSE, sizeof(struct dns_server));
	upstream->groups = g_ptr_array_new_with_free_func(group_free);
	list_init(&upstream->flights);
	return upstream;
}

void dns_upstream_free(struct dns_upstream *upstream)
{
	if (!upstream)
		return;
	list_for_each_safe (flight, &upstream->flights, struct dns_flight, link)
		flight_free(flight);
	g_ptr_array_free(upstream->groups, TRUE);
	g_array_free(upstream->servers, TRUE);
	g_free(upstream);
}

static void begin_anew(struct dns_upstream *upstream)
{
	GPtrArray *before = upstream->groups;

	upstream->groups = make_groups(upstream->loop, upstream->servers);
	list_for_each (flight, &upstream->flights, struct dns_flight, link) {
		abandon_attempts(flight);
		start(flight);
	}
	g_ptr_array_free(before, TRUE);
}

bool dns_upstream_set(struct dns_upstream *upstream, const GArray *servers)
{
	if (dns_servers_equal(upstream->servers, servers))
		return false;
	g_array_set_size(upstream->servers, 0);
	g_array_append_vals(upstream->servers, servers->data, servers->len);
	begin_anew(upstream);
	return true;
}

void dns_upstream_again(struct dns_upstream *upstream)
{
	begin_anew(upstream);
}

const struct dns_upstream_stats *dns_upstream_stats(const struct dns_upstream *upstream)
{
	return &upstream->stats;
}
