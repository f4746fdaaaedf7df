/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/timerheap.h"

static bool earlier(const struct timerheap_entry *a, const struct timerheap_entry *b)
{
	return a->key != b->key ? a->key < b->key : a->seq < b->seq;
}

static void place(struct timerheap *heap, unsigned pos, struct timerheap_entry entry)
{
	heap->entries[pos] = entry;
	entry.timer->slot = pos + 1;
}

/* Places @entry. The slot at @pos is free and the rest of the heap is in order. */
static void sift(struct timerheap *heap, unsigned pos, struct timerheap_entry entry)
{
	while (pos > 0) {
		unsigned parent = (pos - 1) / 2;

		if (!earlier(&entry, &heap->entries[parent]))
			break;
		place(heap, pos, heap->entries[parent]);
		pos = parent;
	}
	for (;;) {
		unsigned child = 2 * pos + 1;

		if (child >= heap->n)
			break;
		if (child + 1 < heap->n &&
		    earlier(&heap->entries[child + 1], &heap->entries[child]))
			child++;
		if (!earlier(&heap->entries[child], &entry))
			break;
		place(heap, pos, heap->entries[child]);
		pos = child;
	}
	place(heap, pos, entry);
}

void timerheap_clear(struct timerheap *heap)
{
	g_assert(heap->n == 0);
	g_clear_pointer(&heap->entries, g_free);
	heap->allocated = 0;
}

void timerheap_set(struct timerheap *heap, struct loop_timer *timer, usec_t at, usec_t now)
{
	struct timerheap_entry entry = {
		.key = MAX(at, now),
		.seq = heap->seq++,
		.timer = timer,
	};

	timer->at = at;
	if (timer->slot) {
		sift(heap, timer->slot - 1, entry);
		return;
	}
	if (heap->n == heap->allocated) {
		heap->allocated = MAX(16, heap->allocated * 2);
		heap->entries = g_renew(struct timerheap_entry, heap->entries, heap->allocated);
	}
	heap->n++;
	sift(heap, heap->n - 1, entry);
}

void timerheap_remove(struct timerheap *heap, struct loop_timer *timer)
{
	unsigned pos = timer->slot - 1;

	if (!timer->slot)
		return;
	g_assert(pos < heap->n && heap->entries[pos].timer == timer);
	timer->slot = 0;
	heap->n--;
	if (pos != heap->n)
		sift(heap, pos, heap->entries[heap->n]);
}

struct loop_timer *timerheap_pop(struct timerheap *heap, usec_t now, uint64_t before)
{
	struct loop_timer *timer;

	if (!heap->n || heap->entries[0].key > now || heap->entries[0].seq >= before)
		return NULL;
	timer = heap->entries[0].timer;
	timerheap_remove(heap, timer);
	return timer;
}
