/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DNS_HEALTH_H
#define USERNET_DNS_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"

/*
 * The order in which the servers of a domain are asked: as listed, but a server that gave no answer
 * where another did is put last, for DNS_HEALTH_BACK_OFF, then twice as long each time, up to
 * DNS_HEALTH_BACK_OFF_MAX. Servers that fail together keep their place: the network is at fault.
 * Plain data; the caller passes the time in.
 */
struct dns_health {
	usec_t until;    /* end of the back-off */
	usec_t back_off; /* length of the last back-off; 0: healthy */
	bool probing;    /* one query is testing it */
};

#define DNS_HEALTH_BACK_OFF     (20 * USEC_PER_SEC)
#define DNS_HEALTH_BACK_OFF_MAX (160 * USEC_PER_SEC)
/* Interval at which a server in back-off is tried first by one query. */
#define DNS_HEALTH_PROBE (2 * USEC_PER_SEC)

/* It gave no answer where another server did. */
void dns_health_failed(struct dns_health *health, usec_t now);
void dns_health_answered(struct dns_health *health);
/*
 * Writes the order in which to ask @n servers: indices. True: the first is a server in back-off,
 * tried by this query: ask the next one soon.
 */
bool dns_health_order(struct dns_health *const *servers, unsigned n, usec_t now, uint8_t *order);

#endif
