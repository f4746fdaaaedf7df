/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/reserve.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

/*
 * First fit over the blocks in order of address; neighbours that are free are joined when a search
 * passes them. Slow with very many blocks, which is fine: it is used rarely and briefly.
 */
struct block {
	size_t size; /* of the data that follows */
	size_t used; /* 0 or 1 */
};

#define ALIGNMENT   16
#define PROBE_EVERY 10000000 /* ns */

static alignas(ALIGNMENT) uint8_t arena[RESERVE_SIZE];
static size_t used_bytes;
static bool low;
static int64_t probed_at;

_Static_assert(sizeof(struct block) == ALIGNMENT, "data is aligned as its header is");

static struct block *block_at(size_t at)
{
	return (struct block *)(void *)(arena + at);
}

static struct block *block_of(const void *data)
{
	return (struct block *)((uintptr_t)data - sizeof(struct block));
}

/* The block at @at, joined with the free ones behind it. */
static struct block *join(size_t at)
{
	struct block *block = block_at(at);
	size_t next = at + sizeof(*block) + block->size;

	while (next < RESERVE_SIZE && !block_at(next)->used) {
		block->size += sizeof(*block) + block_at(next)->size;
		next = at + sizeof(*block) + block->size;
	}
	return block;
}

static void split(struct block *block, size_t at, size_t size)
{
	size_t left = block->size - size;

	if (left <= sizeof(*block))
		return;
	block->size = size;
	*block_at(at + sizeof(*block) + size) = (struct block){.size = left - sizeof(*block)};
}

/* How far behind the block at @at its data is aligned; the gap has room for a block of its own. */
static size_t gap_before(size_t at, size_t alignment)
{
	uintptr_t data = (uintptr_t)(block_at(at) + 1);
	size_t gap = -data & (alignment - 1);

	return gap && gap < 2 * sizeof(struct block) ? gap + alignment : gap;
}

void *reserve_take(size_t alignment, size_t size)
{
	struct block *block;

	low = true;
	alignment = alignment < ALIGNMENT ? ALIGNMENT : alignment;
	if (size > RESERVE_SIZE || alignment > RESERVE_SIZE)
		return NULL;
	size = size ? (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT : ALIGNMENT;
	if (!block_at(0)->size)
		block_at(0)->size = RESERVE_SIZE - sizeof(*block);
	for (size_t at = 0; at < RESERVE_SIZE; at += sizeof(*block) + block->size) {
		size_t gap = gap_before(at, alignment);

		block = block_at(at);
		if (block->used || join(at)->size < gap + size)
			continue;
		if (gap) {
			split(block, at, gap - sizeof(*block));
			at += gap;
			block = block_at(at);
		}
		split(block, at, size);
		block->used = 1;
		used_bytes += sizeof(*block) + block->size;
		return block + 1;
	}
	return NULL;
}

void reserve_give(void *data)
{
	struct block *block = block_of(data);

	block->used = 0;
	used_bytes -= sizeof(*block) + block->size;
}

bool reserve_owns(const void *data)
{
	return (uintptr_t)data - (uintptr_t)arena < RESERVE_SIZE;
}

size_t reserve_block_size(const void *data)
{
	return block_of(data)->size;
}

size_t reserve_used(void)
{
	return used_bytes;
}

bool reserve_is_low(void)
{
	struct timespec time;
	void *probe;
	int64_t now;

	if (!low)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &time);
	now = (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
	if (used_bytes > RESERVE_SIZE / 2 || now - probed_at < PROBE_EVERY)
		return true;
	probed_at = now;
	probe = malloc(RESERVE_PROBE);
	low = !probe || reserve_owns(probe);
	free(probe);
	return low;
}
