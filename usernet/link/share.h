/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_LINK_SHARE_H
#define USERNET_LINK_SHARE_H

#include <stdbool.h>

/*
 * The descriptors that all links of a network may use together: a quarter of the process's limit
 * (RLIMIT_NOFILE). The rest is for control, forwards and connections of guests. Further links wait
 * in their server's backlog. Clients and passed descriptors are as many as configured: they count,
 * but are never refused.
 */
#define LINK_SHARE_PART 4
#define LINK_SHARE_MIN  8 /* minimum, for a very small limit */

struct network;

unsigned link_share_max(void);
bool link_share_has_room(const struct network *network);
void link_share_take(struct network *network);
void link_share_give(struct network *network);

#endif
