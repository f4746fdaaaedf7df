/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TESTS_OFFLOADEND_H
#define USERNET_TESTS_OFFLOADEND_H

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "packets.h"

#include "base/chunk.h"
#include "tcp/offload.h"
#include "tcp/offload_flow.h"

/* One end of a TCP connection in the bed (offloadbed.h): a guest's or libslirp's. */

/* --- the clock, for loop.c and all else in this program --- */

static usec_t bed_now = 1000 * USEC_PER_SEC;
static bool bed_has_clock; /* else it is the kernel's: Check measures how long a test takes */

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	if (!bed_has_clock)
		return (int)syscall(SYS_clock_gettime, clock, ts);
	ts->tv_sec = bed_now / USEC_PER_SEC;
	ts->tv_nsec = bed_now % USEC_PER_SEC * 1000;
	return 0;
}

/* --- one end --- */

#define BED_AHEAD (1 << 20) /* how far out of order an end keeps */

struct end {
	struct bed *bed;
	bool slirp;
	unsigned salt;  /* of the bytes it sends */
	uint64_t total; /* bytes to send, then FIN if ends */
	bool ends;
	uint32_t mss;
	uint32_t iss, una, nxt, top, peer_edge;
	unsigned shift, peer_shift; /* of its own windows; of the peer's */
	unsigned duplicates;
	uint32_t recover; /* RFC 6582 */
	usec_t progress_at;
	bool opened, reset;
	uint32_t irs, rcv_nxt, edge; /* edge: the highest that was told */
	uint64_t received;
	uint32_t buffered, capacity; /* not read yet */
	uint32_t reads;              /* bytes a step */
	bool peer_ended;
	bool has_fin; /* the peer's, at fin, perhaps before what is in front of it */
	uint32_t fin;
	bool last;        /* its FIN came after the peer's */
	bool closed;      /* libslirp's: forgot the connection */
	uint8_t *ahead;   /* 1: the byte at rcv_nxt + i is there */
	uint32_t n_ahead; /* none from here on is */
	unsigned n_in, n_resets_in;
};

struct bed_frame {
	uint32_t len;
	usec_t at;
	uint8_t data[];
};

struct bed {
	struct loop *loop;
	struct chunk_pool *pool;
	struct outbox outbox;
	struct port port;
	struct offload *offload;
	struct offload_guest owner;
	struct ends flow; /* from the guest */
	struct end guest, slirp;
	GQueue up, down; /* struct bed_frame */
	GRand *rand;
	double loss, twice, disorder;
	double repacks; /* how many of the guest's segments are of another size than its MSS */
	unsigned lose;  /* of the frames that come, this one is lost; 0: none */
	bool scaled;    /* the guest asks for it, or accepts it */
	bool forwarded; /* libslirp opens */
	bool blocked;   /* may_send says no */
	bool cut;       /* nothing comes through the wire */
	bool moody;     /* blocked and not, now and then */
	bool tight;     /* others at the port take what there is, and give it back, now and then */
	unsigned taken; /* blocks, by those others */
	bool in_callback;
	bool damaged; /* libslirp may be given wrong sums, and drops them */
	unsigned n_damaged, n_wakes;
	bool lazy; /* libslirp acknowledges when polled only, now and then */
	uint64_t most_bytes;
	unsigned owed; /* acknowledgements that a lazy libslirp owes */
};

static inline uint8_t end_byte(const struct end *end, uint64_t i)
{
	return (uint8_t)(i * 31 + (i >> 8) * 7 + end->salt);
}

static inline bool chance(struct bed *bed, double p)
{
	return p > 0 && g_rand_double(bed->rand) < p;
}

static inline struct end *other(struct end *end)
{
	return end->slirp ? &end->bed->guest : &end->bed->slirp;
}

static inline void bed_wire(struct bed *bed, GQueue *queue, const uint8_t *data, size_t len)
{
	unsigned copies = chance(bed, bed->twice) ? 2 : 1;

	if (bed->cut || chance(bed, bed->loss) || (bed->lose > 0 && --bed->lose == 0))
		return;
	while (copies--) {
		struct bed_frame *frame = g_malloc(sizeof(*frame) + len);

		frame->len = (uint32_t)len;
		frame->at = bed_now + (chance(bed, bed->disorder)
					       ? g_rand_int_range(bed->rand, 1, 5) * USEC_PER_MSEC
					       : 0);
		memcpy(frame->data, data, len);
		g_queue_push_tail(queue, frame);
	}
}

/* Writes a segment of @end's and sends it. */
static inline void end_segment(struct end *end, uint32_t seq, uint8_t flags, const uint8_t *options,
			       size_t n_options, const uint8_t *payload, size_t len)
{
	static uint8_t frame[70000];
	struct bed *bed = end->bed;
	struct ends back = {bed->flow.v6, bed->flow.dst, bed->flow.src, bed->flow.dport,
			    bed->flow.sport};
	uint32_t room = end->capacity > end->buffered ? end->capacity - end->buffered : 0, window;
	uint16_t from, to;
	uint8_t *tcp;
	size_t n;

	if (end->slirp)
		room = MIN(room, 65535);
	if (seq_before(end->rcv_nxt + room, end->edge) && end->slirp)
		room = end->edge - end->rcv_nxt; /* libslirp does not take back */
	window = flags & TCP_FLAG_SYN ? room : room >> end->shift;
	window = MIN(window, 65535);
	n = put_tcp(frame, end->slirp ? &back : &bed->flow, seq, end->rcv_nxt, flags, options,
		    n_options, payload, len);
	tcp = frame + ETH_HEADER + (bed->flow.v6 ? 40 : 20);
	memcpy(&from, tcp + 14, 2);
	packet_put16(tcp + 14, (uint16_t)window);
	memcpy(&to, tcp + 14, 2);
	csum_update16(tcp + 16, from, to);
	if (flags & TCP_FLAG_ACK) {
		uint32_t edge =
			end->rcv_nxt + (flags & TCP_FLAG_SYN ? window : window << end->shift);

		end->edge = seq_max(end->edge, edge);
	}
	if (end->slirp) {
		bed->in_callback = true;
		offload_to_guest(bed->offload, &bed->owner, 1500, frame, n);
		bed->in_callback = false;
	} else {
		bed_wire(bed, &bed->up, frame, n);
	}
}

static inline void end_say(struct end *end)
{
	end_segment(end, end->nxt, TCP_FLAG_ACK, NULL, 0, NULL, 0);
}

static inline void end_reset(struct end *end, uint32_t seq)
{
	end_segment(end, seq, TCP_FLAG_RST | TCP_FLAG_ACK, NULL, 0, NULL, 0);
	end->reset = true;
}

static inline uint32_t end_fin(const struct end *end)
{
	return end->iss + 1 + (uint32_t)end->total;
}

/* All it has to send was acknowledged. */
static inline bool end_is_done(const struct end *end)
{
	return end->una == end_fin(end) + end->ends;
}

/* The segment at @seq, as long as MSS and window allow; how much of sequence it took. */
static inline uint32_t end_send_at(struct end *end, uint32_t seq)
{
	static uint8_t bytes[65536];
	uint32_t data = end_fin(end) - seq, len = 0;
	uint64_t at = end->total - data;
	bool fin = false;
	int32_t room = (int32_t)(end->peer_edge - seq);
	uint32_t mss = end->mss;

	if (!end->slirp && chance(end->bed, end->bed->repacks))
		mss = (uint32_t)g_rand_int_range(end->bed->rand, 1, (int32_t)mss);
	if ((int32_t)data > 0)
		len = (uint32_t)CLAMP(room, 0, (int32_t)MIN(mss, data));
	else
		data = 0;
	fin = end->ends && len == data && !seq_after(seq, end_fin(end));
	if (len == 0 && !fin)
		return 0;
	if (fin && end->top != end_fin(end) + 1)
		end->last = end->peer_ended;
	for (uint32_t i = 0; i < len; i++)
		bytes[i] = end_byte(end, at + i);
	end_segment(end, seq, TCP_FLAG_ACK | (fin ? TCP_FLAG_FIN : 0), NULL, 0, bytes, len);
	return len + fin;
}

static inline void end_output(struct end *end)
{
	unsigned burst = 300;

	if (!end->opened || end->reset || end->closed)
		return;
	while (burst-- && seq_before(end->nxt, end_fin(end) + end->ends)) {
		uint32_t n = end_send_at(end, end->nxt);

		if (n == 0)
			break;
		end->nxt += n;
		end->top = seq_max(end->top, end->nxt);
		if (end->reset)
			return;
	}
	/* Nothing got through for long: again from where the other has it; at a closed window a
	 * byte (RFC 9293 3.8.6.1). */
	if (!end_is_done(end) && bed_now - end->progress_at > USEC_PER_SEC) {
		end->progress_at = bed_now;
		end->nxt = end->una;
		if (!seq_after(end->peer_edge, end->una) && end->una != end_fin(end)) {
			uint8_t byte = end_byte(end, end->una - end->iss - 1);

			end_segment(end, end->una, TCP_FLAG_ACK, NULL, 0, &byte, 1);
			end->nxt = end->una + 1;
			end->top = seq_max(end->top, end->nxt);
		}
	}
}

/* libslirp forgets a connection when its own FIN, which came last, is acknowledged (LAST_ACK); else
 * it lingers (TIME_WAIT). */
static inline void end_look_for_close(struct end *end, bool was_ended, bool was_done)
{
	if (end->slirp && end->last && was_ended && !was_done && end_is_done(end))
		end->closed = true;
}

static inline void end_take_data(struct end *end, const struct packet *p)
{
	uint32_t seq = packet_seq(p), len = p->len - p->payload, next = end->rcv_nxt;
	const uint8_t *data = p->frame + p->payload;
	bool fin = p->tcp_flags & TCP_FLAG_FIN;
	int32_t over;

	/* Within the window that was told, or the byte that asks whether it is closed. */
	over = (int32_t)(seq + len - end->edge);
	if (end->slirp)
		ck_assert_msg(over <= 0, "libslirp is given %d bytes beyond its window", over);
	else
		ck_assert_msg(over <= 1, "the guest is sent %d bytes beyond its window", over);
	for (uint32_t i = 0; i < len; i++) {
		uint64_t at = (uint32_t)(seq + i - end->irs - 1);

		if (data[i] != end_byte(other(end), at)) /* an assertion a byte would take long */
			ck_abort_msg("byte %" G_GUINT64_FORMAT ": %u in place of %u", at, data[i],
				     end_byte(other(end), at));
		if (!seq_before(seq + i, next) && seq_before(seq + i, end->edge) &&
		    seq + i - next < BED_AHEAD) {
			end->ahead[seq + i - next] = 1;
			end->n_ahead = MAX(end->n_ahead, seq + i - next + 1);
		}
	}
	len = 0;
	while (len < BED_AHEAD && end->ahead[len] &&
	       (end->buffered + len < end->capacity || seq_before(next + len, end->edge)))
		len++;
	if (len > 0) {
		end->n_ahead = MAX(end->n_ahead, len);
		memmove(end->ahead, end->ahead + len, end->n_ahead - len);
		memset(end->ahead + end->n_ahead - len, 0, len);
		end->n_ahead -= len;
	}
	end->received += len;
	end->buffered += len;
	end->rcv_nxt += len;
	if (fin && !seq_after(seq + (p->len - p->payload), end->edge)) {
		end->has_fin = true; /* tcp_reass keeps it too */
		end->fin = seq + (p->len - p->payload);
	}
	if (end->has_fin && end->fin == end->rcv_nxt && !end->peer_ended) {
		ck_assert_uint_eq(end->received, other(end)->total);
		end->peer_ended = true;
		end->rcv_nxt++;
	}
}

static inline void end_take(struct end *end, const struct packet *p)
{
	uint32_t seq = packet_seq(p), ack = packet_ack(p), len = p->len - p->payload;
	uint32_t edge = ack + ((uint32_t)packet_window(p) << end->peer_shift);
	bool fin = p->tcp_flags & TCP_FLAG_FIN, was_ended = end->peer_ended;
	bool was_done = end_is_done(end);

	end->n_in++;
	ck_assert(l4_right(p->frame, p->len, p->v6, p->proto));
	ck_assert(p->v6 || ip_right(p->frame));
	if (p->tcp_flags & TCP_FLAG_RST) {
		end->n_resets_in++;
		/* RFC 5961 3.2: believed only at the very number */
		if (end->slirp || seq == end->rcv_nxt)
			end->reset = true;
		return;
	}
	if (end->reset || end->closed) {
		if (end->slirp)
			end_reset(end, ack);
		return;
	}
	if (!end->slirp)
		ck_assert_uint_le(len, end->mss);
	if (seq_after(ack, end->una) && !seq_after(ack, end->top)) {
		end->una = ack;
		end->nxt = seq_max(end->nxt, ack);
		end->progress_at = bed_now;
		end->duplicates = 0;
		if (seq_before(end->una, end->recover) && end->nxt == end->top)
			end_send_at(end, end->una);
	} else if (ack == end->una && len == 0 && !fin && end->una != end->top &&
		   end->peer_edge == edge) {
		if (++end->duplicates == 3 && !seq_before(end->una, end->recover)) {
			end->recover = end->top;
			end_send_at(end, end->una);
		}
	}
	ck_assert_msg(!seq_after(ack, end->top), "acknowledges what was not sent");
	end->peer_edge = edge;
	if (len || fin)
		end_take_data(end, p);
	end_look_for_close(end, was_ended, was_done);
	if (end->slirp && end->bed->lazy && (len || fin))
		end->bed->owed++;
	else if (len || fin || seq_before(seq, end->rcv_nxt))
		end_say(end);
	if (end->slirp)
		end_output(end);
}

static inline void end_read(struct end *end)
{
	uint32_t n = MIN(end->buffered, end->reads), before = end->edge - end->rcv_nxt;

	end->buffered -= n;
	/* As tcp_output does (2 x maxseg), and a guest at a window that was small. */
	if (end->opened && !end->reset && !end->closed && !end->peer_ended &&
	    MIN(end->capacity - end->buffered, end->slirp ? 65535 : UINT32_MAX) >=
		    before + (end->slirp ? 32768 : MIN(2 * end->mss, end->capacity)))
		end_say(end);
}

#endif
