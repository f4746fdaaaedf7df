/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DNS_REVERSE_H
#define USERNET_DNS_REVERSE_H

#include <netinet/in.h>
#include <stdbool.h>

#include "packet/dns_name.h"

/*
 * The names of addresses: in-addr.arpa (RFC 1035 3.5) and ip6.arpa (RFC 3596 2.5).
 */
struct dns_reverse {
	bool v6;
	struct in6_addr addr; /* IPv4: in the first four bytes */
	unsigned labels;      /* octets or nibbles given, from the start of the address */
	bool junk;            /* further labels come before them that are no address's */
};

/* False: @name is not below in-addr.arpa or ip6.arpa. */
bool dns_reverse_parse(struct dns_reverse *out, const struct dns_name *name);
static inline bool dns_reverse_whole(const struct dns_reverse *reverse)
{
	return !reverse->junk && reverse->labels == (reverse->v6 ? 32 : 4);
}

/* A network whose reverse names are answered here only. */
struct dns_prefix {
	bool v6;
	struct in6_addr addr;
	unsigned len;
};
/* Does @prefix contain every address that begins as @reverse? */
bool dns_prefix_covers(const struct dns_prefix *prefix, const struct dns_reverse *reverse);
/* Number of labels, without the two of the suffix, of the zone of @prefix's names. */
unsigned dns_prefix_labels(const struct dns_prefix *prefix);

#endif
