/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DNS_ZONE_H
#define USERNET_DNS_ZONE_H

#include <glib.h>
#include <stdbool.h>

#include "dns/records.h"
#include "dns/wire.h"

/*
 * What we answer ourselves and never ask the world: the guests' names, known or reserved (with
 * the domain, without, and before .local), the gateway's, live records, names of our networks'
 * addresses, and what RFC 6761 and its like reserve. With `dns-host-search=off` also that other
 * single labels and names in .local do not exist. Every lookup is a few hash lookups, however many
 * guests there are.
 */
struct dns_zone;
struct network;
struct user_config;

/*
 * Seconds. Guests come and go, and what we say costs nothing to ask again; but not 0, so that a
 * program that asks for each connection is spared.
 */
#define DNS_LOCAL_TTL 5

/*
 * @config (resolved) and @network, whose guests and reservations are asked, must outlive it. Errors
 * name `domainname`.
 */
struct dns_zone *dns_zone_new(const struct user_config *config, const struct network *network,
			      GError **error);
void dns_zone_free(struct dns_zone *zone);
const struct dns_name *dns_zone_domain(const struct dns_zone *zone);

/*
 * @name: "db" (means db.DOMAIN, and is found as either), "db.example.org", "*.apps.example.org".
 * @addr: IPv4 or IPv6. Errors say which of both is wrong, and why.
 */
bool dns_zone_add(struct dns_zone *zone, const char *name, const char *addr, GError **error);
/* @addr NULL: all of the name. False when there is no such record. */
bool dns_zone_remove(struct dns_zone *zone, const char *name, const char *addr, GError **error);
const struct dns_records *dns_zone_records(const struct dns_zone *zone);

/*
 * Whether the answer to @query (class IN or any) is ours: then it is written into @w, which was
 * begun. Names for which somebody configured servers of their own (@routed) are theirs before
 * reserved names are ours.
 */
bool dns_zone_answer(const struct dns_zone *zone, const struct dns_query *query, bool routed,
		     struct dns_writer *w);

#endif
