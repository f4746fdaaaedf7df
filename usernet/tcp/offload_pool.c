/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/offload_pool.h"

#include <glib.h>

#include "tcp/offload.h"

#define FEW       (OFFLOAD_FEW_BYTES / OFFLOAD_BLOCK_SIZE)
#define KEEP_IDLE 128 /* blocks, 2 MB: what a few busy flows come and go with */

void offload_pool_init(struct offload_pool *pool, uint64_t max, uint64_t port_max)
{
	*pool = (struct offload_pool){
		.max = (unsigned)(max / OFFLOAD_BLOCK_SIZE),
		.port_max = (unsigned)(port_max / OFFLOAD_BLOCK_SIZE),
	};
}

void offload_pool_fini(struct offload_pool *pool)
{
	g_assert(pool->charged == 0);
	while (pool->idle) {
		struct offload_block *block = pool->idle;

		pool->idle = block->next;
		g_free(block);
	}
	pool->n_idle = 0;
}

bool offload_charge(struct offload_pool *pool, struct offload_guest *guest, unsigned n)
{
	unsigned at_port = (guest->share ? guest->share->blocks : guest->blocks) + n;
	unsigned max = at_port <= FEW ? pool->max : pool->max - pool->max / 4;

	if (pool->charged + n > max || at_port > pool->port_max)
		return false;
	pool->charged += n;
	guest->blocks += n;
	if (guest->share)
		guest->share->blocks += n;
	return true;
}

bool offload_is_plenty(const struct offload_pool *pool, const struct offload_guest *guest)
{
	unsigned at_port = guest->share ? guest->share->blocks : guest->blocks;

	return at_port < pool->port_max / 4 && pool->charged < pool->max / 4;
}

void offload_uncharge(struct offload_pool *pool, struct offload_guest *guest, unsigned n)
{
	pool->charged -= n;
	guest->blocks -= n;
	if (guest->share)
		guest->share->blocks -= n;
}

struct offload_block *offload_block_take(struct offload_pool *pool)
{
	struct offload_block *block = pool->idle;

	if (!block)
		return g_new(struct offload_block, 1);
	pool->idle = block->next;
	pool->n_idle--;
	return block;
}

void offload_block_give(struct offload_pool *pool, struct offload_block *block)
{
	if (pool->n_idle == KEEP_IDLE) {
		g_free(block);
		return;
	}
	block->next = pool->idle;
	pool->idle = block;
	pool->n_idle++;
}
