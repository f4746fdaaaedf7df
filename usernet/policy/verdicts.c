/* SPDX-License-Identifier: BSD-3-Clause */
#include "policy/verdicts.h"

#include <string.h>

#include "base/log.h"

#define PORTS_MAX 256 /* ports whose rate is known; others share a slot */

struct verdicts {
	struct verdict ring[VERDICTS_MAX];
	uint64_t n;                 /* noted since the start */
	struct dns_name last_asked; /* of the newest, if it is a lookup */
	struct log_limit full;
	struct rate {
		usec_t window;
		unsigned n;
		bool told; /* that some were left out */
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

/* The newest entry; meaningless before the first. */
static struct verdict *newest(struct verdicts *verdicts)
{
	return &verdicts->ring[(verdicts->n - 1) % VERDICTS_MAX];
}

static bool repeats(const struct verdicts *verdicts, const struct verdict *last,
		    const struct verdict *next)
{
	if (last->mac != next->mac || last->port_id != next->port_id ||
	    last->allow != next->allow || last->lookup != next->lookup ||
	    last->proto != next->proto || last->port != next->port ||
	    memcmp(&last->dst, &next->dst, sizeof(last->dst)) != 0 ||
	    g_strcmp0(last->rule, next->rule) != 0)
		return false;
	return next->lookup ? dns_name_equal(&verdicts->last_asked, next->asked)
			    : !g_strcmp0(last->name, next->name);
}

/* The first that is left out in a second is told of. */
static bool may_note(struct verdicts *verdicts, const struct verdict *verdict, usec_t now)
{
	struct rate *rate = &verdicts->rates[verdict->port_id % PORTS_MAX];

	if (now - rate->window >= USEC_PER_SEC)
		*rate = (struct rate){.window = now};
	if (rate->n < VERDICTS_RATE) {
		rate->n++;
		return true;
	}
	if (!rate->told)
		log_limited(&verdicts->full,
			    "policy: " MAC_FMT " asks for more than %d things a second: some "
			    "verdicts are not kept",
			    MAC_ARGS(verdict->mac), VERDICTS_RATE);
	rate->told = true;
	return false;
}

static const char *keep_name(struct verdicts *verdicts, const struct verdict *verdict)
{
	char text[DNS_NAME_TEXT];

	if (!verdict->lookup)
		return verdict->name ? g_ref_string_new_intern(verdict->name) : NULL;
	verdicts->last_asked = *verdict->asked;
	dns_name_text(text, verdict->asked);
	return g_ref_string_new_intern(text);
}

void verdicts_note(struct verdicts *verdicts, const struct verdict *verdict, usec_t now)
{
	struct verdict *next;

	if (verdicts->n && repeats(verdicts, newest(verdicts), verdict)) {
		newest(verdicts)->count++;
		newest(verdicts)->wall = g_get_real_time();
		return;
	}
	if (!may_note(verdicts, verdict, now))
		return;
	verdicts->n++;
	next = newest(verdicts);
	clear(next);
	*next = *verdict;
	next->count = 1;
	next->wall = g_get_real_time();
	next->rule = verdict->rule ? g_ref_string_new_intern(verdict->rule) : NULL;
	next->name = keep_name(verdicts, verdict);
	next->asked = NULL;
}

const struct verdict *verdicts_nth(const struct verdicts *verdicts, unsigned nth)
{
	if (nth >= MIN(verdicts->n, VERDICTS_MAX))
		return NULL;
	return &verdicts->ring[(verdicts->n - 1 - nth) % VERDICTS_MAX];
}
