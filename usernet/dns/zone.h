/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DNS_ZONE_H
#define USERNET_DNS_ZONE_H

#include <glib.h>
#include <stdbool.h>

#include "dns/records.h"
#include "dns/wire.h"

/*
 * Names that are answered here and never asked for upstream: the guests' names, known or reserved
 * (with the domain, without, and before .local), the gateway's, live records, names of our
 * networks' addresses, and those that RFC 6761 and others reserve. With `dns-host-search=off` other
 * single labels and names in .local do not exist. Every lookup is a few hash lookups, for any
 * number of guests.
 */
struct dns_zone;
struct network;
struct user_config;

/*
 * Seconds. Short, as guests come and go; but not 0, to spare programs that resolve for each
 * connection.
 */
#define DNS_LOCAL_TTL 5

/*
 * @config (resolved) and @network, for guests and reservations, must outlive it. Errors name
 * `domainname`.
 */
struct dns_zone *dns_zone_new(const struct user_config *config, const struct network *network,
			      GError **error);
void dns_zone_free(struct dns_zone *zone);
const struct dns_name *dns_zone_domain(const struct dns_zone *zone);

/*
 * @name: "db" (stored as db.DOMAIN, found as either), "db.example.org", "*.apps.example.org".
 * @addr: IPv4 or IPv6. Errors say which of them is wrong, and why.
 */
bool dns_zone_add(struct dns_zone *zone, const char *name, const char *addr, GError **error);
/* @addr NULL: all of the name. False: there is no such record. */
bool dns_zone_remove(struct dns_zone *zone, const char *name, const char *addr, GError **error);
const struct dns_records *dns_zone_records(const struct dns_zone *zone);

/*
 * Is the answer to @query (class IN or any) ours? Then it is written to @w, after
 * dns_answer_begin(). If somebody configured servers for the name (@routed), they take precedence
 * over reserved names.
 */
bool dns_zone_answer(const struct dns_zone *zone, const struct dns_query *query, bool routed,
		     struct dns_writer *w);

#endif
