/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_POLICY_VERDICTS_H
#define USERNET_POLICY_VERDICTS_H

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "base/loop.h"
#include "net/frame.h"
#include "packet/dns_name.h"

/*
 * The last verdicts of the policy: what guests asked for and were allowed or denied. A ring of
 * VERDICTS_MAX; equal ones in a row of one guest are one entry with a count. At most VERDICTS_RATE
 * new entries a second are made for each port, so that a guest that knocks everywhere does not push
 * out what others did; of what is left out a warning tells.
 */
#define VERDICTS_MAX  1024
#define VERDICTS_RATE 64

struct verdicts;

struct verdict {
	gint64 wall; /* µs since 1970, of the last time */
	uint64_t count;
	mac_t mac;
	unsigned port_id;
	bool allow;
	bool lookup;                  /* a name was asked for; no protocol, address and port */
	uint8_t proto;                /* IPPROTO_* */
	struct in6_addr dst;          /* IPv4 is v4-mapped */
	uint16_t port;                /* 0: none */
	const char *rule, *name;      /* may be NULL */
	const struct dns_name *asked; /* see verdicts_note(); NULL in entries */
};

struct verdicts *verdicts_new(void);
void verdicts_free(struct verdicts *verdicts);
/*
 * Notes a copy of @verdict; wall and count are set here. A lookup comes with the name in
 * verdict::asked, not in verdict::name: it is formatted only if the entry is kept.
 */
void verdicts_note(struct verdicts *verdicts, const struct verdict *verdict, usec_t now);
/* The newest first; NULL: no more. */
const struct verdict *verdicts_nth(const struct verdicts *verdicts, unsigned nth);

#endif
