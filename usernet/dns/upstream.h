/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DNS_UPSTREAM_H
#define USERNET_DNS_UPSTREAM_H

#include <glib.h>

#include "base/loop.h"
#include "dns/wire.h"

/*
 * The host's name servers. A query goes to those of the longest domain that it is in: to the first
 * of them, after a while to the next as well, and so on round; the first good answer is taken,
 * whoever gives it. Servers that have no answer where others do stand back (health.h).
 *
 * An answer is good when it fits the question (dns_verify.h) and is not SERVFAIL, REFUSED, NOTIMP
 * or FORMERR; of those the last goes back when no server has better.
 */
struct dns_upstream;
struct dns_flight;

#define DNS_UPSTREAM_TOTAL (10 * USEC_PER_SEC) /* then it has failed */
/* How long the first round waits for a server before it asks the next too; later rounds twice. */
#define DNS_UPSTREAM_WAIT (1 * USEC_PER_SEC)
/* With many servers, less: each is asked in this time. */
#define DNS_UPSTREAM_ROUND (3 * USEC_PER_SEC)
/* How long it waits for a server that stood back, before it asks the next too. */
#define DNS_UPSTREAM_PROBE (100 * USEC_PER_MSEC)
#define DNS_GROUP_MAX      64 /* servers of one domain; more are left out */
/* Queries sent for one; of those to one server the first and the last may yet be answered. */
#define DNS_FLIGHT_TRIES 40

struct dns_upstream_stats {
	uint64_t sent;     /* queries to servers */
	uint64_t timeouts; /* a server was silent when the next was asked */
	uint64_t bad;      /* answers that did not fit */
};

struct dns_upstream *dns_upstream_new(struct loop *loop);
/* What is under way is forgotten, silently. */
void dns_upstream_free(struct dns_upstream *upstream);
/*
 * From now on @servers (of struct dns_server, not kept). What is under way is asked of them anew,
 * in the time it had. False when they are the same as before.
 */
bool dns_upstream_set(struct dns_upstream *upstream, const GArray *servers);
/* Asks anew what is under way: the same servers may answer differently now. */
void dns_upstream_again(struct dns_upstream *upstream);
/* @name has servers of its own. */
bool dns_upstream_routes(const struct dns_upstream *upstream, const struct dns_name *name);

/* @answer NULL: there is none. Borrowed; may be written to; its id is anything. */
typedef void (*dns_done_fn)(void *data, uint8_t *answer, size_t len);

/*
 * Asks for what @query asks, as its bytes say it. @done is called once, later, from the loop; the
 * flight is gone then.
 */
struct dns_flight *dns_upstream_ask(struct dns_upstream *upstream, const struct dns_query *query,
				    dns_done_fn done, void *data);
/* Its answer is not wanted any more. Not from within a dns_done_fn of its own. */
void dns_flight_abandon(struct dns_flight *flight);
const struct dns_upstream_stats *dns_upstream_stats(const struct dns_upstream *upstream);

#endif
