/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/offload_ring.h"

#include <glib.h>

static struct offload_block **slot(struct offload_ring *ring, unsigned i)
{
	return &ring->blocks[(ring->first + i) % OFFLOAD_RING_BLOCKS];
}

void offload_ring_reserve(struct offload_ring *ring, struct offload_pool *pool,
			  struct offload_guest *guest, uint32_t want)
{
	uint64_t bytes = (uint64_t)ring->skip + ring->len + want;
	uint64_t wanted = (bytes + OFFLOAD_BLOCK_DATA - 1) / OFFLOAD_BLOCK_DATA;

	while (ring->n_reserved < MIN(wanted, OFFLOAD_RING_BLOCKS)) {
		if (!offload_charge(pool, guest, 1))
			return;
		ring->n_reserved++;
	}
}

void offload_ring_append(struct offload_ring *ring, struct offload_pool *pool, const uint8_t *data,
			 uint32_t len)
{
	while (len > 0) {
		uint32_t at = ring->skip + ring->len, in = at % OFFLOAD_BLOCK_DATA;
		unsigned i = (unsigned)(at / OFFLOAD_BLOCK_DATA);
		uint32_t part = MIN(len, (uint32_t)OFFLOAD_BLOCK_DATA - in);

		if (i == ring->n_taken) {
			*slot(ring, i) = offload_block_take(pool);
			ring->n_taken++;
		}
		memcpy((*slot(ring, i))->data + in, data, part);
		ring->len += part;
		data += part;
		len -= part;
	}
}

void offload_ring_consume(struct offload_ring *ring, struct offload_pool *pool,
			  struct offload_guest *guest, uint32_t len)
{
	ring->skip += len;
	ring->len -= len;
	while (ring->n_taken > 0 && ring->skip >= OFFLOAD_BLOCK_DATA) {
		offload_block_give(pool, *slot(ring, 0));
		ring->first = (ring->first + 1) % OFFLOAD_RING_BLOCKS;
		ring->n_taken--;
		ring->n_reserved--;
		ring->skip -= (uint32_t)OFFLOAD_BLOCK_DATA;
		offload_uncharge(pool, guest, 1);
	}
}

csum_t offload_ring_copy(const struct offload_ring *ring, uint32_t offset, uint8_t *to,
			 uint32_t len)
{
	csum_t sum = 0;
	bool odd = false;

	for (offset += ring->skip; len > 0;) {
		uint32_t in = offset % OFFLOAD_BLOCK_DATA;
		uint32_t part = MIN(len, (uint32_t)OFFLOAD_BLOCK_DATA - in);
		unsigned i = (unsigned)(offset / OFFLOAD_BLOCK_DATA);
		const struct offload_block *block =
			ring->blocks[(ring->first + i) % OFFLOAD_RING_BLOCKS];
		csum_t more = csum_copy(0, to, block->data + in, part);

		sum += odd ? csum_swap(more) : more;
		odd ^= part % 2;
		to += part;
		offset += part;
		len -= part;
	}
	return sum;
}

void offload_ring_clear(struct offload_ring *ring, struct offload_pool *pool,
			struct offload_guest *guest)
{
	for (unsigned i = 0; i < ring->n_taken; i++)
		offload_block_give(pool, *slot(ring, i));
	offload_uncharge(pool, guest, ring->n_reserved);
	ring->first = ring->n_taken = ring->n_reserved = 0;
	ring->skip = ring->len = 0;
}
