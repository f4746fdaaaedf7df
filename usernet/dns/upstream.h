/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DNS_UPSTREAM_H
#define USERNET_DNS_UPSTREAM_H

#include <glib.h>

#include "base/loop.h"
#include "dns/wire.h"

/*
 * The host's name servers. A query goes to the servers of the longest domain that contains it: to
 * the first of them, after a while to the next as well, and so on in turn; the first good answer
 * from any is taken. Servers without an answer where others have one are put last (health.h).
 *
 * An answer is good when it matches the question (verify.h) and is not SERVFAIL, REFUSED, NOTIMP or
 * FORMERR; the last of those is returned when no server has a better one.
 */
struct dns_upstream;
struct dns_flight;

#define DNS_UPSTREAM_TOTAL (10 * USEC_PER_SEC) /* then the lookup has failed */
/* Time before the next server is asked too in the first round; later rounds take twice as long. */
#define DNS_UPSTREAM_WAIT (1 * USEC_PER_SEC)
/* With many servers it is shorter: each is asked within this time. */
#define DNS_UPSTREAM_ROUND (3 * USEC_PER_SEC)
/* Time before the next server is asked, if the first is in back-off. */
#define DNS_UPSTREAM_PROBE (100 * USEC_PER_MSEC)
#define DNS_GROUP_MAX      64 /* servers of one domain; further ones are ignored */
/* Queries sent per lookup; of those to one server the first and the last may still be answered. */
#define DNS_FLIGHT_TRIES 40

struct dns_upstream_stats {
	uint64_t sent;     /* queries to servers */
	uint64_t timeouts; /* a server had not answered when the next was asked */
	uint64_t bad;      /* answers that did not match */
};

struct dns_upstream *dns_upstream_new(struct loop *loop);
/* Lookups under way are dropped without a call. */
void dns_upstream_free(struct dns_upstream *upstream);
/*
 * Uses @servers (of struct dns_server, copied) from now on. Lookups under way are sent to them
 * again, within their old time limit. False: they are the same as before.
 */
bool dns_upstream_set(struct dns_upstream *upstream, const GArray *servers);
/* Sends lookups under way again: the same servers may answer differently now. */
void dns_upstream_again(struct dns_upstream *upstream);
/* Does a domain with servers of its own contain @name? */
bool dns_upstream_routes(const struct dns_upstream *upstream, const struct dns_name *name);

/* @answer NULL: none. Borrowed; may be modified; its id is arbitrary. */
typedef void (*dns_done_fn)(void *data, uint8_t *answer, size_t len);

/*
 * Looks up @query, sent as its bytes are. @done is called once, later, from the loop; the flight is
 * freed then.
 */
struct dns_flight *dns_upstream_ask(struct dns_upstream *upstream, const struct dns_query *query,
				    dns_done_fn done, void *data);
/* Drops the lookup without a call. Not from within its own dns_done_fn. */
void dns_flight_abandon(struct dns_flight *flight);
const struct dns_upstream_stats *dns_upstream_stats(const struct dns_upstream *upstream);

#endif
