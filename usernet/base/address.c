/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/address.h"

#include "base/hash.h"

guint address_hash(gconstpointer key)
{
	return (guint)hash_bytes(hash_seed(), key, sizeof(struct in6_addr));
}

gboolean address_equal(gconstpointer a, gconstpointer b)
{
	return memcmp(a, b, sizeof(struct in6_addr)) == 0;
}
