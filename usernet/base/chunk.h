/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_CHUNK_H
#define USERNET_BASE_CHUNK_H

#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/loop.h"

/*
 * Large buffers for a turn's frames. Readers read into one, the NAT writes its output into one;
 * frames borrowed from it stay valid until the end of the turn. Freed chunks are kept, most
 * recently used first, so the same warm memory serves every port; an idle port holds none.
 * What nobody needed for a second is given back to the system.
 */
#define CHUNK_SIZE (256 * 1024 + 80 * 1024) /* one 256 KB read behind the largest partial frame */

struct chunk {
	struct list link; // chunk_pool::idle or chunk_pool::retired
	uint8_t data[CHUNK_SIZE];
};

struct chunk_pool;

struct chunk_pool *chunk_pool_new(struct loop *loop);
/* All chunks must have come back (retired is enough). Before loop_free(). */
void chunk_pool_free(struct chunk_pool *pool);
/* Bytes held for later are this many times CHUNK_SIZE. */
unsigned chunk_pool_idle(const struct chunk_pool *pool);
/* Never NULL. The contents are undefined. */
struct chunk *chunk_take(struct chunk_pool *pool);
/* Gives @chunk back when the turn ends (LOOP_REAP): frames in it stay readable till then. */
void chunk_retire(struct chunk_pool *pool, struct chunk *chunk);
/* Gives @chunk back at once: no frame was borrowed from it. */
void chunk_return(struct chunk_pool *pool, struct chunk *chunk);

#endif
