/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DNS_SPECIAL_H
#define USERNET_DNS_SPECIAL_H

#include "packet/dns_name.h"

/* Names that resolvers must not ask other servers for (IANA's special-use domain names). */
enum dns_special {
	DNS_SPECIAL_NONE,
	DNS_SPECIAL_LOCALHOST, /* RFC 6761 6.3: 127.0.0.1 and ::1 */
	DNS_SPECIAL_LOCAL,     /* multicast DNS, RFC 6762 22.1; clients may ask us */
	DNS_SPECIAL_NXDOMAIN,  /* does not exist */
	DNS_SPECIAL_NODATA,    /* exists, without records */
};

/* @zone: the reserved name that @name is in. */
enum dns_special dns_special_find(const struct dns_name *name, struct dns_name *zone);

#endif
