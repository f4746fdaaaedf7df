/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DNS_ZONE_PRIV_H
#define USERNET_DNS_ZONE_PRIV_H

#include "dns/reverse.h"
#include "dns/zone.h"

/* Shared by zone.c (the zone) and zone_answer.c (its answers). */
struct dns_zone {
	const struct user_config *config;
	const struct network *network;
	struct dns_records *records;
	struct dns_name domain;
	struct dns_name mname, rname; /* of the SOA records */
	uint32_t serial;
	struct dns_prefix prefixes[8]; /* networks whose reverse names are ours */
	unsigned n_prefixes;
};

/* "gateway" and "host", which are the gateway's address; and "dns". */
bool dns_zone_is_gateway(const char *label);
bool dns_zone_is_own(const char *label);
/* Appends the domain to a name of one label, which is one of ours. False: too long. */
bool dns_zone_canonical(const struct dns_zone *zone, struct dns_name *name);

#endif
