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

static uint32_t load_v4(const uint8_t *p)
{
	uint32_t v4;

	memcpy(&v4, p, sizeof(v4));
	return v4;
}

bool address_carried_v4(const struct in6_addr *addr, struct in6_addr *mapped)
{
	static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};
	static const uint8_t nat64_local[6] = {0x00, 0x64, 0xff, 0x9b, 0x00, 0x01};
	static const uint8_t translated[12] = {[8] = 0xff, [9] = 0xff};
	static const uint8_t compatible[12];
	static const uint8_t teredo[4] = {0x20, 0x01};
	const uint8_t *a = addr->s6_addr;

	if (!memcmp(a, nat64, 12) || !memcmp(a, translated, 12) || !memcmp(a, nat64_local, 6) ||
	    (!memcmp(a, compatible, 12) && load_v4(a + 12)))
		*mapped = address_map4(load_v4(a + 12));
	else if (a[0] == 0x20 && a[1] == 0x02)
		*mapped = address_map4(load_v4(a + 2));
	else if (!memcmp(a, teredo, 4))
		*mapped = address_map4(~load_v4(a + 12));
	else
		return false;
	return true;
}
