/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TCP_RING_H
#define USERNET_TCP_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "tcp/block.h"

/*
 * Bytes from a guest that cannot go to the host yet: the host does not take them, or others are
 * missing in front of them. They stand in pieces addressed by sequence number, twice the largest
 * window in all. Made when something must wait, gone when nothing does.
 *
 * Spans are what is there beyond a gap, in order and apart from one another.
 */
#define RING_PIECES    128 /* 2 MB; a power of two */
#define RING_SPANS_MAX 64
#define RING_RECENT    3 /* SACK blocks beside timestamps */

struct tcp_conn;

struct ring_span {
	uint32_t from, to;
};

struct ring {
	struct block *pieces[RING_PIECES]; /* by sequence number */
	uint32_t low;                      /* no piece below this number's is there */
	unsigned n_pieces;
	unsigned n_spans;
	struct ring_span spans[RING_SPANS_MAX];
	uint32_t recent[RING_RECENT]; /* in the spans that grew last, newest first */
};

/*
 * Copies @len bytes in; @c's ring is made if there is none. Returns how many, from the first on,
 * were stored: fewer where a piece was refused (charge.h).
 */
uint32_t ring_store(struct tcp_conn *c, uint32_t seq, const uint8_t *data, uint32_t len);
/* Bytes from @seq on that stand in one piece; at most *@len, which becomes how many. */
const uint8_t *ring_at(const struct ring *ring, uint32_t seq, uint32_t *len);
/* What is below @seq is not needed; nothing at all when @seq is @end and there are no spans. */
void ring_discard(struct tcp_conn *c, uint32_t seq, uint32_t end);
void ring_free(struct tcp_conn *c);

/* False: there are RING_SPANS_MAX already. */
bool ring_add_span(struct ring *ring, uint32_t from, uint32_t to);
/* Joins @next with the first span where they meet; returns what is next then. */
uint32_t ring_join(struct ring *ring, uint32_t next);

#endif
