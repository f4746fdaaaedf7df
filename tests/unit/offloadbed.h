/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TESTS_OFFLOADBED_H
#define USERNET_TESTS_OFFLOADBED_H

#include "offloadend.h"

/*
 * A guest's TCP and libslirp's, with offload between them, a wire to the guest that loses, doubles
 * and disorders, and a clock that only the bed moves. Both ends know what must come, byte by byte,
 * and say at once what the other may not do: libslirp's, data beyond its window, a wrong checksum,
 * a call from within its callback; the guest's, segments beyond its MSS or its window.
 *
 *     guest end ── wire ──► offload_from_guest ─► deliver ─► slirp end
 *     guest end ◄─ wire ─── outbox ◄──────── offload_to_guest ◄─ slirp end
 */

static inline void bed_deliver(void *owner, const struct packet *packet)
{
	struct bed *bed = owner;

	ck_assert_msg(!bed->in_callback, "libslirp is called from within its callback");
	if (packet->tcp_flags & TCP_FLAG_SYN)
		return; /* the bed opens by hand */
	if (bed->damaged && !l4_right(packet->frame, packet->len, packet->v6, packet->proto)) {
		bed->n_damaged++;
		return;
	}
	end_take(&bed->slirp, packet);
}

static inline bool bed_may_send(void *owner)
{
	return !((struct bed *)owner)->blocked;
}

static inline void bed_wake(void *data)
{
	((struct bed *)data)->n_wakes++;
}

static const struct offload_ops bed_ops = {bed_deliver, bed_may_send, bed_wake};

/* What is in the outbox goes onto the wire. */
static inline void bed_drain_outbox(struct bed *bed)
{
	for (size_t i = 0; i < bed->outbox.n; i++)
		bed_wire(bed, &bed->down, bed->outbox.frames[i].data, bed->outbox.frames[i].len);
	bed->outbox.n = 0;
	bed->outbox.n_chunks = 0;
	if (bed->outbox.chunk)
		chunk_retire(bed->pool, bed->outbox.chunk);
	bed->outbox.chunk = NULL;
}

static inline struct bed_frame *bed_next(GQueue *queue)
{
	for (GList *at = queue->head; at; at = at->next) {
		struct bed_frame *frame = at->data;

		if (frame->at <= bed_now) {
			g_queue_delete_link(queue, at);
			return frame;
		}
	}
	return NULL;
}

/* The others at the port. */
static inline void bed_let_go(struct bed *bed)
{
	offload_uncharge(&bed->offload->pool, &bed->owner, bed->taken);
	bed->taken = 0;
}

static inline void bed_change_mood(struct bed *bed)
{
	const unsigned all = OFFLOAD_PORT_BYTES / OFFLOAD_BLOCK_SIZE;
	unsigned left = (unsigned)g_rand_int_range(bed->rand, 0, 12);

	if (bed->moody && chance(bed, 0.05))
		bed->blocked = !bed->blocked;
	if (bed->tight && chance(bed, 0.2)) {
		bed_let_go(bed);
		bed->taken = all - bed->owner.blocks;
		bed->taken -= MIN(bed->taken, left);
		ck_assert(offload_charge(&bed->offload->pool, &bed->owner, bed->taken));
	}
}

/* A turn of @ms milliseconds. */
static inline void bed_step(struct bed *bed, unsigned ms)
{
	struct bed_frame *frame;

	bed_now += ms * USEC_PER_MSEC;
	bed_change_mood(bed);
	g_main_context_iteration(NULL, FALSE);
	end_read(&bed->slirp);
	if (bed->owed && chance(bed, 0.5)) {
		bed->owed = 0;
		end_say(&bed->slirp);
	}
	end_output(&bed->slirp);
	end_read(&bed->guest);
	end_output(&bed->guest);
	while ((frame = bed_next(&bed->up))) {
		struct packet packet = parsed(frame->data, frame->len);

		offload_from_guest(bed->offload, &bed->owner, &packet);
		g_free(frame);
	}
	offload_flush(bed->offload);
	bed->most_bytes = MAX(bed->most_bytes, offload_bytes(bed->offload));
	bed_drain_outbox(bed);
	while ((frame = bed_next(&bed->down))) {
		struct packet packet = parsed(frame->data, frame->len);

		if (!(packet.tcp_flags & TCP_FLAG_SYN))
			end_take(&bed->guest, &packet);
		g_free(frame);
	}
}

static inline void end_init(struct end *end, struct bed *bed, bool slirp, uint64_t total)
{
	*end = (struct end){
		.bed = bed,
		.slirp = slirp,
		.salt = slirp ? 77 : 3,
		.total = total,
		.ends = true,
		.mss = slirp ? OFFLOAD_IF_MTU - 60 : 1440,
		.iss = g_rand_int(bed->rand),
		.capacity = slirp ? 131072 : 1 << 20,
		.reads = UINT32_MAX,
		.ahead = g_malloc0(BED_AHEAD),
		.progress_at = bed_now,
	};
}

static inline void bed_init(struct bed *bed, bool v6, uint32_t seed, uint64_t up, uint64_t down)
{
	memset(bed, 0, sizeof(*bed));
	bed_has_clock = true;
	bed->rand = g_rand_new_with_seed(seed);
	bed->loop = loop_new(NULL);
	loop_attach(bed->loop, NULL);
	bed->pool = chunk_pool_new(bed->loop);
	outbox_init(&bed->outbox, bed->pool, &bed->port);
	bed->offload = offload_new(bed->loop, &bed->outbox, &bed_ops, bed, false);
	offload_guest_init(&bed->owner, bed);
	bed->flow = v6 ? flow6 : flow4;
	bed->scaled = true;
	end_init(&bed->guest, bed, false, up);
	end_init(&bed->slirp, bed, true, down);
}

static inline void bed_fini(struct bed *bed)
{
	bed_let_go(bed);
	offload_forget(bed->offload, &bed->owner);
	ck_assert_uint_eq(offload_bytes(bed->offload), 0);
	ck_assert_uint_eq(offload_n_flows(bed->offload), 0);
	offload_free(bed->offload);
	bed_drain_outbox(bed);
	outbox_fini(&bed->outbox);
	g_main_context_iteration(NULL, FALSE);
	chunk_pool_free(bed->pool);
	loop_free(bed->loop);
	g_queue_clear_full(&bed->up, g_free);
	g_queue_clear_full(&bed->down, g_free);
	g_free(bed->guest.ahead);
	g_free(bed->slirp.ahead);
	g_rand_free(bed->rand);
	bed_has_clock = false;
}

/* The window scale option in the SYN that is in the outbox; -1: none. */
static inline int bed_shift_shown(struct bed *bed)
{
	const struct frame *frame = &bed->outbox.frames[bed->outbox.n - 1];
	struct packet packet = parsed(frame->data, frame->len);
	struct offload_options options;

	ck_assert(packet.tcp_flags & TCP_FLAG_SYN);
	ck_assert(l4_right(frame->data, packet.len, packet.v6, IPPROTO_TCP));
	ck_assert(packet.v6 || ip_right(frame->data));
	offload_options_read(&options, &packet);
	return options.scaled ? options.shift : -1;
}

/* The three segments of an opening, without loss. */
static inline void bed_open(struct bed *bed)
{
	const uint8_t scale[8] = {
		2, 4, (uint8_t)(bed->guest.mss >> 8), (uint8_t)bed->guest.mss, 1, 3, 3, 4};
	const uint8_t mss[4] = {2, 4, 0x3e, 0xbc};
	struct end *first = bed->forwarded ? &bed->slirp : &bed->guest, *second = other(first);
	struct end *ends[2] = {first, second};
	int shift = -1;

	for (unsigned i = 0; i < 2; i++) {
		struct end *end = ends[i];

		if (i == 1) {
			end->irs = first->iss;
			end->rcv_nxt = end->irs + 1;
		}
		end_segment(end, end->iss, TCP_FLAG_SYN | (i ? TCP_FLAG_ACK : 0),
			    end->slirp ? mss : scale,
			    end->slirp    ? 4
			    : bed->scaled ? 8
					  : 4,
			    NULL, 0);
		if (end->slirp) {
			shift = bed_shift_shown(bed);
			ck_assert_int_eq(shift >= 0, bed->scaled || bed->forwarded);
			bed->outbox.n = 0;
		} else {
			struct bed_frame *frame = g_queue_pop_head(&bed->up);
			struct packet packet = parsed(frame->data, frame->len);

			offload_from_guest(bed->offload, &bed->owner, &packet);
			g_free(frame);
		}
		end->una = end->nxt = end->top = end->recover = end->iss + 1;
	}
	first->irs = second->iss;
	first->rcv_nxt = second->iss + 1;
	for (unsigned i = 0; i < 2; i++) {
		struct end *end = ends[i];
		uint32_t room = MIN(end->capacity, 65535);

		end->edge = end->rcv_nxt + room;
		other(end)->peer_edge = end->rcv_nxt + room;
		end->opened = true;
		end->progress_at = bed_now;
	}
	if (bed->scaled) {
		bed->guest.shift = 4;
		bed->guest.peer_shift = (unsigned)shift;
	}
	bed->outbox.n = 0;
	end_say(first);
	if (first->slirp) {
		offload_flush(bed->offload);
		ck_assert_uint_eq(bed->outbox.n, 1); /* the guest waits for it */
	}
}

/* Until both have all, or one was reset; false: not within @ms. Quiet times pass quickly. */
static inline bool bed_run(struct bed *bed, int ms)
{
	unsigned step = 1;

	for (; ms > 0; ms -= (int)step) {
		unsigned before = bed->guest.n_in + bed->slirp.n_in;

		bed_step(bed, step);
		step = bed->guest.n_in + bed->slirp.n_in != before ? 1 : MIN(step + 1, 50);
		if (bed->guest.reset || bed->slirp.reset)
			return false;
		if (bed->guest.peer_ended == bed->slirp.ends &&
		    bed->slirp.peer_ended == bed->guest.ends && end_is_done(&bed->guest) &&
		    end_is_done(&bed->slirp))
			return true;
	}
	return false;
}

static inline const char *bed_state(struct bed *bed)
{
	static char text[300];
	const struct end *g = &bed->guest, *s = &bed->slirp;

	g_snprintf(text, sizeof(text),
		   "guest: una %u nxt %u top %u window %d of %u, has %u reset %d ended %d; "
		   "slirp: una %u nxt %u top %u window %d of %u, has %u reset %d ended %d",
		   g->una - g->iss, g->nxt - g->iss, g->top - g->iss, (int)(g->peer_edge - g->una),
		   (unsigned)g->total, (unsigned)g->received, g->reset, g->peer_ended,
		   s->una - s->iss, s->nxt - s->iss, s->top - s->iss, (int)(s->peer_edge - s->una),
		   (unsigned)s->total, (unsigned)s->received, s->reset, s->peer_ended);
	return text;
}

/* Within so many milliseconds all is there. */
#define bed_must_run(bed, ms) ck_assert_msg(bed_run(bed, ms), "%s", bed_state(bed))

/* All bytes have come, both ways, and the ends. */
static inline void bed_check(struct bed *bed)
{
	ck_assert_uint_eq(bed->slirp.received, bed->guest.total);
	ck_assert_uint_eq(bed->guest.received, bed->slirp.total);
	ck_assert_int_eq(bed->slirp.peer_ended, bed->guest.ends);
	ck_assert_int_eq(bed->guest.peer_ended, bed->slirp.ends);
}

#endif
