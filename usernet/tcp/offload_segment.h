/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TCP_OFFLOAD_SEGMENT_H
#define USERNET_TCP_OFFLOAD_SEGMENT_H

#include "base/list.h"
#include "tcp/offload_pool.h"
#include "tcp/offload_wire.h"

/*
 * A run of a guest's in-order data, put together from its segments in one block, so that it goes to
 * libslirp as one, or as part of one (offload_up.c). The sum of the whole is derived from those of
 * the parts (offload_wire.h): the payload is copied and not read.
 */
struct offload_segment {
	struct list link; // offload_up::held
	uint32_t seq;     /* of its first byte */
	uint32_t len;     /* bytes of data */
	uint8_t flags;    /* ACK, with the PSH and FIN of its parts */
	csum_t sum;       /* of the data */
	uint8_t frame[];  /* headers, not yet written, and data */
};

/* NULL: the budget allows none. */
struct offload_segment *offload_segment_new(struct offload_pool *pool, struct offload_guest *guest,
					    uint32_t seq);
void offload_segment_free(struct offload_segment *segment, struct offload_pool *pool,
			  struct offload_guest *guest);

/* Could @packet's data be part of any segment? */
bool offload_segment_takes(const struct packet *packet);
/* @packet's data, if it follows on the segment's and there is room. */
bool offload_segment_append(struct offload_segment *segment, const struct packet *packet);

/* After its last byte; after its FIN. */
static inline uint32_t offload_segment_data_end(const struct offload_segment *segment)
{
	return segment->seq + segment->len;
}

static inline uint32_t offload_segment_end(const struct offload_segment *segment)
{
	return segment->seq + segment->len + (segment->flags & TCP_FLAG_FIN ? 1 : 0);
}

#endif
