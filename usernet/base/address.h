/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_ADDRESS_H
#define USERNET_BASE_ADDRESS_H

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/*
 * An IP address in one form: IPv6, or IPv4 mapped into it (::ffff:a.b.c.d, RFC 4291 2.5.5.2). All
 * tables that are keyed by addresses use these functions.
 */

/* @addr: IPv4 in network byte order. */
static inline struct in6_addr address_map4(uint32_t addr)
{
	struct in6_addr mapped = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

	memcpy(&mapped.s6_addr[12], &addr, 4);
	return mapped;
}

/* The IPv4 address, in network byte order, of a v4-mapped one. */
static inline struct in_addr address_v4(const struct in6_addr *mapped)
{
	struct in_addr addr;

	memcpy(&addr, &mapped->s6_addr[12], 4);
	return addr;
}

static inline bool address_is_v4(const struct in6_addr *addr)
{
	return IN6_IS_ADDR_V4MAPPED(addr);
}

/* Do the first @len bits of both agree? @len: 0-128, 96 more than an IPv4 prefix has. */
static inline bool address_in_prefix(const struct in6_addr *addr, const struct in6_addr *prefix,
				     unsigned len)
{
	unsigned bytes = len / 8, bits = len % 8;

	if (memcmp(addr, prefix, bytes) != 0)
		return false;
	return bits == 0 || (addr->s6_addr[bytes] ^ prefix->s6_addr[bytes]) >> (8 - bits) == 0;
}

/*
 * The IPv4 address, v4-mapped, that an IPv6 address leads to: NAT64's well-known and local-use
 * prefixes (RFC 6052, 8215), 6to4 (RFC 3056), Teredo (RFC 4380 4, the client's), v4-compatible and
 * v4-translated addresses (RFC 4291 2.5.5.1, RFC 2765 2.1). False: none, or @addr is IPv4 itself.
 */
bool address_carried_v4(const struct in6_addr *addr, struct in6_addr *mapped);

/* For GHashTable: keys are struct in6_addr. The hash is seeded (base/hash.h). */
guint address_hash(gconstpointer key);
gboolean address_equal(gconstpointer a, gconstpointer b);

#endif
