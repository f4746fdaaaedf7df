/* SPDX-License-Identifier: BSD-3-Clause */
#include <glib.h>

#include "tcp/conn.h"

/*
 * What happened to the slots that were sent: acknowledged, SACKed (RFC 2018), lost (RACK, RFC 8985;
 * without SACK by duplicate ACKs, RFC 6582), retransmitted. A recovery episode begins with the
 * first loss and ends when everything sent until then is acknowledged. RFC 6675's pipe limits what
 * is sent meanwhile.
 *
 * A slot is in exactly one of these states: under way, SLOT_SACKED, SLOT_LOST, SLOT_LOST |
 * SLOT_RESENT.
 */
#define DUPLICATES  3 /* RFC 5681 3.2 */
#define REORDER_MAX 40

struct cursor {
	struct block *block;
	unsigned i;
};

static struct slot *first_slot(const struct tcp_conn *c, struct cursor *cursor)
{
	cursor->block = c->first;
	cursor->i = c->first ? c->first->head : 0;
	return c->first && cursor->i < c->first->used ? &c->first->slots[cursor->i] : NULL;
}

static struct slot *next_slot(struct cursor *cursor)
{
	if (++cursor->i >= cursor->block->used) {
		cursor->block = cursor->block->next;
		if (!cursor->block)
			return NULL;
		cursor->i = cursor->block->head;
		if (cursor->i >= cursor->block->used)
			return NULL;
	}
	return &cursor->block->slots[cursor->i];
}

#define for_each_slot(slot, cursor, c)                                                             \
	for (struct slot *slot = first_slot(c, &(cursor)); slot; slot = next_slot(&(cursor)))

static uint32_t slot_end(const struct slot *slot)
{
	return slot->seq + slot_span(slot);
}

uint32_t recovery_pipe(const struct tcp_conn *c)
{
	uint32_t out = down_out(c), gone = c->sacked + c->lost - c->resent;

	return out - MIN(out, gone);
}

/* --- arrivals --- */

struct arrival {
	uint32_t rtt; /* from the most recently sent slot that gives one; 0: none */
	bool again;   /* a retransmitted slot arrived: those after it have waited for it */
};

/* @slot has reached the guest now. */
static void slot_arrived(struct tcp_conn *c, struct slot *slot, struct arrival *arrival)
{
	uint32_t now = (uint32_t)tcp_now(c->tcp), rtt = now - slot->sent;
	uint32_t end = slot_end(slot);

	c->delivered_segments++;
	if (slot->flags & SLOT_AGAIN) {
		arrival->again = true;
		/* Sooner than any RTT: it answers the first transmission (RFC 8985 6.2). */
		if (rtt < c->min_rtt)
			return;
	} else if (!arrival->rtt || rtt < arrival->rtt) {
		arrival->rtt = MAX(1, rtt);
	}
	if (!c->has_rack || seq_before(c->rack_sent, slot->sent) ||
	    (slot->sent == c->rack_sent && seq_before(c->rack_end, end))) {
		c->has_rack = true;
		c->rack_sent = slot->sent;
		c->rack_end = end;
		c->rack_rtt = rtt;
	}
}

/* Takes @slot out of the count of its state. */
static void slot_uncount(struct tcp_conn *c, struct slot *slot)
{
	uint32_t span = slot_span(slot);

	if (slot->flags & SLOT_SACKED)
		c->sacked -= span;
	if (slot->flags & SLOT_LOST)
		c->lost -= span;
	if (slot->flags & SLOT_RESENT)
		c->resent -= span;
	slot->flags &= (uint8_t) ~(SLOT_SACKED | SLOT_LOST | SLOT_RESENT);
}

static void drop_first_block(struct tcp_conn *c)
{
	struct block *block = c->first;

	c->first = block->next;
	if (!c->first)
		c->last = NULL;
	conn_uncharge(c, block_size(block->class));
	block_retire(c->tcp->pool, block);
}

/* Frees the slots below @ack. */
static void free_acked(struct tcp_conn *c, uint32_t ack, struct arrival *arrival)
{
	while (c->first) {
		struct block *block = c->first;

		while (block->head < block->used) {
			struct slot *slot = &block->slots[block->head];

			if (seq_before(ack, slot_end(slot)))
				return;
			if (!(slot->flags & SLOT_SACKED))
				slot_arrived(c, slot, arrival);
			slot_uncount(c, slot);
			block->head++;
		}
		drop_first_block(c);
	}
}

static void take_sack(struct tcp_conn *c, uint32_t from, uint32_t to, struct arrival *arrival)
{
	struct cursor cursor;

	for_each_slot(slot, cursor, c)
	{
		if (seq_before(slot->seq, from) || slot->flags & SLOT_SACKED)
			continue;
		if (seq_before(to, slot_end(slot)))
			return;
		slot_uncount(c, slot);
		slot_arrived(c, slot, arrival);
		slot->flags |= SLOT_SACKED;
		c->sacked += slot_span(slot);
	}
}

static void take_sacks(struct tcp_conn *c, uint32_t ack, const struct tcp_options *options,
		       struct arrival *arrival)
{
	for (unsigned i = 0; i < options->n_sacks; i++) {
		uint32_t from = options->sacks[i].from, to = options->sacks[i].to;

		if (!seq_before(from, to) || seq_before(c->snd_nxt, to))
			continue;
		if (!seq_before(ack, to)) { /* RFC 2883: it arrived twice */
			c->seen_d_sack = i == 0;
			continue;
		}
		take_sack(c, from, to, arrival);
	}
}

/* --- episodes --- */

static void begin_episode(struct tcp_conn *c)
{
	c->in_recovery = true;
	c->cut = false;
	c->after_timeout = false;
	c->recover = c->snd_nxt;
	c->episode_lost = 0;
	c->can_undo = c->stamps;
	c->undo_cwnd = c->cwnd;
	c->undo_ssthresh = c->ssthresh;
	c->undo_w_max = c->w_max;
	c->undo_stamp = emit_stamp(c);
}

static void end_episode(struct tcp_conn *c)
{
	c->in_recovery = c->after_timeout = c->can_undo = false;
	c->duplicates = 0;
	/* The flight that lost was too large; the next may be as large as the window. */
	c->flight = c->last_flight = MIN(MAX(c->flight, c->last_flight), c->cwnd);
}

/*
 * The guest answers the first transmission, so nothing had been lost (Eifel, RFC 3522 and RFC
 * 4015). This happens when a guest is not scheduled for a while.
 */
static void maybe_undo(struct tcp_conn *c, const struct tcp_options *options)
{
	struct cursor cursor;

	if (!c->can_undo || !options->has_stamps)
		return;
	c->can_undo = false;
	if (!seq_before(options->echo, c->undo_stamp))
		return;
	c->cwnd = MAX(c->cwnd, c->undo_cwnd);
	c->ssthresh = c->undo_ssthresh;
	c->w_max = c->undo_w_max;
	for_each_slot(slot, cursor, c)
	{
		if (slot->flags & SLOT_LOST)
			slot_uncount(c, slot);
	}
	c->reorder = (uint8_t)MIN(c->reorder + 1, REORDER_MAX);
	end_episode(c);
}

static void mark_lost(struct tcp_conn *c, struct slot *slot)
{
	uint32_t span = slot_span(slot);

	if (!c->in_recovery)
		begin_episode(c);
	slot_uncount(c, slot);
	slot->flags |= SLOT_LOST;
	c->lost += span;
	congestion_lost(c, span);
}

/* How far segments may be reordered; 0 until reordering was seen (RFC 8985 6.2). */
static uint32_t reorder_window(const struct tcp_conn *c)
{
	if (!c->reorder)
		return 0;
	return MIN(c->min_rtt / 4 * c->reorder, c->srtt / 8);
}

/* Was @slot sent before the most recently sent one that has arrived? */
static bool is_before_rack(const struct tcp_conn *c, const struct slot *slot)
{
	return seq_before(slot->sent, c->rack_sent) ||
	       (slot->sent == c->rack_sent && seq_before(slot_end(slot), c->rack_end));
}

void recovery_detect(struct tcp_conn *c)
{
	uint32_t now = (uint32_t)tcp_now(c->tcp), patience = c->rack_rtt + reorder_window(c);
	int32_t wait = 0;
	struct cursor cursor;

	/* Losses cannot be located without SACK; without gaps there are none. */
	if (!c->sack || !c->has_rack || (!c->sacked && !c->lost))
		return;
	for_each_slot(slot, cursor, c)
	{
		int32_t left;

		if (slot->flags & SLOT_SACKED ||
		    (slot->flags & (SLOT_LOST | SLOT_RESENT)) == SLOT_LOST)
			continue;
		if (!is_before_rack(c, slot)) {
			/* Later slots were sent later still. */
			if (!(slot->flags & SLOT_AGAIN))
				break;
			continue;
		}
		left = (int32_t)(slot->sent + patience - now);
		if (left <= 0)
			mark_lost(c, slot);
		else
			wait = MAX(wait, left);
	}
	if (wait) {
		c->timer_kind = TIMER_REORDER;
		c->rexmit = tcp_now(c->tcp) + wait;
	}
}

/* --- interface --- */

/*
 * A probe sent the last segment again. Either the guest reports a duplicate, or one of the two was
 * lost, which shows when later data is acknowledged without such a report (RFC 8985 7.4.2).
 */
static void judge_probe(struct tcp_conn *c, uint32_t ack, bool repeats)
{
	if (!c->probe_out || seq_before(ack, c->probe_end))
		return;
	if (ack == c->probe_end) {
		c->probe_out = !c->seen_d_sack && !repeats;
		return;
	}
	c->probe_out = false;
	if (c->seen_d_sack || c->in_recovery)
		return;
	begin_episode(c);
	congestion_lost(c, c->mss);
	end_episode(c);
}

/*
 * Without SACK: a partial acknowledgement means that the next segment is lost too (RFC 6582
 * 3.2).
 */
static void partial_ack(struct tcp_conn *c)
{
	struct cursor cursor;
	struct slot *slot = first_slot(c, &cursor);

	if (!c->sack && slot && !(slot->flags & SLOT_LOST) && seq_before(slot->seq, c->recover))
		mark_lost(c, slot);
}

void recovery_acked(struct tcp_conn *c, uint32_t ack, const struct tcp_options *options)
{
	uint32_t out_before = down_out(c), acked = ack - c->snd_una;
	struct arrival arrival = {0};

	c->seen_d_sack = false;
	if (c->sack)
		take_sacks(c, ack, options, &arrival);
	if (acked) {
		c->snd_una = ack;
		free_acked(c, ack, &arrival);
		c->una_moved = true;
		c->retries = c->backoff = c->duplicates = 0;
	}
	judge_probe(c, ack, !acked && !c->sacked);
	if (arrival.rtt && !arrival.again)
		timer_measured(c, arrival.rtt);
	if (!acked)
		return;
	if (c->in_recovery) {
		maybe_undo(c, options);
		if (c->in_recovery && !seq_before(ack, c->recover))
			end_episode(c);
		else if (c->in_recovery)
			partial_ack(c);
	}
	congestion_acked(c, acked, out_before);
}

void recovery_duplicate(struct tcp_conn *c)
{
	struct cursor cursor;
	struct slot *slot = first_slot(c, &cursor);

	if (c->sack || !slot)
		return;
	c->duplicates = (uint8_t)MIN(c->duplicates + 1, 255);
	if (c->duplicates == DUPLICATES && !c->in_recovery)
		mark_lost(c, slot);
}

static void resend(struct tcp_conn *c, struct cursor *cursor)
{
	struct slot *slot = &cursor->block->slots[cursor->i];

	slot->flags |= SLOT_AGAIN;
	emit_slot(c, cursor->block, cursor->i);
}

void recovery_resend(struct tcp_conn *c)
{
	uint32_t pipe = recovery_pipe(c);
	struct cursor cursor;

	if (c->lost == c->resent)
		return;
	for_each_slot(slot, cursor, c)
	{
		uint32_t span = slot_span(slot);

		if ((slot->flags & (SLOT_LOST | SLOT_RESENT)) != SLOT_LOST)
			continue;
		if (pipe && pipe + span > c->cwnd)
			return;
		slot->flags |= SLOT_RESENT;
		c->resent += span;
		pipe += span;
		resend(c, &cursor);
		c->sent_new = true;
		if (c->lost == c->resent)
			return;
	}
}

void recovery_timeout(struct tcp_conn *c)
{
	struct cursor mark;
	struct slot *first = first_slot(c, &mark);
	bool again = c->after_timeout;

	if (!first)
		return;
	if (!c->in_recovery)
		begin_episode(c);
	congestion_timeout(c);
	c->cut = true; /* the window is at its minimum */
	c->after_timeout = true;
	c->recover = c->snd_nxt;
	if (!again)
		c->undo_stamp = emit_stamp(c);
	/* It SACKed data that it does not acknowledge: it may have discarded it (RFC 2018 8). */
	if (first->flags & SLOT_SACKED)
		c->sack = false;
	for_each_slot(slot, mark, c)
	{
		if (slot->flags & SLOT_SACKED && c->sack)
			continue;
		slot_uncount(c, slot);
		slot->flags |= SLOT_LOST;
		c->lost += slot_span(slot);
	}
	c->has_rack = false;
	c->probe_out = false;
}

/* Sends the last segment again, so that losses before it show (RFC 8985 7.3). */
void recovery_probe(struct tcp_conn *c)
{
	struct cursor cursor = {c->last, 0};

	if (!c->last || c->last->head == c->last->used)
		return;
	cursor.i = c->last->used - 1u;
	c->probe_out = true;
	c->probe_end = c->snd_nxt;
	resend(c, &cursor);
}
