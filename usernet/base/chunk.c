/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/chunk.h"

#include "base/reserve.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, size)   ((void)(p))
#define ASAN_UNPOISON_MEMORY_REGION(p, size) ((void)(p))
#endif

/*
 * Idle chunks beyond CHUNK_KEEP are freed when they were not used for a whole TRIM_PERIOD. Freeing
 * them sooner costs 84 page faults each in every turn with many busy ports.
 */
#define CHUNK_KEEP  4
#define TRIM_PERIOD USEC_PER_SEC

struct chunk_pool {
	struct list idle;    // chunk::link, most recently used first
	struct list retired; // chunk::link
	unsigned n_idle;
	unsigned low_idle; /* fewest idle chunks in this trim period */
	unsigned n_out;    /* taken and not yet retired */
	struct loop *loop;
	struct loop_task reap;
	struct loop_timer trim;
};

static void pool_trim(struct loop_timer *timer)
{
	struct chunk_pool *pool = container_of(timer, struct chunk_pool, trim);
	unsigned n = pool->low_idle;

	for (; n && pool->n_idle > CHUNK_KEEP; n--, pool->n_idle--) {
		struct chunk *last = container_of(pool->idle.prev, struct chunk, link);

		list_remove(&last->link);
		ASAN_UNPOISON_MEMORY_REGION(last->data, sizeof(last->data));
		g_free(last);
	}
	pool->low_idle = pool->n_idle;
	if (pool->n_idle > CHUNK_KEEP)
		loop_timer_set(&pool->trim, loop_now(pool->loop) + TRIM_PERIOD);
}

/* Most recently used first. */
static void put_idle(struct chunk_pool *pool, struct chunk *chunk)
{
	list_append(pool->idle.next, &chunk->link);
	pool->n_idle++;
	/* Lets AddressSanitizer report a read of a frame borrowed in an earlier turn. */
	ASAN_POISON_MEMORY_REGION(chunk->data, sizeof(chunk->data));
}

static void pool_reap(struct loop_task *task)
{
	struct chunk_pool *pool = container_of(task, struct chunk_pool, reap);

	list_for_each_safe (chunk, &pool->retired, struct chunk, link) {
		list_remove(&chunk->link);
		put_idle(pool, chunk);
	}
	if (pool->n_idle > CHUNK_KEEP && !loop_timer_is_set(&pool->trim)) {
		pool->low_idle = pool->n_idle;
		loop_timer_set(&pool->trim, loop_now(pool->loop) + TRIM_PERIOD);
	}
}

struct chunk_pool *chunk_pool_new(struct loop *loop)
{
	struct chunk_pool *pool = g_new0(struct chunk_pool, 1);

	pool->loop = loop;
	list_init(&pool->idle);
	list_init(&pool->retired);
	loop_task_init(loop, &pool->reap, LOOP_REAP, pool_reap);
	loop_timer_init(loop, &pool->trim, pool_trim);
	return pool;
}

void chunk_pool_free(struct chunk_pool *pool)
{
	if (!pool)
		return;
	g_assert(pool->n_out == 0);
	loop_task_cancel(&pool->reap);
	loop_timer_cancel(&pool->trim);
	list_splice(&pool->idle, &pool->retired);
	list_for_each_safe (chunk, &pool->idle, struct chunk, link) {
		ASAN_UNPOISON_MEMORY_REGION(chunk->data, sizeof(chunk->data));
		g_free(chunk);
	}
	g_free(pool);
}

unsigned chunk_pool_idle(const struct chunk_pool *pool)
{
	return pool->n_idle;
}

struct chunk *chunk_take(struct chunk_pool *pool)
{
	struct chunk *chunk;

	pool->n_out++;
	if (list_empty(&pool->idle)) {
		chunk = g_new(struct chunk, 1);
		list_init(&chunk->link);
		return chunk;
	}
	chunk = list_first(&pool->idle, struct chunk, link);
	list_remove(&chunk->link);
	ASAN_UNPOISON_MEMORY_REGION(chunk->data, sizeof(chunk->data));
	pool->n_idle--;
	pool->low_idle = MIN(pool->low_idle, pool->n_idle);
	return chunk;
}

struct chunk *chunk_try(struct chunk_pool *pool)
{
	return list_empty(&pool->idle) && reserve_is_low() ? NULL : chunk_take(pool);
}

void chunk_retire(struct chunk_pool *pool, struct chunk *chunk)
{
	g_assert(pool->n_out > 0);
	pool->n_out--;
	list_append(&pool->retired, &chunk->link);
	loop_task_defer(&pool->reap);
}

void chunk_return(struct chunk_pool *pool, struct chunk *chunk)
{
	g_assert(pool->n_out > 0);
	pool->n_out--;
	put_idle(pool, chunk);
}
