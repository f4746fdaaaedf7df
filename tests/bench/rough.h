/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BENCH_ROUGH_H
#define USERNET_BENCH_ROUGH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

/*
 * Trouble for one direction of a wire: one frame in N is lost and one is overtaken by later ones.
 * Equal seeds choose the same frames.
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

/* Decides about the next frame; keeps a copy of a late one. */
enum rough_fate rough_fate(struct rough *rough, const uint8_t *frame, size_t len);

/*
 * Is the late frame due, after another frame or @now at the latest? It is in .late with .late_len
 * until rough_sent().
 */
bool rough_due(struct rough *rough, bool now);
void rough_sent(struct rough *rough);

#endif
