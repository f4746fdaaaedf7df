/* SPDX-License-Identifier: BSD-3-Clause */
#include "svc/nat_expect.h"

#include <glib.h>

void nat_expect_fini(struct nat_expect *expect)
{
	g_clear_pointer(&expect->ring, g_free);
	expect->n = 0;
}

bool nat_expect_has(const struct nat_expect *expect, const struct nat_expected *client)
{
	for (unsigned i = 0; i < MIN(expect->n, NAT_EXPECT_MAX); i++) {
		const struct nat_expected *e = &expect->ring[i];

		if (e->guest_port == client->guest_port && e->peer_port == client->peer_port &&
		    IN6_ARE_ADDR_EQUAL(&e->peer, &client->peer))
			return true;
	}
	return false;
}

void nat_expect_note(struct nat_expect *expect, const struct nat_expected *client)
{
	if (nat_expect_has(expect, client))
		return;
	if (!expect->ring)
		expect->ring = g_new0(struct nat_expected, NAT_EXPECT_MAX);
	expect->ring[expect->n++ % NAT_EXPECT_MAX] = *client;
}
