/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_TIMERHEAP_H
#define USERNET_BASE_TIMERHEAP_H

#include "base/loop.h"

/*
 * The loop's timers, earliest first: a binary heap in an array. loop_timer::slot is the position +
 * 1. Only loop.c includes this.
 */
struct timerheap_entry {
	usec_t key;   /* loop_timer::at, but not before the turn in which it was set */
	uint64_t seq; /* among equal keys the timer set first fires first */
	struct loop_timer *timer;
};

struct timerheap {
	struct timerheap_entry *entries;
	unsigned n;
	unsigned allocated;
	uint64_t seq; /* for the next timer set */
};

/* Frees the array; no timer may be set. */
void timerheap_clear(struct timerheap *heap);
/* Adds or moves @timer. The key is at least @now, so that one timer cannot starve others. */
void timerheap_set(struct timerheap *heap, struct loop_timer *timer, usec_t at, usec_t now);
void timerheap_remove(struct timerheap *heap, struct loop_timer *timer);
/* Removes and returns a timer with key <= @now and seq < @before, or NULL. */
struct loop_timer *timerheap_pop(struct timerheap *heap, usec_t now, uint64_t before);

static inline bool timerheap_next(const struct timerheap *heap, usec_t *at)
{
	if (!heap->n)
		return false;
	*at = heap->entries[0].key;
	return true;
}

#endif
