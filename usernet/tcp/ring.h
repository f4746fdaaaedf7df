/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TCP_RING_H
#define USERNET_TCP_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "tcp/block.h"

/*
 * Bytes from a guest that cannot go to the host yet: its socket is full, or earlier bytes are
 * missing. They are kept in pieces addressed by sequence number, twice the largest window in all.
 * The ring is made when bytes must wait, and freed when none do.
 *
 * Spans are the ranges received after a gap, in order and disjoint.
 */
#define RING_PIECES    128 /* 2 MB; a power of two */
#define RING_SPANS_MAX 64
#define RING_RECENT    3 /* SACK blocks beside timestamps */

struct tcp_conn;

struct ring_span {
	uint32_t from, to;
};

struct ring {
	struct block *pieces[RING_PIECES]; /* indexed by sequence number */
	uint32_t low;                      /* no pieces exist below this number */
	unsigned n_pieces;
	unsigned n_spans;
	struct ring_span spans[RING_SPANS_MAX];
	uint32_t recent[RING_RECENT]; /* in the spans that grew last, newest first */
};

/*
 * Copies @len bytes in; makes @c's ring if there is none. Returns how many bytes were stored from
 * the start: fewer if a piece was refused (charge.h).
 */
uint32_t ring_store(struct tcp_conn *c, uint32_t seq, const uint8_t *data, uint32_t len);
/* Bytes from @seq on in one piece; at most *@len, which is set to their number. */
const uint8_t *ring_at(const struct ring *ring, uint32_t seq, uint32_t *len);
/* Frees what is below @seq; everything when @seq is @end and there are no spans. */
void ring_discard(struct tcp_conn *c, uint32_t seq, uint32_t end);
void ring_free(struct tcp_conn *c);

/* False: there are RING_SPANS_MAX already. */
bool ring_add_span(struct ring *ring, uint32_t from, uint32_t to);
/* Advances @next over the first span if they touch; returns the new value. */
uint32_t ring_join(struct ring *ring, uint32_t next);

#endif
