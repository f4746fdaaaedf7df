/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DNS_ADDRESSES_H
#define USERNET_DNS_ADDRESSES_H

#include <netinet/in.h>

#include "dns/wire.h"

/*
 * Calls @each for each address in the answer section of a message: A and AAAA records, and the
 * hints of HTTPS and SVCB records (RFC 9460 7.3). @addr: IPv4 is v4-mapped. @ttl: seconds, the
 * least of the section, aliases included. Nothing for answers that are cut, broken or errors.
 */
void dns_addresses_each(const uint8_t *answer, size_t len,
			void (*each)(void *data, const struct in6_addr *addr, uint32_t ttl),
			void *data);

#endif
