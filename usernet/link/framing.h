/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_LINK_FRAMING_H
#define USERNET_LINK_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/frame.h"

/*
 * Splits a byte stream into frames: u32 big-endian length, frame, and so on (QEMU net/net.c,
 * net_fill_rstate). Reads the bytes in place and keeps no state.
 *
 *      struct framing in = framing_init(data, len);
 *      while ((n = framing_split(&in, frames, G_N_ELEMENTS(frames))))
 *              use(frames, n);
 *      in.bad ? close the link : keep in.p … in.end for the next read
 *
 * A length of 0 or more than FRAME_MAX is an error: the rest of the stream cannot be parsed and the
 * link must be closed. A frame shorter than an ethernet header is skipped and counted.
 */
struct framing {
	const uint8_t *p; /* the bytes not split yet */
	const uint8_t *end;
	uint64_t n_runts;
	bool bad;
	uint32_t bad_length; /* valid if bad */
};

/* The largest remainder: a frame that lacks its last byte. */
#define FRAMING_REST_MAX (FRAME_PREFIX + FRAME_MAX - 1)

struct framing framing_init(const uint8_t *data, size_t len);
/* The next frames, at most @max, borrowed from the data; 0 when no whole frame is left. */
size_t framing_split(struct framing *in, struct frame *frames, size_t max);

#endif
