/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DNS_PENDING_H
#define USERNET_DNS_PENDING_H

#include "dns/dns.h"
#include "dns/wire.h"

/*
 * Clients that wait for the world. Queries that are the same but for their id and the case of the
 * name share one flight; each gets the answer with its own id and its name as it wrote it. How many
 * may wait is bounded per guest, per port and overall (dns.h).
 */
struct dns_pending;
struct dns_tcp_conn;
struct dns_upstream;

/* Who asks. */
struct dns_source {
	struct dns_tcp_conn *conn; /* NULL: by UDP */
	struct dns_client client;
};

struct dns_pending_ops {
	/*
	 * @answer is for @source, whole, its to write to. Called for each that waits; @query is
	 * good for question, flags and size (its data are not there any more).
	 */
	void (*answer)(void *data, const struct dns_source *source, const struct dns_query *query,
		       uint8_t *answer, size_t len);
	/* Once before that, with what came, or NULL when nothing did. */
	void (*came)(void *data, const struct dns_query *query, const uint8_t *answer, size_t len);
};

enum dns_wait {
	DNS_WAIT_ASKED,  /* a flight was begun */
	DNS_WAIT_SHARED, /* it joined one, or was there already: a client that repeats itself */
	DNS_WAIT_FULL,   /* over a bound; nothing will come, and the client should be told so */
	DNS_WAIT_FLOOD,  /* and it has been told often enough */
};

struct dns_pending *dns_pending_new(struct dns_upstream *upstream,
				    const struct dns_pending_ops *ops, void *data);
/* Before the upstream. Nobody is answered. */
void dns_pending_free(struct dns_pending *pending);
enum dns_wait dns_pending_ask(struct dns_pending *pending, const struct dns_source *source,
			      const struct dns_query *query, usec_t now);
/* Clients that wait. */
unsigned dns_pending_count(const struct dns_pending *pending);
/* How many gave way to newer ones, since the start. */
uint64_t dns_pending_displaced(const struct dns_pending *pending);

#endif
