/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BENCH_ROUGH_H
#define USERNET_BENCH_ROUGH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

/*
 * What happens to the frames of one direction on a wire that is not good: of so many one is lost
 * and one is overtaken by those behind it. Which ones is the same for the same seed.
 */
struct rough {
	unsigned long one_in; /* 0: nothing happens */
	uint32_t random;      /* not 0 */
	unsigned long lost, delayed;
	unsigned overtaken; /* how many more go in front of what is late */
	size_t late_len;    /* 0: nothing is */
	uint8_t late[WIRE_FRAME_MAX];
};

enum rough_fate { ROUGH_GOES, ROUGH_LOST, ROUGH_LATE };

void rough_init(struct rough *rough, unsigned long one_in, uint32_t seed);

/* Of the next frame; a copy of one that is late is kept. */
enum rough_fate rough_fate(struct rough *rough, const uint8_t *frame, size_t len);

/* Is it time for the one that is late, after a frame that went, or @now at the latest? Then it lies
 * at .late with .late_len until rough_sent(). */
bool rough_due(struct rough *rough, bool now);
void rough_sent(struct rough *rough);

#endif
