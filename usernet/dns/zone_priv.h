/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DNS_ZONE_PRIV_H
#define USERNET_DNS_ZONE_PRIV_H

#include "dns/reverse.h"
#include "dns/zone.h"

/*
 * What dns_zone.c, which keeps the zone, and dns_zone_answer.c, which asks it, share.
 */
struct dns_zone {
	const struct user_config *config;
	const struct network *network;
	struct dns_records *records;
	struct dns_name domain;
	struct dns_name mname, rname; /* of the SOA records */
	uint32_t serial;
	struct dns_prefix prefixes[8]; /* whose reverse names are ours */
	unsigned n_prefixes;
};

/* "gateway" and "host", which are the gateway's address; and "dns". */
bool dns_zone_is_gateway(const char *label);
bool dns_zone_is_own(const char *label);
/* A name of one label is one of ours: the domain is put behind it. False when it is too long. */
bool dns_zone_canonical(const struct dns_zone *zone, struct dns_name *name);

#endif
