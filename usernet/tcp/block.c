/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/block.h"

#include <glib.h>
#include <sys/mman.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, size)   ((void)(p))
#define ASAN_UNPOISON_MEMORY_REGION(p, size) ((void)(p))
#endif

/*
 * Idle blocks of a class beyond this many bytes are freed if a whole TRIM_PERIOD did not need
 * them.
 */
#define KEEP_BYTES  (512u << 10)
#define TRIM_PERIOD USEC_PER_SEC

struct shelf {
	struct block *idle;    // block::next, most recently used first
	struct block *retired; // block::next
	unsigned n_idle;
	unsigned low_idle; /* the lowest n_idle in this trim period */
};

struct block_pool {
	struct loop *loop;
	struct shelf shelves[BLOCK_CLASSES];
	unsigned n_out;
	struct loop_task reap;
	struct loop_timer trim;
};

uint32_t block_size(enum block_class class)
{
	static const uint32_t sizes[] = {
		[BLOCK_SMALL] = BLOCK_SMALL_SIZE,
		[BLOCK_PIECE] = BLOCK_PIECE_SIZE + sizeof(struct block),
		[BLOCK_LARGE] = BLOCK_LARGE_SIZE,
	};

	return sizes[class];
}

static unsigned keep(enum block_class class)
{
	return KEEP_BYTES / block_size(class);
}

/* Large blocks are mapped one by one: the heap could not return one that lies between used ones. */
static struct block *allocate(enum block_class class)
{
	struct block *block;

	if (class != BLOCK_LARGE)
		return g_malloc(block_size(class));
	block = mmap(NULL, BLOCK_LARGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		     -1, 0);
	if (block == MAP_FAILED)
		return NULL;
	return block;
}

static void release(struct block *block)
{
	ASAN_UNPOISON_MEMORY_REGION(block, block_size(block->class));
	if (block->class == BLOCK_LARGE)
		munmap(block, BLOCK_LARGE_SIZE);
	else
		g_free(block);
}

static void poison(struct block *block)
{
	ASAN_POISON_MEMORY_REGION((uint8_t *)block + sizeof(*block),
				  block_size(block->class) - sizeof(*block));
}

static void push(struct block **list, struct block *block)
{
	block->next = *list;
	*list = block;
}

static struct block *pop(struct block **list)
{
	struct block *block = *list;

	*list = block->next;
	return block;
}

static bool has_surplus(const struct block_pool *pool)
{
	for (unsigned i = 0; i < BLOCK_CLASSES; i++) {
		if (pool->shelves[i].n_idle > keep(i))
			return true;
	}
	return false;
}

static void pool_trim(struct loop_timer *timer)
{
	struct block_pool *pool = container_of(timer, struct block_pool, trim);

	for (unsigned i = 0; i < BLOCK_CLASSES; i++) {
		struct shelf *shelf = &pool->shelves[i];

		for (unsigned n = shelf->low_idle; n && shelf->n_idle > keep(i); n--) {
			release(pop(&shelf->idle));
			shelf->n_idle--;
		}
		shelf->low_idle = shelf->n_idle;
	}
	if (has_surplus(pool))
		loop_timer_set(&pool->trim, loop_now(pool->loop) + TRIM_PERIOD);
}

static void shelve(struct block_pool *pool, struct block *block)
{
	struct shelf *shelf = &pool->shelves[block->class];

	push(&shelf->idle, block);
	poison(block);
	if (++shelf->n_idle > keep(block->class) && !loop_timer_is_set(&pool->trim)) {
		shelf->low_idle = shelf->n_idle;
		loop_timer_set(&pool->trim, loop_now(pool->loop) + TRIM_PERIOD);
	}
}

static void pool_reap(struct loop_task *task)
{
	struct block_pool *pool = container_of(task, struct block_pool, reap);

	for (unsigned i = 0; i < BLOCK_CLASSES; i++) {
		while (pool->shelves[i].retired)
			shelve(pool, pop(&pool->shelves[i].retired));
	}
}

struct block_pool *block_pool_new(struct loop *loop)
{
	struct block_pool *pool = g_new0(struct block_pool, 1);

	pool->loop = loop;
	loop_task_init(loop, &pool->reap, LOOP_REAP, pool_reap);
	loop_timer_init(loop, &pool->trim, pool_trim);
	return pool;
}

void block_pool_free(struct block_pool *pool)
{
	if (!pool)
		return;
	g_assert(pool->n_out == 0);
	pool_reap(&pool->reap);
	loop_task_cancel(&pool->reap);
	loop_timer_cancel(&pool->trim);
	for (unsigned i = 0; i < BLOCK_CLASSES; i++) {
		while (pool->shelves[i].idle)
			release(pop(&pool->shelves[i].idle));
	}
	g_free(pool);
}

struct block *block_take(struct block_pool *pool, enum block_class class)
{
	struct shelf *shelf = &pool->shelves[class];
	struct block *block;

	if (shelf->idle) {
		block = pop(&shelf->idle);
		shelf->n_idle--;
		shelf->low_idle = MIN(shelf->low_idle, shelf->n_idle);
		ASAN_UNPOISON_MEMORY_REGION(block, block_size(class));
	} else {
		block = allocate(class);
		if (!block)
			return NULL;
	}
	pool->n_out++;
	block->next = NULL;
	block->class = (uint8_t) class;
	block->n_slots = block->head = block->used = 0;
	block->area = (uint8_t *)block->slots;
	return block;
}

void block_lay_out(struct block *block, uint32_t header, uint32_t payload)
{
	uint32_t room = block_size(block->class) - (uint32_t)sizeof(*block);
	uint32_t fixed = FRAME_PREFIX + header;

	block->stride =
		MAX(fixed + payload, FRAME_PREFIX + FRAME_PADDED); /* outbox_append() pads */
	block->room = payload;
	if (block->class == BLOCK_SMALL) {
		block->n_slots = 1;
		block->room = MIN(payload, room - (uint32_t)sizeof(struct slot) - fixed);
	} else {
		block->n_slots = (uint16_t)(room / (block->stride + (uint32_t)sizeof(struct slot)));
	}
	block->area = (uint8_t *)&block->slots[block->n_slots];
}

void block_put(struct block_pool *pool, struct block *block)
{
	pool->n_out--;
	shelve(pool, block);
}

void block_retire(struct block_pool *pool, struct block *block)
{
	pool->n_out--;
	push(&pool->shelves[block->class].retired, block);
	loop_task_defer(&pool->reap);
}
