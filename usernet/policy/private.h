/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_POLICY_PRIVATE_H
#define USERNET_POLICY_PRIVATE_H

#include <netinet/in.h>
#include <stdbool.h>

/*
 * Addresses that a public name must not lead to: private, shared, link-local, loopback,
 * multicast and reserved ones (RFC 6890 and the IANA special-purpose registries), and those of
 * clouds' metadata services. An IPv6 address that carries such an IPv4 address counts too
 * (address_carried_v4). Documentation networks do not.
 */
bool private_address(const struct in6_addr *addr);

#endif
