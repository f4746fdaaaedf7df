/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/ring.h"

#include <glib.h>

#include "tcp/conn.h"

G_STATIC_ASSERT((RING_PIECES & (RING_PIECES - 1)) == 0);
G_STATIC_ASSERT(RING_PIECES *BLOCK_PIECE_SIZE >= 2 * TCP_WINDOW_MAX);

static struct block **piece_of(struct ring *ring, uint32_t seq)
{
	return &ring->pieces[seq / BLOCK_PIECE_SIZE % RING_PIECES];
}

static void free_piece(struct tcp_conn *c, struct block **piece)
{
	if (!*piece)
		return;
	block_put(c->tcp->pool, *piece);
	conn_uncharge(c, block_size(BLOCK_PIECE));
	*piece = NULL;
	c->ring->n_pieces--;
}

static bool need_piece(struct tcp_conn *c, struct block **piece)
{
	if (*piece)
		return true;
	if (!conn_charge(c, block_size(BLOCK_PIECE)))
		return false;
	*piece = block_take(c->tcp->pool, BLOCK_PIECE);
	c->ring->n_pieces++;
	return true;
}

uint32_t ring_store(struct tcp_conn *c, uint32_t seq, const uint8_t *data, uint32_t len)
{
	uint32_t done = 0;

	if (!c->ring) {
		c->ring = g_new0(struct ring, 1);
		c->ring->low = seq_min(seq, c->up_nxt);
	}
	while (done < len) {
		struct block **piece = piece_of(c->ring, seq + done);
		uint32_t offset = (seq + done) % BLOCK_PIECE_SIZE;
		uint32_t n = MIN(len - done, BLOCK_PIECE_SIZE - offset);

		if (!need_piece(c, piece))
			break;
		memcpy((*piece)->area + offset, data + done, n);
		done += n;
	}
	if (!c->ring->n_pieces)
		ring_free(c);
	return done;
}

const uint8_t *ring_at(const struct ring *ring, uint32_t seq, uint32_t *len)
{
	uint32_t offset = seq % BLOCK_PIECE_SIZE;

	*len = MIN(*len, BLOCK_PIECE_SIZE - offset);
	return ring->pieces[seq / BLOCK_PIECE_SIZE % RING_PIECES]->area + offset;
}

void ring_discard(struct tcp_conn *c, uint32_t seq, uint32_t end)
{
	struct ring *ring = c->ring;

	if (!ring)
		return;
	if (seq == end && !ring->n_spans) {
		ring_free(c);
		return;
	}
	for (; seq_before(ring->low / BLOCK_PIECE_SIZE * BLOCK_PIECE_SIZE + BLOCK_PIECE_SIZE - 1,
			  seq);
	     ring->low = ring->low / BLOCK_PIECE_SIZE * BLOCK_PIECE_SIZE + BLOCK_PIECE_SIZE)
		free_piece(c, piece_of(ring, ring->low));
	ring->low = seq_max(ring->low, seq);
}

void ring_free(struct tcp_conn *c)
{
	if (!c->ring)
		return;
	for (unsigned i = 0; i < RING_PIECES && c->ring->n_pieces; i++)
		free_piece(c, &c->ring->pieces[i]);
	g_free(c->ring);
	c->ring = NULL;
}

/* --- spans --- */

static void note_recent(struct ring *ring, uint32_t from, uint32_t to, uint32_t seq)
{
	uint32_t kept[RING_RECENT] = {seq};
	unsigned n = 1;

	for (unsigned i = 0; i < RING_RECENT && n < RING_RECENT; i++) {
		uint32_t old = ring->recent[i];

		if (seq_before(old, from) || !seq_before(old, to))
			kept[n++] = old;
	}
	memcpy(ring->recent, kept, sizeof(kept));
}

static void remove_spans(struct ring *ring, unsigned at, unsigned n)
{
	ring->n_spans -= n;
	memmove(&ring->spans[at], &ring->spans[at + n],
		(ring->n_spans - at) * sizeof(ring->spans[0]));
}

bool ring_add_span(struct ring *ring, uint32_t from, uint32_t to)
{
	unsigned i = 0, end;
	uint32_t seq = from;

	while (i < ring->n_spans && seq_before(ring->spans[i].to, from))
		i++;
	/* Spans i to end-1 touch the new one. */
	for (end = i; end < ring->n_spans && !seq_before(to, ring->spans[end].from); end++) {
		from = seq_min(from, ring->spans[end].from);
		to = seq_max(to, ring->spans[end].to);
	}
	if (end == i) {
		if (ring->n_spans == RING_SPANS_MAX)
			return false;
		memmove(&ring->spans[i + 1], &ring->spans[i],
			(ring->n_spans - i) * sizeof(ring->spans[0]));
		ring->n_spans++;
	} else {
		remove_spans(ring, i, end - i - 1);
	}
	ring->spans[i] = (struct ring_span){from, to};
	note_recent(ring, from, to, seq);
	return true;
}

uint32_t ring_join(struct ring *ring, uint32_t next)
{
	while (ring->n_spans && !seq_before(next, ring->spans[0].from)) {
		next = seq_max(next, ring->spans[0].to);
		remove_spans(ring, 0, 1);
	}
	return next;
}
