/* SPDX-License-Identifier: BSD-3-Clause */
#include "policy/verdicts.h"

#include <string.h>

#include "base/log.h"
#include "net/mac.h"

#define PORTS_MAX 256 /* ports whose rate is known; others share a slot */

struct verdicts {
	struct verdict ring[VERDICTS_MAX];
	uint64_t n; /* noted since the start */
	struct log_limit full;
	struct rate {
		usec_t window;
		unsigned n;
	} rates[PORTS_MAX];
};

struct verdicts *verdicts_new(void)
{
	return g_new0(struct verdicts, 1);
}

static void clear(struct verdict *verdict)
{
	if (verdict->rule)
		g_ref_string_release((char *)verdict->rule);
	if (verdict->name)
		g_ref_string_release((char *)verdict->name);
	verdict->rule = verdict->name = NULL;
}

void verdicts_free(struct verdicts *verdicts)
{
	for (unsigned i = 0; i < VERDICTS_MAX; i++)
		clear(&verdicts->ring[i]);
	g_free(verdicts);
}

static bool same(const struct verdict *a, const struct verdict *b)
{
	return a->mac == b->mac && a->port_id == b->port_id && a->allow == b->allow &&
	       a->lookup == b->lookup && a->proto == b->proto && a->port == b->port &&
	       memcmp(&a->dst, &b->dst, sizeof(a->dst)) == 0 && !g_strcmp0(a->rule, b->rule) &&
	       !g_strcmp0(a->name, b->name);
}

static bool may_note(struct verdicts *verdicts, unsigned port_id, usec_t now)
{
	struct rate *rate = &verdicts->rates[port_id % PORTS_MAX];

	if (now - rate->window >= USEC_PER_SEC)
		*rate = (struct rate){.window = now};
	return rate->n++ < VERDICTS_RATE;
}

static void say_full(struct verdicts *verdicts, mac_t mac)
{
	char text[GUEST_MAC_TEXT];

	guest_mac_format(text, mac);
	log_limited(&verdicts->full,
		    "policy: %s asks for more than %d things a second: some verdicts are not kept",
		    text, VERDICTS_RATE);
}

void verdicts_note(struct verdicts *verdicts, const struct verdict *verdict, usec_t now)
{
	struct verdict *last = &verdicts->ring[(verdicts->n - 1) % VERDICTS_MAX], *next;

	if (verdicts->n && same(last, verdict)) {
		last->count++;
		last->wall = g_get_real_time();
		return;
	}
	if (!may_note(verdicts, verdict->port_id, now)) {
		say_full(verdicts, verdict->mac);
		return;
	}
	next = &verdicts->ring[verdicts->n++ % VERDICTS_MAX];
	clear(next);
	*next = *verdict;
	next->count = 1;
	next->wall = g_get_real_time();
	next->rule = verdict->rule ? g_ref_string_new_intern(verdict->rule) : NULL;
	next->name = verdict->name ? g_ref_string_new_intern(verdict->name) : NULL;
}

const struct verdict *verdicts_nth(const struct verdicts *verdicts, unsigned nth)
{
	if (nth >= MIN(verdicts->n, VERDICTS_MAX))
		return NULL;
	return &verdicts->ring[(verdicts->n - 1 - nth) % VERDICTS_MAX];
}
