/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TCP_BLOCK_H
#define USERNET_TCP_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "net/frame.h"

/*
 * Memory of connections, from a pool that all share: most recently used first, so that it is warm.
 * An idle connection holds none. What nobody needed for a second goes back to the system.
 *
 * Towards the guest a block holds slots: ready-made frames of equal stride, so that full ones leave
 * as one run. They are kept until they are acknowledged; what is known of each is at the block's
 * head, away from the frames:
 *
 *     │ block │ slot 0 … n-1 │ …│ len │ headers │ payload │ len │ headers │ payload │…
 *                               ▲ area              stride ──►
 *
 * From the guest a BLOCK_PIECE holds bytes that wait for the host (ring.h).
 */
enum block_class {
	BLOCK_SMALL, /* one slot: a connection that says little holds little */
	BLOCK_PIECE, /* of a receive ring */
	BLOCK_LARGE, /* a slot of 64 KB, or many small ones */
	BLOCK_CLASSES,
};

#define BLOCK_SMALL_SIZE 2048u
#define BLOCK_PIECE_SIZE 16384u /* bytes of payload */
#define BLOCK_LARGE_SIZE 69632u /* 17 pages */

/* What is known of a segment to the guest. */
enum {
	SLOT_SACKED = 0x01, /* the guest has it */
	SLOT_LOST = 0x02,   /* and was not sent again, unless SLOT_RESENT */
	SLOT_RESENT = 0x04, /* since it was lost; under way */
	SLOT_AGAIN = 0x08,  /* was ever sent again: it says nothing about the RTT (Karn) */
	SLOT_FIN = 0x10,    /* a FIN, without payload */
	SLOT_PUSH = 0x20,
};

struct slot {
	uint32_t seq;
	uint32_t sent; /* microseconds, the low 32 bits */
	uint16_t len;
	uint16_t sum; /* of the payload, folded and not complemented */
	uint8_t flags;
};

struct block {
	struct block *next; /* of its conn, towards higher sequence numbers; of the pool */
	uint8_t class;
	uint16_t n_slots;
	uint16_t head; /* the first that is not acknowledged */
	uint16_t used; /* behind the last that is filled */
	uint32_t stride;
	uint32_t room; /* for payload, of a slot */
	uint8_t *area;
	struct slot slots[];
};

/* The frame of slot @i; its prefix is in front of it. */
static inline uint8_t *block_frame(const struct block *block, unsigned i)
{
	return block->area + (size_t)i * block->stride + FRAME_PREFIX;
}

static inline uint32_t slot_span(const struct slot *slot)
{
	return slot->len + (slot->flags & SLOT_FIN ? 1u : 0u);
}

struct block_pool;

struct block_pool *block_pool_new(struct loop *loop);
/* All blocks must have come back. Before loop_free(). */
void block_pool_free(struct block_pool *pool);
/* Never NULL; no slots. */
struct block *block_take(struct block_pool *pool, enum block_class class);
/* Lays out as many slots of @header and at most @payload bytes as fit, one in a small block. */
void block_lay_out(struct block *block, uint32_t header, uint32_t payload);
/* Nobody reads it any more. */
void block_put(struct block_pool *pool, struct block *block);
/* Its frames may be read until the end of the turn. */
void block_retire(struct block_pool *pool, struct block *block);
/* Bytes charged for one. */
uint32_t block_size(enum block_class class);
/* Bytes the pool holds for later. */
size_t block_pool_idle(const struct block_pool *pool);

#endif
