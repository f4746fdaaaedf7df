/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_TIMERHEAP_H
#define USERNET_BASE_TIMERHEAP_H

#include "base/loop.h"

/*
 * The loop's timers, earliest first: a binary heap in an array. loop_timer::slot is a timer's
 * position + 1. Only loop.c includes this.
 */
struct timerheap_entry {
	usec_t key;   /* loop_timer::at, but no earlier than the turn it was set in */
	uint64_t seq; /* equal keys: first set, first fired */
	struct loop_timer *timer;
};

struct timerheap {
	struct timerheap_entry *entries;
	unsigned n;
	unsigned allocated;
	uint64_t seq; /* of the next timer set */
};

/* Frees the array; no timer may be set. */
void timerheap_clear(struct timerheap *heap);
/* Adds or moves @timer. @now bounds the key from below, so that one timer cannot starve others. */
void timerheap_set(struct timerheap *heap, struct loop_timer *timer, usec_t at, usec_t now);
void timerheap_remove(struct timerheap *heap, struct loop_timer *timer);
/* Takes out and returns a timer with key <= @now that was set before @before (a seq), or NULL. */
struct loop_timer *timerheap_pop(struct timerheap *heap, usec_t now, uint64_t before);

static inline bool timerheap_next(const struct timerheap *heap, usec_t *at)
{
	if (!heap->n)
		return false;
	*at = heap->entries[0].key;
	return true;
}

#endif
