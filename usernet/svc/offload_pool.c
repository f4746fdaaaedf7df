/* SPDX-License-Identifier: BSD-3-Clause */
#include "svc/offload_pool.h"

#include <glib.h>

#include "svc/offload.h"

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
	unsigned at_port = guest->port_blocks ? *guest->port_blocks : guest->blocks;

	if (pool->charged + n > pool->max || at_port + n > pool->port_max)
		return false;
	pool->charged += n;
	guest->blocks += n;
	if (guest->port_blocks)
		*guest->port_blocks += n;
	return true;
}

void offload_uncharge(struct offload_pool *pool, struct offload_guest *guest, unsigned n)
{
	pool->charged -= n;
	guest->blocks -= n;
	if (guest->port_blocks)
		*guest->port_blocks -= n;
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
