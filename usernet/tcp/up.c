/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <glib.h>
#include <sys/socket.h>

#include "tcp/conn.h"

/*
 * From the guest to the host. In-order payload is noted where it lies in the guest's frames and
 * written from there once a turn, after what waited before it. Bytes that the socket does not take,
 * and bytes after a gap, go to the ring. The stream from up_nxt, the next byte for the host, to
 * rcv_nxt:
 *
 *     up_nxt ─ ring ─ notes_seq ─ notes ─ notes_end ─ ring ─ rcv_nxt    (spans beyond gaps)
 */

/* The end of the data for the host; a FIN is not data. */
static uint32_t up_end(const struct tcp_conn *c)
{
	return c->rcv_nxt - (c->fin_taken ? 1 : 0);
}

uint32_t up_waiting(const struct tcp_conn *c)
{
	return up_end(c) - c->up_nxt;
}

static void add_note(struct tcp_conn *c, const uint8_t *data, uint32_t len)
{
	struct tcp *tcp = c->tcp;

	if (tcp->n_notes == tcp->notes_allocated) {
		tcp->notes_allocated = MAX(256, tcp->notes_allocated * 2);
		tcp->notes = g_renew(struct note, tcp->notes, tcp->notes_allocated);
	}
	tcp->notes[tcp->n_notes++] = (struct note){.data = data, .len = len};
	if (c->notes_tail)
		tcp->notes[c->notes_tail - 1].next = tcp->n_notes;
	else
		c->notes_head = tcp->n_notes;
	c->notes_tail = tcp->n_notes;
}

static bool may_note(const struct tcp_conn *c)
{
	return c->writable && !c->sniffs && (!c->ring || !c->ring->n_spans) &&
	       (!c->notes_head || c->notes_end == c->rcv_nxt);
}

/* @data continues the stream. */
static void take_in_order(struct tcp_conn *c, const uint8_t *data, uint32_t len)
{
	if (may_note(c)) {
		if (!c->notes_head)
			c->notes_seq = c->rcv_nxt;
		add_note(c, data, len);
		c->rcv_nxt += len;
		c->notes_end = c->rcv_nxt;
		return;
	}
	len = ring_store(c, c->rcv_nxt, data, len);
	c->rcv_nxt += len;
	if (c->ring)
		c->rcv_nxt = ring_join(c->ring, c->rcv_nxt);
}

/* @data comes after a gap. */
static void take_ahead(struct tcp_conn *c, uint32_t seq, const uint8_t *data, uint32_t len)
{
	if (c->ring && c->ring->n_spans == RING_SPANS_MAX)
		return;
	len = ring_store(c, seq, data, len);
	if (len)
		ring_add_span(c->ring, seq, seq + len);
	c->steady_from = c->rcv_nxt;
	if (!c->sack && c->n_extra_acks < 8)
		c->n_extra_acks++;
}

/* May the ACK of a segment at @seq wait for more? */
static bool ack_may_wait(const struct tcp_conn *c, uint32_t seq, uint32_t len)
{
	return seq == c->rcv_nxt && !c->ring && seq - c->steady_from >= TCP_ACK_STEADY &&
	       seq + len - c->last_ack_sent < TCP_ACK_BYTES &&
	       c->rcv_edge - seq >= 4 * TCP_ACK_BYTES;
}

void up_data(struct tcp_conn *c, uint32_t seq, const uint8_t *data, uint32_t len)
{
	uint32_t skip = seq_before(seq, c->rcv_nxt) ? c->rcv_nxt - seq : 0;

	if (!ack_may_wait(c, seq, len)) {
		c->need_ack = true;
	} else if (!c->ack_waits) {
		c->ack_waits = true;
		c->ack_by = tcp_now(c->tcp) + TCP_ACK_WAIT;
	}
	c->up_segments++;
	c->up_bytes += len;
	c->rcv_mss = MAX(c->rcv_mss, len);
	if (skip >= len)
		return;
	seq += skip;
	data += skip;
	len -= skip;
	if (!seq_before(seq, c->rcv_edge))
		return;
	len = MIN(len, c->rcv_edge - seq);
	if (c->host_dead || c->deaf) { /* discard it */
		if (seq == c->rcv_nxt)
			c->rcv_nxt = c->up_nxt = seq + len;
		return;
	}
	if (seq == c->rcv_nxt)
		take_in_order(c, data, len);
	else
		take_ahead(c, seq, data, len);
}

/* --- writing --- */

/* Gathers the notes from @seq on; returns how many entries of @iov were used. */
static unsigned gather_notes(const struct tcp_conn *c, uint32_t seq, struct iovec *iov,
			     unsigned room)
{
	uint32_t at = c->notes_seq;
	unsigned n = 0;

	for (uint32_t i = c->notes_head; i && n < room; i = c->tcp->notes[i - 1].next) {
		const struct note *note = &c->tcp->notes[i - 1];
		uint32_t skip = seq_before(at, seq) ? seq - at : 0;

		at += note->len;
		if (skip >= note->len)
			continue;
		iov[n++] = (struct iovec){(uint8_t *)note->data + skip, note->len - skip};
	}
	return n;
}

static uint32_t iov_bytes(const struct iovec *iov, unsigned n)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < n; i++)
		bytes += iov[i].iov_len;
	return (uint32_t)bytes;
}

/* Gathers everything from up_nxt on, where it lies in memory. */
static unsigned gather(struct tcp_conn *c, uint32_t *bytes)
{
	struct iovec *iov = c->tcp->iov;
	uint32_t seq = c->up_nxt, end = up_end(c);
	unsigned n = 0;

	while (seq != end && n < G_N_ELEMENTS(c->tcp->iov)) {
		bool notes_ahead = c->notes_head && seq_before(seq, c->notes_end);
		uint32_t len = end - seq;

		if (notes_ahead && !seq_before(seq, c->notes_seq)) {
			unsigned got = gather_notes(c, seq, iov + n, G_N_ELEMENTS(c->tcp->iov) - n);

			seq += iov_bytes(iov + n, got);
			n += got;
			continue;
		}
		if (notes_ahead)
			len = c->notes_seq - seq;
		iov[n].iov_base = (uint8_t *)ring_at(c->ring, seq, &len);
		iov[n++].iov_len = len;
		seq += len;
	}
	*bytes = seq - c->up_nxt;
	return n;
}

/* False: the socket is full or dead. */
static bool write_some(struct tcp_conn *c)
{
	struct msghdr message = {.msg_iov = c->tcp->iov};
	uint32_t bytes;
	ssize_t sent;

	message.msg_iovlen = gather(c, &bytes);
	do
		sent = sendmsg(c->io.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	if (sent < 0) {
		c->writable = false;
		if (errno != EAGAIN && errno != ENOBUFS) {
			/* Data that the host sent before is still read. */
			c->deaf = c->readable = c->ending = true;
			c->host_dead = !c->is_unix;
		}
		return false;
	}
	c->up_nxt += (uint32_t)sent;
	c->writable = (uint32_t)sent == bytes;
	return c->writable;
}

/*
 * The frames end with the turn: copies the unwritten rest. Without memory the guest must send it
 * again; it was not acknowledged yet.
 */
static void keep_notes(struct tcp_conn *c)
{
	uint32_t at = c->notes_seq, end = c->notes_end;

	for (uint32_t i = c->notes_head; i; i = c->tcp->notes[i - 1].next) {
		const struct note *note = &c->tcp->notes[i - 1];
		uint32_t skip = seq_before(at, c->up_nxt) ? c->up_nxt - at : 0, stored;

		if (skip < note->len) {
			stored = ring_store(c, at + skip, note->data + skip, note->len - skip);
			if (stored < note->len - skip) {
				uint32_t old = c->rcv_nxt;

				c->rcv_nxt = at + skip + stored;
				if (seq_before(end, old) && c->ring)
					ring_add_span(c->ring, end, old);
				break;
			}
		}
		at += note->len;
	}
}

void up_flush(struct tcp_conn *c)
{
	if (c->host_dead || c->deaf) {
		ring_free(c);
		c->up_nxt = up_end(c);
	}
	if (c->sniffs)
		return;
	while (c->writable && c->up_nxt != up_end(c) && write_some(c))
		;
	if (c->host_dead || c->deaf) {
		ring_free(c);
		c->up_nxt = up_end(c);
	} else if (c->notes_head && c->up_nxt != up_end(c)) {
		keep_notes(c);
	}
	c->notes_head = c->notes_tail = 0;
	ring_discard(c, c->up_nxt, up_end(c));
}
