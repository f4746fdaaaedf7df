/* SPDX-License-Identifier: BSD-3-Clause */
#include "dns/health.h"

void dns_health_failed(struct dns_health *health, usec_t now)
{
	/* Several queries that fail together count once. */
	if (now < health->until && !health->probing)
		return;
	health->probing = false;
	if (!health->back_off)
		health->back_off = DNS_HEALTH_BACK_OFF;
	else if (health->back_off < DNS_HEALTH_BACK_OFF_MAX)
		health->back_off *= 2;
	health->until = now + health->back_off;
}

void dns_health_answered(struct dns_health *health)
{
	*health = (struct dns_health){0};
}

bool dns_health_order(struct dns_health *const *servers, unsigned n, usec_t now, uint8_t *order)
{
	unsigned at = 0;
	bool probe;

	for (unsigned i = 0; i < n; i++) {
		if (now >= servers[i]->until)
			order[at++] = (uint8_t)i;
	}
	/* Servers in back-off come last, the next to return first. */
	for (unsigned i = 0; i < n; i++) {
		unsigned to = at;

		if (now >= servers[i]->until)
			continue;
		for (at++; to > 0 && servers[order[to - 1]]->until > servers[i]->until; to--)
			order[to] = order[to - 1];
		order[to] = (uint8_t)i;
	}
	probe = n > 1 && servers[order[0]]->back_off && now >= servers[order[0]]->until;
	if (probe) {
		servers[order[0]]->probing = true;
		servers[order[0]]->until = now + DNS_HEALTH_PROBE;
	}
	return probe;
}
