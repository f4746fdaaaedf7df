/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DNS_PENDING_H
#define USERNET_DNS_PENDING_H

#include "dns/dns.h"
#include "dns/wire.h"

/*
 * Clients that wait for an answer from upstream. Queries that differ only in id and case of the
 * name share one lookup; each client gets the answer with its own id and name. The number of
 * waiting clients is bounded per guest, per port and in all (dns.h).
 */
struct dns_pending;
struct dns_tcp_conn;
struct dns_upstream;

/* The sender of a query. */
struct dns_source {
	struct dns_tcp_conn *conn; /* NULL: UDP */
	struct dns_client client;
};

struct dns_pending_ops {
	/*
	 * Called for each waiting client: an @answer for @source, by UDP no longer than it takes.
	 * @cut: therefore incomplete. @query is valid for question, flags and size; its data are
	 * gone.
	 */
	void (*answer)(void *data, const struct dns_source *source, const struct dns_query *query,
		       uint8_t *answer, size_t len, bool cut);
	/* Called once before that, with the answer, or NULL if there was none. */
	void (*came)(void *data, const struct dns_query *query, const uint8_t *answer, size_t len);
};

enum dns_wait {
	DNS_WAIT_ASKED,  /* a lookup was started */
	DNS_WAIT_SHARED, /* it joined a lookup, or was waiting already: a repeated query */
	DNS_WAIT_FULL,  /* a bound is reached or memory is low: tell the client; no answer will come
			 */
	DNS_WAIT_FLOOD, /* the same, but the client was told often enough */
};

struct dns_pending *dns_pending_new(struct dns_upstream *upstream,
				    const struct dns_pending_ops *ops, void *data);
/* Call it before the upstream is freed. Nobody is answered. */
void dns_pending_free(struct dns_pending *pending);
enum dns_wait dns_pending_ask(struct dns_pending *pending, const struct dns_source *source,
			      const struct dns_query *query, usec_t now);
/* Number of waiting clients. */
unsigned dns_pending_count(const struct dns_pending *pending);
/* Lookups ended for newer ones, since the start. */
uint64_t dns_pending_displaced(const struct dns_pending *pending);

#endif
