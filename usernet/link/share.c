/* SPDX-License-Identifier: BSD-3-Clause */
#include "link/share.h"

#include <glib.h>
#include <sys/resource.h>

#include "net/network.h"

unsigned link_share_max(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return LINK_SHARE_MIN;
	return (unsigned)CLAMP(limit.rlim_cur / LINK_SHARE_PART, LINK_SHARE_MIN, G_MAXINT);
}

bool link_share_has_room(const struct network *network)
{
	return network->n_links < link_share_max();
}

void link_share_take(struct network *network)
{
	network->n_links++;
}

void link_share_give(struct network *network)
{
	g_assert(network->n_links > 0);
	network->n_links--;
}
