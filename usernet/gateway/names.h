/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_GATEWAY_NAMES_H
#define USERNET_GATEWAY_NAMES_H

#include "dns/dns.h"

/*
 * Joins the name server and the policy: which names may leave the host, and which addresses a name
 * opens. For dns_ops; data is the gateway.
 */
enum dns_leave names_may_leave(void *data, const struct dns_client *client,
			       const struct dns_name *name);
void names_has_address(void *data, const struct dns_client *client, const struct dns_name *name,
		       const struct in6_addr *addr, uint32_t ttl);

#endif
