/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TCP_OFFLOAD_POOL_H
#define USERNET_TCP_OFFLOAD_POOL_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The memory of offload's rings and holds: blocks of one size, and the account of who may have how
 * many (offload.h has the limits). A block is charged before it is taken; charging may be refused,
 * taking never is. So a window that was told is always one that can be kept.
 */
#define OFFLOAD_BLOCK_SIZE (17 * 1024) /* a merged segment of OFFLOAD_IF_MTU fits one */
#define OFFLOAD_BLOCK_DATA (OFFLOAD_BLOCK_SIZE - sizeof(void *))

struct offload_guest;

/* What the guests of one port hold together. */
struct offload_share {
	unsigned blocks, n_flows;
};

struct offload_block {
	struct offload_block *next;
	uint8_t data[OFFLOAD_BLOCK_DATA] __attribute__((aligned(sizeof(void *))));
};

struct offload_pool {
	unsigned max, charged; /* blocks of all guests */
	unsigned port_max;
	struct offload_block *idle; /* warm, most recently used first */
	unsigned n_idle;
};

/* Bytes, rounded down to blocks. */
void offload_pool_init(struct offload_pool *pool, uint64_t max, uint64_t port_max);
/* All blocks must have come back. */
void offload_pool_fini(struct offload_pool *pool);

/* May @guest have @n blocks more? All of them, or none and false. */
bool offload_charge(struct offload_pool *pool, struct offload_guest *guest, unsigned n);
void offload_uncharge(struct offload_pool *pool, struct offload_guest *guest, unsigned n);

/* Is so little charged, to @guest's port and in all, that there is room for whoever is fast? */
bool offload_is_plenty(const struct offload_pool *pool, const struct offload_guest *guest);

/* One that was charged. Its contents are undefined. */
struct offload_block *offload_block_take(struct offload_pool *pool);
void offload_block_give(struct offload_pool *pool, struct offload_block *block);

#endif
