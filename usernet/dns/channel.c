/* SPDX-License-Identifier: BSD-3-Clause */
#include "dns/channel_priv.h"

#include <string.h>
#include <sys/random.h>

/* --- random numbers --- */

uint8_t channel_random(struct dns_channel *channel)
{
	if (!channel->n_random) {
		/* getrandom(2) fills up to 256 bytes completely once the kernel is seeded. */
		if (getrandom(channel->random, sizeof(channel->random), 0) !=
		    sizeof(channel->random))
			return (uint8_t)g_random_int();
		channel->n_random = sizeof(channel->random);
	}
	return channel->random[--channel->n_random];
}

/* Randomizes the case of each letter. Length bytes are at most 63, so never letters. */
static void draw_case(struct dns_channel *channel, uint8_t *name, size_t len)
{
	unsigned bits = 0, left = 0;

	for (size_t i = 0; i < len; i++) {
		if (!g_ascii_isalpha(name[i]))
			continue;
		if (!left) {
			bits = channel_random(channel);
			left = 8;
		}
		name[i] = (uint8_t)((name[i] | 0x20) ^ (bits & 1 ? 0x20 : 0));
		bits >>= 1;
		left--;
	}
}

/* --- attempts by id --- */

static struct dns_attempt **bucket(struct dns_channel *channel, unsigned id)
{
	return &channel->by_id[id % CHANNEL_BUCKETS];
}

static struct dns_attempt *find(struct dns_channel *channel, unsigned id)
{
	struct dns_attempt *attempt = *bucket(channel, id);

	while (attempt && attempt->id != id)
		attempt = attempt->next;
	return attempt;
}

/* An id that no other query to this server uses now. */
static uint16_t draw_id(struct dns_channel *channel)
{
	unsigned id;

	do {
		id = channel_random(channel);
		id = id << 8 | channel_random(channel);
	} while (find(channel, id));
	return (uint16_t)id;
}

/* Removes it from all lists; the caller frees it. */
static void detach(struct dns_attempt *attempt)
{
	struct dns_channel *channel = attempt->channel;
	struct dns_attempt **at = bucket(channel, attempt->id);

	while (*at != attempt)
		at = &(*at)->next;
	*at = attempt->next;
	channel->n_attempts--;
	list_remove(&attempt->link);
	if (!attempt->socket)
		channel->stream.n_attempts--;
	else if (list_empty(&attempt->socket->attempts))
		loop_task_defer(&channel->reap);
}

static void end(struct dns_attempt *attempt, uint8_t *answer, size_t len)
{
	detach(attempt);
	attempt->answer(attempt->data, attempt, answer, len);
	g_free(attempt);
}

void channel_fail(struct list *list)
{
	struct list failing;

	/* A callback may send again and so append to @list. */
	list_init(&failing);
	list_splice(&failing, list);
	while (!list_empty(&failing))
		end(list_first(&failing, struct dns_attempt, link), NULL, 0);
}

/* --- matching --- */

enum match { MATCH_NONE, MATCH_EXACT, MATCH_CASE_LOST };

static bool equal_but_for_case(const uint8_t *a, const uint8_t *b, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (g_ascii_tolower((char)a[i]) != g_ascii_tolower((char)b[i]))
			return false;
	}
	return true;
}

/* Compares the question as bytes: nothing comes before it that could compress it. */
static enum match match_question(const struct dns_attempt *attempt, const uint8_t *message,
				 size_t len)
{
	const uint8_t *is = message + DNS_HEADER, *sent = attempt->query + DNS_HEADER;
	size_t question = attempt->question_end - DNS_HEADER, name = question - 4;

	if (len < attempt->question_end || dns_get16(message + 4) != 1 ||
	    memcmp(is + name, sent + name, 4) != 0)
		return MATCH_NONE;
	if (memcmp(is, sent, name) == 0)
		return MATCH_EXACT;
	return equal_but_for_case(is, sent, name) ? MATCH_CASE_LOST : MATCH_NONE;
}

/*
 * Servers that do not compress names repeat our letters before each record. The client did not
 * write them so, and might show them: makes them lower case.
 */
static void lower_owners(const struct dns_attempt *attempt, uint8_t *message, size_t len)
{
	const uint8_t *sent = attempt->query + DNS_HEADER;
	size_t name = attempt->question_end - DNS_HEADER - 4;
	struct dns_record record;
	struct dns_walk walk;

	dns_walk_begin(&walk, message, len);
	while (dns_walk_next(&walk, &record)) {
		uint8_t *owner = message + record.start;

		if (len - record.start < name || memcmp(owner, sent, name) != 0)
			continue;
		for (size_t i = 0; i < name; i++)
			owner[i] = (uint8_t)g_ascii_tolower((char)owner[i]);
	}
}

static void turn_to_stream(struct dns_attempt *attempt)
{
	struct dns_channel *channel = attempt->channel;
	struct channel_socket *socket = attempt->socket;

	list_remove(&attempt->link);
	if (list_empty(&socket->attempts))
		loop_task_defer(&channel->reap);
	attempt->socket = NULL;
	channel->stream.n_attempts++;
	list_append(&channel->stream.attempts, &attempt->link);
	if (!channel_stream_send(channel, attempt))
		end(attempt, NULL, 0);
}

/*
 * The answer's case differs: the server did not keep it, or the answer is forged; over TCP it is
 * the server's. Returns whether to accept it.
 */
static bool believe_lost_case(struct dns_channel *channel, bool by_udp)
{
	if (by_udp && channel->letters == CASE_KEPT)
		return false;
	channel->letters = CASE_LOST;
	return true;
}

static bool has_upper(const uint8_t *name, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (g_ascii_isupper(name[i]))
			return true;
	}
	return false;
}

/* Servers that do not understand a query may omit the question (RFC 1035 4.1.1). */
static bool is_bare_error(const uint8_t *message, size_t len)
{
	return len == DNS_HEADER && !dns_get16(message + 4) &&
	       (dns_get16(message + 2) & DNS_RCODE) != DNS_NOERROR;
}

void channel_received(struct dns_channel *channel, const struct channel_socket *socket,
		      uint8_t *message, size_t len, bool cut)
{
	struct dns_attempt *attempt;
	enum match match;
	unsigned flags;

	if (len < DNS_HEADER)
		return;
	attempt = find(channel, dns_get16(message));
	flags = dns_get16(message + 2);
	if (!attempt || attempt->socket != socket || !(flags & DNS_QR))
		return;
	if (is_bare_error(message, len)) {
		end(attempt, NULL, 0);
		return;
	}
	match = match_question(attempt, message, len);
	if (match == MATCH_NONE)
		return;
	if (match == MATCH_EXACT && channel->letters == CASE_UNKNOWN &&
	    has_upper(attempt->query + DNS_HEADER, attempt->question_end - DNS_HEADER - 4))
		channel->letters = CASE_KEPT;
	if ((match == MATCH_CASE_LOST && !believe_lost_case(channel, socket != NULL)) ||
	    (socket && (cut || (flags & DNS_TC)))) {
		turn_to_stream(attempt);
		return;
	}
	lower_owners(attempt, message, len);
	end(attempt, message, len);
}

/* --- asking --- */

struct dns_attempt *dns_channel_send(struct dns_channel *channel, const struct dns_query *query,
				     dns_answer_fn answer, void *data)
{
	struct dns_attempt *attempt;

	if (channel->n_attempts >= DNS_CHANNEL_MAX || query->question_end < DNS_HEADER + 5 ||
	    query->len < query->question_end)
		return NULL;
	attempt = g_malloc0(sizeof(*attempt) + query->len);
	attempt->channel = channel;
	attempt->answer = answer;
	attempt->data = data;
	attempt->question_end = query->question_end;
	attempt->len = query->len;
	memcpy(attempt->query, query->data, query->len);
	attempt->id = draw_id(channel);
	dns_put16(attempt->query, attempt->id);
	if (channel->letters != CASE_LOST)
		draw_case(channel, attempt->query + DNS_HEADER,
			  query->question_end - DNS_HEADER - 4);
	list_init(&attempt->link);
	if (!channel_udp_send(channel, attempt)) {
		g_free(attempt);
		return NULL;
	}
	attempt->next = *bucket(channel, attempt->id);
	*bucket(channel, attempt->id) = attempt;
	channel->n_attempts++;
	channel->used = loop_now(channel->loop);
	if (!loop_timer_is_set(&channel->idle))
		loop_timer_set(&channel->idle, channel->used + DNS_CHANNEL_IDLE);
	return attempt;
}

void dns_attempt_abandon(struct dns_attempt *attempt)
{
	detach(attempt);
	g_free(attempt);
}

/* --- life --- */

static void close_idle(struct loop_timer *timer)
{
	struct dns_channel *channel = container_of(timer, struct dns_channel, idle);
	usec_t until = channel->used + DNS_CHANNEL_IDLE, now = loop_now(channel->loop);

	if (channel->n_attempts || now < until) {
		loop_timer_set(timer, MAX(until, now + DNS_CHANNEL_IDLE / 2));
		return;
	}
	channel_udp_close(channel);
	channel_stream_close(&channel->stream);
}

struct dns_channel *dns_channel_new(struct loop *loop, const struct sockaddr_any *server)
{
	struct dns_channel *channel = g_new0(struct dns_channel, 1);

	channel->loop = loop;
	channel->server = *server;
	list_init(&channel->retired);
	loop_task_init(loop, &channel->reap, LOOP_REAP, channel_udp_reap);
	loop_timer_init(loop, &channel->idle, close_idle);
	channel_stream_init(channel);
	return channel;
}

void dns_channel_free(struct dns_channel *channel)
{
	if (!channel)
		return;
	for (unsigned i = 0; i < CHANNEL_BUCKETS; i++) {
		while (channel->by_id[i])
			dns_attempt_abandon(channel->by_id[i]);
	}
	channel_udp_close(channel);
	channel_stream_close(&channel->stream);
	loop_timer_cancel(&channel->idle);
	loop_task_cancel(&channel->reap);
	g_free(channel);
}
