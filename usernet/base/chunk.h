/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_CHUNK_H
#define USERNET_BASE_CHUNK_H

#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/loop.h"

/*
 * Large buffers for the frames of one turn. Readers read into a chunk and the NAT writes its output
 * into one. Frames borrowed from a chunk stay valid until the end of the turn. Returned chunks are
 * kept, most recently used first, so that all ports share the same cached memory; an idle port
 * holds none. Chunks not used for a second are freed.
 */
#define CHUNK_SIZE (256 * 1024 + 80 * 1024) /* a 256 KB read after the largest partial frame */

struct chunk {
	struct list link; // chunk_pool::idle or chunk_pool::retired
	uint8_t data[CHUNK_SIZE];
};

struct chunk_pool;

struct chunk_pool *chunk_pool_new(struct loop *loop);
/* All chunks must have been retired or returned. Call before loop_free(). */
void chunk_pool_free(struct chunk_pool *pool);
/* Number of idle chunks kept, CHUNK_SIZE bytes each. */
unsigned chunk_pool_idle(const struct chunk_pool *pool);
/* Never NULL. The contents are undefined. */
struct chunk *chunk_take(struct chunk_pool *pool);
/* The same; NULL: memory is low, and none is idle. */
struct chunk *chunk_try(struct chunk_pool *pool);
/* Returns @chunk at the end of the turn (LOOP_REAP); frames in it stay readable until then. */
void chunk_retire(struct chunk_pool *pool, struct chunk *chunk);
/* Returns @chunk at once; no frame may have been borrowed from it. */
void chunk_return(struct chunk_pool *pool, struct chunk *chunk);

#endif
