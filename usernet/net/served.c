/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/served.h"

#include <glib.h>

#include "base/address.h"

struct served {
	GHashTable *addresses; /* struct in6_addr, owned -> number of users */
};

struct served *served_new(void)
{
	struct served *served = g_new0(struct served, 1);

	served->addresses = g_hash_table_new_full(address_hash, address_equal, g_free, NULL);
	return served;
}

void served_free(struct served *served)
{
	if (!served)
		return;
	g_hash_table_unref(served->addresses);
	g_free(served);
}

static unsigned count(const struct served *served, const struct in6_addr *addr)
{
	return GPOINTER_TO_UINT(g_hash_table_lookup(served->addresses, addr));
}

static void set_count(struct served *served, const struct in6_addr *addr, unsigned n)
{
	if (n)
		g_hash_table_replace(served->addresses, g_memdup2(addr, sizeof(*addr)),
				     GUINT_TO_POINTER(n));
	else
		g_hash_table_remove(served->addresses, addr);
}

bool served_add(struct served *served, const struct in6_addr *addr)
{
	unsigned n = count(served, addr);

	set_count(served, addr, n + 1);
	return n == 0;
}

bool served_remove(struct served *served, const struct in6_addr *addr)
{
	unsigned n = count(served, addr);

	set_count(served, addr, n ? n - 1 : 0);
	return n == 1;
}

bool served_has(const struct served *served, const struct in6_addr *addr)
{
	return g_hash_table_size(served->addresses) && count(served, addr);
}

bool served_has_v4(const struct served *served, struct in_addr addr)
{
	struct in6_addr mapped = address_map4(addr.s_addr);

	return served_has(served, &mapped);
}
