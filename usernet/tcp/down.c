/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <glib.h>

#include "base/checksum.h"
#include "tcp/conn.h"

/*
 * From the host to the guest. Only what can be sent at once is read: one readv, into the payload of
 * slots. Slots leave as they are and are kept until the guest acknowledges them.
 */

struct offer {
	unsigned n;          /* entries of tcp::iov */
	struct block *fresh; /* blocks taken for this read */
	struct block **last;
};

static uint32_t window_room(const struct tcp_conn *c)
{
	int32_t room = (int32_t)(c->snd_una + c->snd_wnd - c->snd_nxt);

	return room > 0 ? (uint32_t)room : 0;
}

/*
 * Bytes that may be sent now. Less than a segment only if the guest's window was never larger, or
 * when the persist timer says so (RFC 9293 3.8.6.2.1).
 */
static uint32_t send_room(const struct tcp_conn *c)
{
	uint32_t window = window_room(c), pipe = recovery_pipe(c), out = down_out(c);
	uint32_t room = MIN(window, c->cwnd - MIN(pipe, c->cwnd));

	room = MIN(room, c->out_max - MIN(out, c->out_max));
	if (room >= c->mss)
		return room - room % c->mss;
	if (room == window && (room >= c->max_wnd / 2 || c->send_small))
		return room;
	return 0;
}

bool down_must_probe(const struct tcp_conn *c)
{
	return c->readable && !c->host_eof && !send_room(c);
}

/* --- where to read to --- */

static void offer_slots(struct tcp_conn *c, struct offer *offer, const struct block *block,
			uint32_t *want)
{
	uint32_t header = emit_header_len(c);

	for (unsigned i = block->used; i < block->n_slots && *want; i++) {
		uint32_t len = MIN(block->room, *want);

		if (offer->n == G_N_ELEMENTS(c->tcp->iov))
			return;
		c->tcp->iov[offer->n++] = (struct iovec){block_frame(block, i) + header, len};
		*want -= len;
	}
}

/* NULL: there is no memory; only for BLOCK_LARGE. */
static struct block *fresh_block(struct tcp_conn *c, enum block_class class)
{
	struct block *block = block_take(c->tcp->pool, class);

	if (block)
		block_lay_out(block, emit_header_len(c), c->mss);
	return block;
}

/* Charged by the caller. False: there is no memory, and the charge was given back. */
static bool offer_block(struct tcp_conn *c, struct offer *offer, enum block_class class,
			uint32_t *want)
{
	struct block *block = fresh_block(c, class);

	if (!block) {
		conn_uncharge(c, block_size(class));
		return false;
	}
	*offer->last = block;
	offer->last = &block->next;
	offer_slots(c, offer, block, want);
	return true;
}

/*
 * Offers the free slots of the last block; without one, a small block, which is always granted;
 * then as many large blocks as charges allow.
 */
static void make_offer(struct tcp_conn *c, struct offer *offer, uint32_t want)
{
	if (c->last) {
		offer_slots(c, offer, c->last, &want);
	} else {
		conn_charge_force(c, block_size(BLOCK_SMALL));
		offer_block(c, offer, BLOCK_SMALL, &want);
	}
	while (want && offer->n < G_N_ELEMENTS(c->tcp->iov) &&
	       conn_charge(c, block_size(BLOCK_LARGE)) && offer_block(c, offer, BLOCK_LARGE, &want))
		;
}

/* --- after reading --- */

static void send_slot(struct tcp_conn *c, const struct emit_run *run, struct block *block,
		      uint32_t len, uint8_t flags)
{
	unsigned i = block->used++;
	const uint8_t *payload = block_frame(block, i) + emit_header_len(c);
	struct slot *slot = &block->slots[i];

	*slot = (struct slot){.seq = c->snd_nxt, .len = (uint16_t)len, .flags = flags};
	if (run->unsummed)
		slot->flags |= SLOT_UNSUMMED;
	else
		slot->sum = (uint16_t)~csum_fold(csum_add(0, payload, len));
	c->snd_nxt += slot_span(slot);
	emit_run_slot(c, run, block, i);
	c->sent_new = true;
}

/* The slots of @block and those after it hold *@left bytes. */
static void send_filled(struct tcp_conn *c, const struct emit_run *run, struct block *block,
			uint32_t *left)
{
	while (*left && block->used < block->n_slots) {
		uint32_t len = MIN(block->room, *left);

		*left -= len;
		send_slot(c, run, block, len, *left ? 0 : SLOT_PUSH);
	}
}

static void append_block(struct tcp_conn *c, struct block *block)
{
	block->next = NULL;
	if (c->last)
		c->last->next = block;
	else
		c->first = block;
	c->last = block;
}

static void take_read(struct tcp_conn *c, struct offer *offer, uint32_t bytes)
{
	struct emit_run run;
	struct block *next;

	if (bytes)
		emit_run_begin(c, &run);
	if (c->last)
		send_filled(c, &run, c->last, &bytes);
	for (struct block *block = offer->fresh; block; block = next) {
		next = block->next;
		if (bytes) {
			append_block(c, block);
			send_filled(c, &run, block, &bytes);
		} else {
			conn_uncharge(c, block_size(block->class));
			block_put(c->tcp->pool, block);
		}
	}
}

static void send_fin(struct tcp_conn *c)
{
	struct emit_run run;

	if (!c->last || c->last->used == c->last->n_slots) {
		conn_charge_force(c, block_size(BLOCK_SMALL));
		append_block(c, fresh_block(c, BLOCK_SMALL));
	}
	c->host_eof = true;
	emit_run_begin(c, &run);
	send_slot(c, &run, c->last, 0, SLOT_FIN);
}

/* Returns the bytes read, 0 when there were none. */
static uint32_t read_some(struct tcp_conn *c, uint32_t want)
{
	struct offer offer = {0};
	uint32_t asked = want;
	ssize_t got;

	offer.last = &offer.fresh;
	make_offer(c, &offer, want);
	if (!offer.n)
		return 0;
	asked = 0;
	for (unsigned i = 0; i < offer.n; i++)
		asked += (uint32_t)c->tcp->iov[i].iov_len;
	do
		got = readv(c->io.fd, c->tcp->iov, (int)offer.n);
	while (got < 0 && errno == EINTR);
	if (got < 0 && errno != EAGAIN && c->is_unix) {
		c->deaf = true;
		got = 0;
	} else if (got < 0 && errno != EAGAIN) {
		c->host_dead = true;
	}
	/* A short read empties the socket, unless an end was announced. */
	if (got <= 0 || ((uint32_t)got < asked && !c->ending))
		c->readable = false;
	take_read(c, &offer, got > 0 ? (uint32_t)got : 0);
	if (got == 0)
		send_fin(c);
	return got > 0 ? (uint32_t)got : 0;
}

enum down_more down_run(struct tcp_conn *c)
{
	struct tcp *tcp = c->tcp;
	uint32_t want, limit = tcp->turn_bytes, got;

	recovery_detect(c);
	recovery_resend(c);
	if (!c->readable || c->host_eof || c->sniffs)
		return DOWN_WAITS;
	want = send_room(c);
	if (!want || (want < TCP_READ_LEAST && down_out(c) > TCP_READ_LEAST))
		return DOWN_WAITS;
	if (!c->first)
		limit = MAX(limit, TCP_QUIET_BYTES);
	if (limit < MIN(want, c->mss))
		return DOWN_HUNGRY;
	got = read_some(c, MIN(want, limit));
	c->send_small = false;
	congestion_sent(c);
	tcp->turn_bytes -= MIN(got, tcp->turn_bytes);
	return got && c->readable && !c->host_eof && send_room(c) ? DOWN_WANTS : DOWN_WAITS;
}

void down_free(struct tcp_conn *c)
{
	while (c->first) {
		struct block *block = c->first;

		c->first = block->next;
		conn_uncharge(c, block_size(block->class));
		block_retire(c->tcp->pool, block);
	}
	c->last = NULL;
}
