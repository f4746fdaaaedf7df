/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_REWRITE_H
#define USERNET_NET_REWRITE_H

#include "base/chunk.h"
#include "net/offload.h"
#include "net/vlan.h"

/*
 * Copies of frames that a port cannot take as they are: unfinished ones (offload.h), and those that
 * get or lose a VLAN tag. The copies live until the end of the turn.
 */
struct port;

struct rewrite {
	struct chunk_pool *pool;
	struct chunk *chunk; /* NULL: none in use */
	size_t used;
	struct frame *frames; /* REWRITE_MAX of them; NULL until first used */
	size_t n;
};
#define REWRITE_MAX (2 * OFFLOAD_PIECES_MAX)

/* Can @to take the frame of @vlan as it is? */
bool rewrite_is_needed(const struct port *to, uint16_t vlan, const struct frame *frame);
/*
 * Appends to rewrite::frames what @to takes for @frame. False: no room; take the frames, set n to 0
 * and call it again. A frame whose headers contradict its marks, or that would lose one tag and
 * keep another, is dropped and counted at @to.
 */
bool rewrite_add(struct rewrite *rewrite, struct port *to, uint16_t vlan,
		 const struct frame *frame);
/* The switch has passed all frames of an input. */
void rewrite_end(struct rewrite *rewrite);
void rewrite_free(struct rewrite *rewrite);

#endif
