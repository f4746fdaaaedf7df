/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_LINK_SHARE_H
#define USERNET_LINK_SHARE_H

#include <stdbool.h>

/*
 * The descriptors that the links of a network may hold together: a quarter of the process's limit
 * (RLIMIT_NOFILE). The rest is for control, for forwards and for what guests open. Links beyond it
 * wait in the backlog of their server. Clients and descriptors passed in are as many as were
 * configured: they count, and are never refused.
 */
#define LINK_SHARE_PART 4
#define LINK_SHARE_MIN  8 /* with a very small limit */

struct network;

unsigned link_share_max(void);
bool link_share_has_room(const struct network *network);
void link_share_take(struct network *network);
void link_share_give(struct network *network);

#endif
