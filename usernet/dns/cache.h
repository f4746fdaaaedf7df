/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DNS_CACHE_H
#define USERNET_DNS_CACHE_H

#include "base/loop.h"
#include "dns/wire.h"

/*
 * Keeps foreign answers as received, for as long as their records allow (RFC 1035 7.4, negative
 * ones RFC 2308 5); only the TTLs are counted down when they are returned. Bounded in number and
 * bytes; the least recently used is evicted. Only for plain queries: the answer to one with EDNS
 * options or a signature may be meant for its sender alone.
 */
struct dns_cache;

#define DNS_CACHE_MAX         4096
#define DNS_CACHE_BYTES_MAX   (8 * 1024 * 1024)
#define DNS_CACHE_RECORDS_MAX 256 /* answers with more are not kept */
#define DNS_CACHE_ANSWER_MAX  16384
/* Seconds. A day, RFC 8767 4; a quarter of an hour for negative answers (RFC 2308 5: 1-3 hours). */
#define DNS_CACHE_TTL_MAX      86400
#define DNS_CACHE_NEGATIVE_MAX 900

/* Seconds, for a stub on this host: it has its own cache, and its servers may change unnoticed. */
#define DNS_CACHE_STUB_MAX 30

struct dns_cache *dns_cache_new(void);
void dns_cache_free(struct dns_cache *cache);
void dns_cache_clear(struct dns_cache *cache);
/* Answers stored from now on are kept for at most @seconds; 0: as long as their TTL allows. */
void dns_cache_limit(struct dns_cache *cache, unsigned seconds);
/* Stores @answer to @query if it may be kept. Of @query only question and flags are used. */
void dns_cache_put(struct dns_cache *cache, const struct dns_query *query, const uint8_t *answer,
		   size_t len, usec_t now);
/*
 * The answer to @query, which the caller may modify until the next call; its id and the case of its
 * question are those of another query. NULL: none.
 */
uint8_t *dns_cache_get(struct dns_cache *cache, const struct dns_query *query, usec_t now,
		       size_t *len);
unsigned dns_cache_count(const struct dns_cache *cache);
size_t dns_cache_bytes(const struct dns_cache *cache);

#endif
