/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DNS_HEALTH_H
#define USERNET_DNS_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"

/*
 * In which order the servers of a domain are asked. They are asked as they are listed, but one that
 * had no answer where another had one stands back: for DNS_HEALTH_BACK_OFF, then twice as long each
 * time, up to DNS_HEALTH_BACK_OFF_MAX. Servers that fail together stay where they are: then it is
 * the network. Plain data; the clock is the caller's.
 */
struct dns_health {
	usec_t until;    /* stands back until then */
	usec_t back_off; /* how long the last time; 0: it is well */
	bool probing;    /* one query finds out whether it is back */
};

#define DNS_HEALTH_BACK_OFF     (20 * USEC_PER_SEC)
#define DNS_HEALTH_BACK_OFF_MAX (160 * USEC_PER_SEC)
/* How often one that stood back is tried again first, by one query. */
#define DNS_HEALTH_PROBE (2 * USEC_PER_SEC)

/* Another server had an answer where it had none. */
void dns_health_failed(struct dns_health *health, usec_t now);
void dns_health_answered(struct dns_health *health);
/*
 * Writes the order to ask @n servers in: indices. True when the first is one that stood back, and
 * is now tried with this query: the next should be asked soon.
 */
bool dns_health_order(struct dns_health *const *servers, unsigned n, usec_t now, uint8_t *order);

#endif
