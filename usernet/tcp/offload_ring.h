/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TCP_OFFLOAD_RING_H
#define USERNET_TCP_OFFLOAD_RING_H

#include <stddef.h>

#include "base/checksum.h"
#include "tcp/offload_pool.h"

/*
 * What libslirp sent and the guest has not acknowledged: a stream of bytes in blocks.
 *
 *      blocks:   │····████│████████│███·····│ reserved, not taken yet │
 *                     ▲ skip              ▲ skip + len
 *
 * Room is reserved (charged to the guest) before it is promised to libslirp.
 */
/*
 * What a flow may have in its ring, 1 MB. What is under way to the guest, here and in the kernel,
 * is half of that and not acknowledged: with a ring no longer than that the two would take turns.
 */
#define OFFLOAD_RING_BLOCKS 62

struct offload_ring {
	struct offload_block *blocks[OFFLOAD_RING_BLOCKS]; /* circular */
	unsigned first, n_taken, n_reserved; /* n_taken <= n_reserved <= OFFLOAD_RING_BLOCKS */
	uint32_t skip, len;                  /* bytes */
};

/* Bytes that can still be appended. */
static inline uint32_t offload_ring_room(const struct offload_ring *ring)
{
	return (uint32_t)(ring->n_reserved * OFFLOAD_BLOCK_DATA) - ring->skip - ring->len;
}

/* Reserves room for @want bytes, or for as many as the budget and the bound allow. */
void offload_ring_reserve(struct offload_ring *ring, struct offload_pool *pool,
			  struct offload_guest *guest, uint32_t want);
/* @len: at most the room. */
void offload_ring_append(struct offload_ring *ring, struct offload_pool *pool, const uint8_t *data,
			 uint32_t len);
/* The first @len bytes are wanted no more. */
void offload_ring_consume(struct offload_ring *ring, struct offload_pool *pool,
			  struct offload_guest *guest, uint32_t len);
/* Copies @len bytes from @offset on to @to; the sum of them. */
csum_t offload_ring_copy(const struct offload_ring *ring, uint32_t offset, uint8_t *to,
			 uint32_t len);
/* Empties it and gives up what is reserved. */
void offload_ring_clear(struct offload_ring *ring, struct offload_pool *pool,
			struct offload_guest *guest);

#endif
