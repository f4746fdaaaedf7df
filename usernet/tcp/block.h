/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TCP_BLOCK_H
#define USERNET_TCP_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "net/frame.h"

/*
 * Memory of connections, from a pool that all share, most recently used first so that it is in the
 * cache. An idle connection holds none. Blocks unused for a second go back to the system.
 *
 * Towards the guest a block holds slots: frames of equal stride with headers and payload, so that
 * adjacent full ones leave in one run. A slot is kept until it is acknowledged; its state is at the
 * block's head, away from the frames:
 *
 *     │ block │ slot 0 … n-1 │ …│ len │ headers │ payload │ len │ headers │ payload │…
 *                               ▲ area              stride ──►
 *
 * From the guest a BLOCK_PIECE holds bytes that wait for the host (ring.h).
 */
enum block_class {
	BLOCK_SMALL, /* one slot, for a connection with little to send */
	BLOCK_PIECE, /* a piece of a receive ring */
	BLOCK_LARGE, /* a slot of 64 KB, or many small ones */
	BLOCK_CLASSES,
};

#define BLOCK_SMALL_SIZE 2048u
#define BLOCK_PIECE_SIZE 16384u /* bytes of payload */
#define BLOCK_LARGE_SIZE 69632u /* 17 pages */

/* The state of a segment to the guest. */
enum {
	SLOT_SACKED = 0x01, /* the guest has it (SACK) */
	SLOT_LOST = 0x02,   /* lost; not retransmitted yet unless SLOT_RESENT */
	SLOT_RESENT = 0x04, /* retransmitted since it was lost; under way */
	SLOT_AGAIN = 0x08,  /* retransmitted at least once: not used to measure the RTT (Karn) */
	SLOT_FIN = 0x10,    /* a FIN, without payload */
	SLOT_PUSH = 0x20,
	SLOT_UNSUMMED = 0x40, /* slot::sum is not known: it leaves as FRAME_SUM_PARTIAL */
};

struct slot {
	uint32_t seq;
	uint32_t sent; /* microseconds, the low 32 bits */
	uint16_t len;
	uint16_t sum; /* of the payload, folded and not complemented */
	uint8_t flags;
};

struct block {
	struct block *next; /* the conn's next block, with higher sequence numbers; or the pool's */
	uint8_t class;
	uint16_t n_slots;
	uint16_t head; /* the first slot not acknowledged */
	uint16_t used; /* one past the last filled slot */
	uint32_t stride;
	uint32_t room; /* bytes of payload in a slot */
	uint8_t *area;
	struct slot slots[];
};

/* The frame of slot @i; its length prefix is in front of it. */
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
/* All blocks must have been put. Call it before loop_free(). */
void block_pool_free(struct block_pool *pool);
/* Has no slots yet. NULL: there is no memory; only for BLOCK_LARGE. */
struct block *block_take(struct block_pool *pool, enum block_class class);
/* Makes as many slots of @header and at most @payload bytes as fit; a small block gets one. */
void block_lay_out(struct block *block, uint32_t header, uint32_t payload);
/* The block is free at once. */
void block_put(struct block_pool *pool, struct block *block);
/* The block is free at the end of the turn: its frames may be read until then. */
void block_retire(struct block_pool *pool, struct block *block);
/* Bytes charged for a block. */
uint32_t block_size(enum block_class class);

#endif
