/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TESTS_TCPPEER_H
#define USERNET_TESTS_TCPPEER_H

#include "tcpbed.h"

/*
 * A guest's TCP that works by itself, in the bed of tcpbed.h, on a wire that loses, duplicates and
 * reorders; and a program at the host's socket. Both know which bytes must come, and fail at once
 * on a wrong byte, one beyond the window, or a window whose right edge moves left.
 *
 * The guest retransmits like a simple stack: everything from the first missing byte on, after three
 * duplicates or its RTO.
 */
#define PEER_AHEAD (1u << 20)
#define PEER_RTO   (300 * USEC_PER_MSEC)

struct wired {
	usec_t at;
	uint8_t *frame;
	size_t len;
	struct seen *seen;
};

struct peer {
	GRand *rand;
	double loss, twice, disorder;
	bool sacks, stamps, scales;
	uint32_t mss, capacity;
	uint64_t up_total, down_total;

	/* as sender; offsets count from the byte after the SYN */
	uint32_t una, nxt, top, edge, recover;
	unsigned duplicates;
	usec_t progress;
	bool fin_sent;

	/* as receiver */
	uint32_t rcv;          /* everything below was received */
	uint8_t *there;        /* 1: the byte at rcv + i is there */
	uint32_t far;          /* no byte from rcv + far on was received */
	uint32_t unread, told; /* announced right edge */
	bool host_fin, ended;
	uint32_t host_fin_at;
	uint32_t stamp_echo;
	uint32_t sack_from, sack_to;

	/* the host's program */
	uint64_t host_read, host_written;
	bool host_shut, host_saw_end;
	double host_pause; /* probability that it reads nothing in a step */

	bool reset, owes_ack;
	unsigned n_in;
	GQueue up, down; /* struct wired */
};

static struct peer *peer;

static inline bool peer_chance(double p)
{
	return p > 0 && g_rand_double(peer->rand) < p;
}

static inline uint8_t peer_byte(bool up, uint64_t at)
{
	return (uint8_t)(at * 31 + (at >> 8) * 7 + (at >> 16) * 3 + (up ? 5 : 99));
}

/* --- the wire --- */

static inline usec_t peer_delay(void)
{
	return peer_chance(peer->disorder) ? g_rand_int_range(peer->rand, 1, 4) * USEC_PER_MSEC : 0;
}

static inline void peer_wire_up(uint8_t *frame, size_t len)
{
	for (int i = 0; i < 2; i++) {
		struct wired *wired;

		if (i ? !peer_chance(peer->twice) : peer_chance(peer->loss))
			continue;
		wired = g_new0(struct wired, 1);
		*wired = (struct wired){bed_now + peer_delay(), g_memdup2(frame, len), len, NULL};
		g_queue_push_tail(&peer->up, wired);
	}
	g_free(frame);
}

/* --- the guest as sender --- */

static inline uint32_t peer_window(void)
{
	uint32_t room = peer->capacity - peer->unread;
	uint32_t edge = peer->rcv + room;

	/* It opens in steps and never shrinks. */
	if (!seq_before(edge, peer->told + MIN(peer->mss, peer->capacity / 2)))
		peer->told = edge;
	return peer->told - peer->rcv;
}

static inline void peer_segment(uint32_t offset, uint32_t len, bool fin)
{
	uint8_t *frame = g_malloc(120 + len), *data = g_malloc(len + 1), options[40];
	struct tcp_options opts = {.has_stamps = peer->stamps};
	uint32_t window = peer_window();
	size_t n;

	opts.stamp = (uint32_t)(bed_now / USEC_PER_MSEC);
	opts.echo = peer->stamp_echo;
	if (peer->sacks && peer->sack_from != peer->sack_to) {
		opts.n_sacks = 1;
		opts.sacks[0].from = guest.irs + 1 + peer->sack_from;
		opts.sacks[0].to = guest.irs + 1 + peer->sack_to;
	}
	n = tcp_options_write(options, &opts);
	for (uint32_t i = 0; i < len; i++)
		data[i] = peer_byte(true, (uint64_t)offset + i);
	len = (uint32_t)put_tcp(
		frame, &guest.ends, guest.iss + 1 + offset, guest.irs + 1 + peer->rcv + peer->ended,
		(uint8_t)(TCP_FLAG_ACK | (fin ? TCP_FLAG_FIN : 0)), options, n, data, len);
	set_window(frame, window >> (peer->scales ? 7 : 0));
	g_free(data);
	peer->owes_ack = false;
	peer_wire_up(frame, len);
}

static inline void peer_output(void)
{
	uint32_t total = (uint32_t)peer->up_total;
	bool sent = false;

	for (unsigned burst = 0; burst < 60; burst++) {
		int32_t room = (int32_t)(peer->edge - peer->nxt);
		uint32_t len = MIN(MIN(peer->mss, 65400), total - MIN(total, peer->nxt));

		if (room < 0)
			room = 0;
		len = MIN(len, (uint32_t)room);
		if (len == 0)
			break;
		if (peer_chance(0.1))
			len = 1 + (uint32_t)g_rand_int_range(peer->rand, 0, (gint32)len);
		peer_segment(peer->nxt, len, false);
		peer->nxt += len;
		peer->top = seq_max(peer->top, peer->nxt);
		sent = true;
	}
	if (peer->nxt == total && (!peer->fin_sent || peer->top == total)) {
		peer_segment(total, 0, true);
		peer->nxt = peer->top = total + 1;
		peer->fin_sent = sent = true;
	}
	if (!sent && peer->owes_ack)
		peer_segment(peer->nxt, 0, false);
}

static inline void peer_timer(void)
{
	uint32_t total = (uint32_t)peer->up_total;

	if (bed_now - peer->progress < PEER_RTO)
		return;
	peer->progress = bed_now;
	if (peer->una == peer->top && peer->una < total && peer->edge == peer->una) {
		peer_segment(peer->una, 1, false); /* a window probe */
		return;
	}
	if (peer->una != peer->top) {
		peer->nxt = peer->una;
		if (peer->una == total) {
			peer_segment(total, 0, true);
			peer->nxt = total + 1;
		}
	}
}

static inline void peer_take_ack(const struct seen *seen)
{
	uint32_t ack = seen->ack - guest.iss - 1, edge;

	ck_assert_msg(!seq_before(peer->top, ack), "acknowledges what was not sent");
	edge = ack + (seen->window << (peer->scales ? guest.peer_shift : 0));
	if (seq_before(ack, peer->una))
		return;
	if (ack == peer->una && !seen->len && peer->top != peer->una && edge == peer->edge) {
		if (++peer->duplicates == 3 && !seq_before(ack, peer->recover)) {
			peer->recover = peer->top;
			peer_segment(peer->una, MIN(MIN(peer->mss, 65400), peer->top - peer->una),
				     false);
		}
	}
	if (ack != peer->una) {
		peer->progress = bed_now;
		peer->duplicates = 0;
	}
	peer->una = ack;
	peer->nxt = seq_max(peer->nxt, ack);
	peer->edge = seq_max(peer->edge, edge);
}

/* --- the guest as receiver --- */

static inline void peer_take_data(const struct seen *seen)
{
	uint32_t at = seen->seq - guest.irs - 1;
	int32_t ahead = (int32_t)(at - peer->rcv);

	if (seen->len > peer->mss)
		ck_abort_msg("a segment of %u bytes, MSS %u", seen->len, peer->mss);
	if (seen->len && seq_before(peer->told, at + seen->len))
		ck_abort_msg("bytes %u to %u are beyond the window, which ends at %u", at,
			     at + seen->len, peer->told);
	for (uint32_t i = 0; i < seen->len; i++) {
		if (seen->payload[i] != peer_byte(false, (uint64_t)at + i))
			ck_abort_msg("byte %u to the guest is wrong", at + i);
		if (ahead + (int32_t)i >= 0)
			peer->there[ahead + (int32_t)i] = 1;
	}
	if (seen->len && ahead + (int32_t)seen->len > 0)
		peer->far = MAX(peer->far, (uint32_t)(ahead + (int32_t)seen->len));
	if (seen->len && ahead > 0) {
		peer->sack_from = at;
		peer->sack_to = at + seen->len;
	}
	if (seen->flags & TCP_FLAG_FIN) {
		peer->host_fin = true;
		peer->host_fin_at = at + seen->len;
	}
	if (seen->len || seen->flags & TCP_FLAG_FIN || at != peer->rcv + peer->ended)
		peer->owes_ack = true;
}

static inline void peer_advance(void)
{
	uint32_t n = 0;

	while (n < peer->far && peer->there[n])
		n++;
	memmove(peer->there, peer->there + n, peer->far - n);
	memset(peer->there + peer->far - n, 0, n);
	peer->far -= n;
	peer->rcv += n;
	peer->unread += n;
	if (!seq_before(peer->rcv, peer->sack_to))
		peer->sack_from = peer->sack_to = 0;
	if (peer->host_fin && peer->rcv == peer->host_fin_at)
		peer->ended = true;
}

static inline void peer_take(const struct seen *seen)
{
	peer->n_in++;
	if (seen->flags & TCP_FLAG_RST) {
		peer->reset = true;
		return;
	}
	if (seen->options.has_stamps &&
	    !seq_before(guest.irs + 1 + peer->rcv + peer->ended, seen->seq))
		peer->stamp_echo = seen->options.stamp;
	peer_take_ack(seen);
	peer_take_data(seen);
	peer_advance();
}

/* --- the host's program --- */

static inline void peer_host(void)
{
	uint8_t buffer[65536];
	ssize_t n;

	while (peer->host_written < peer->down_total) {
		size_t len = MIN(sizeof(buffer), peer->down_total - peer->host_written);

		for (size_t i = 0; i < len; i++)
			buffer[i] = peer_byte(false, peer->host_written + i);
		n = send(host_fd, buffer, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n <= 0)
			break;
		peer->host_written += (uint64_t)n;
	}
	if (peer->host_written == peer->down_total && !peer->host_shut) {
		shutdown(host_fd, SHUT_WR);
		peer->host_shut = true;
	}
	if (peer_chance(peer->host_pause))
		return;
	while ((n = recv(host_fd, buffer, sizeof(buffer), MSG_DONTWAIT)) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			if (buffer[i] != peer_byte(true, peer->host_read + (uint64_t)i))
				ck_abort_msg("byte %u to the host is wrong",
					     (unsigned)(peer->host_read + (uint64_t)i));
		}
		peer->host_read += (uint64_t)n;
	}
	if (n == 0)
		peer->host_saw_end = true;
}

/* --- steps --- */

static inline struct wired *peer_due(GQueue *queue)
{
	for (GList *at = queue->head; at; at = at->next) {
		struct wired *wired = at->data;

		if (wired->at <= bed_now) {
			g_queue_delete_link(queue, at);
			return wired;
		}
	}
	return NULL;
}

static inline void peer_step(usec_t usec)
{
	struct wired *wired;
	struct seen *seen;

	bed_now += usec;
	if (!peer_chance(0.3)) {
		uint32_t reads = (uint32_t)g_rand_int_range(peer->rand, 0, 400000);

		peer->unread -= MIN(peer->unread, reads);
	}
	peer_timer();
	peer_output();
	while ((wired = peer_due(&peer->up))) {
		guest_queue(wired->frame, wired->len);
		g_free(wired);
	}
	bed_turn();
	while ((seen = g_queue_pop_head(&outcome))) {
		if (peer_chance(peer->loss)) {
			seen_free(seen);
			continue;
		}
		wired = g_new0(struct wired, 1);
		*wired = (struct wired){bed_now + peer_delay(), NULL, 0, seen};
		g_queue_push_tail(&peer->down, wired);
	}
	while ((wired = peer_due(&peer->down))) {
		peer_take(wired->seen);
		if (peer_chance(peer->twice))
			peer_take(wired->seen);
		seen_free(wired->seen);
		g_free(wired);
	}
	peer_host();
}

static inline bool peer_done(void)
{
	return peer->host_saw_end && peer->ended && peer->una == peer->up_total + 1 &&
	       (!conn->tcp || peer->reset);
}

/* Until both have everything; false: not within @ms, or reset. Skips idle time. */
static inline bool peer_run(int ms)
{
	int step = 1;

	for (; ms > 0; ms -= step) {
		unsigned before = peer->n_in;

		peer_step(step * USEC_PER_MSEC);
		step = peer->n_in != before ? 1 : MIN(step + 1, 40);
		if (peer->reset)
			return false;
		if (peer_done())
			return true;
	}
	return false;
}

static inline const char *peer_state(void)
{
	static char text[400];

	g_snprintf(text, sizeof(text),
		   "up: una %u nxt %u top %u of %u window %d, host read %u end %d; down: rcv %u of "
		   "%u far %u ended %d window %d, written %u; reset %d conn %d",
		   peer->una, peer->nxt, peer->top, (unsigned)peer->up_total,
		   (int)(peer->edge - peer->nxt), (unsigned)peer->host_read, peer->host_saw_end,
		   peer->rcv, (unsigned)peer->down_total, peer->far, peer->ended,
		   (int)(peer->told - peer->rcv), (unsigned)peer->host_written, peer->reset,
		   conn->tcp ? 1 : 0);
	return text;
}

#define peer_must_run(ms) ck_assert_msg(peer_run(ms), "%s", peer_state())

static inline void peer_init(uint32_t seed, uint64_t up, uint64_t down)
{
	peer = g_new0(struct peer, 1);
	peer->rand = g_rand_new_with_seed(seed);
	peer->there = g_malloc0(2 * PEER_AHEAD);
	peer->up_total = up;
	peer->down_total = down;
	peer->mss = 1460;
	peer->capacity = 200000;
	peer->sacks = peer->stamps = peer->scales = true;
}

/* Opens outward, without loss. */
static inline void peer_opens(bool v6)
{
	struct tcp_options options = {
		.has_mss = true,
		.mss = (uint16_t)peer->mss,
		.may_sack = peer->sacks,
		.has_stamps = peer->stamps,
		.stamp = (uint32_t)(bed_now / USEC_PER_MSEC),
		.has_shift = peer->scales,
		.shift = 7,
	};
	uint8_t bytes[40];

	if (!peer->scales)
		peer->capacity = MIN(peer->capacity, 65535);
	guest_init(v6);
	guest.iss = g_rand_int(peer->rand);
	guest.window = MIN(peer->capacity, 65535);
	host_pair();
	guest_opens(bytes, tcp_options_write(bytes, &options));
	peer->stamp_echo = guest.echo;
	peer->told = guest.window;
	peer->edge = MIN(1000, 65535);
	peer->progress = bed_now;
	peer->owes_ack = true;
}

static inline void peer_fini(void)
{
	struct wired *wired;

	while ((wired = g_queue_pop_head(&peer->up))) {
		g_free(wired->frame);
		g_free(wired);
	}
	while ((wired = g_queue_pop_head(&peer->down))) {
		seen_free(wired->seen);
		g_free(wired);
	}
	g_free(peer->there);
	g_rand_free(peer->rand);
	g_clear_pointer(&peer, g_free);
}

#endif
