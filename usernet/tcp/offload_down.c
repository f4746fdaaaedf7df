/* SPDX-License-Identifier: BSD-3-Clause */
#include <glib.h>

#include "tcp/offload_flow.h"

#define RTO_FIRST (1 * USEC_PER_SEC) /* RFC 6298 2.1 */
#define RTO_MIN   (200 * USEC_PER_MSEC)
#define RTO_MAX   (5 * USEC_PER_SEC)
/* Not a word from the guest for so long, though something is sent again and again: it is not there
 * any more (RFC 9293 3.8.3 wants 100 s at least). */
#define GIVE_UP (120 * USEC_PER_SEC)

#define DUPLICATES 3 /* RFC 5681 3.2 */
#define RING_MAX   (OFFLOAD_RING_BLOCKS * (uint32_t)OFFLOAD_BLOCK_DATA)
#define BURST_ALL  (2 * RING_MAX)       /* no bound */
#define TOLD_MAX   65535                /* libslirp knows no scaling */
#define TELL_STEP  (2 * OFFLOAD_IF_MTU) /* more room than this is news */
/* What is left of the ring when libslirp is told there is nothing: for the byte it sends then to
 * see if that is so (tcp_timer.c TCPT_PERSIST). */
#define PROBE_ROOM 64

static usec_t now(const struct offload_flow *flow)
{
	return loop_now(flow->offload->loop);
}

void offload_down_open(struct offload_flow *flow, uint32_t una, uint32_t next, uint32_t edge)
{
	struct offload_down *down = &flow->down;

	down->una = down->told_ack = down->window_ack = una;
	down->sent = down->top = down->end = down->base = next;
	down->edge = down->told_edge = edge;
	down->ended = down->kept = down->must_tell = down->recovering = false;
	down->duplicates = down->tries = 0;
	down->burst = BURST_ALL;
	down->srtt = down->rttvar = down->timed_at = down->retry_at = 0;
}

void offload_down_clear(struct offload_flow *flow)
{
	offload_ring_clear(&flow->down.ring, &flow->offload->pool, flow->guest);
	flow->down.kept = false;
	flow->down.retry_at = 0;
}

/* The end of what is data. */
static uint32_t data_end(const struct offload_down *down)
{
	return down->end - down->ended;
}

bool offload_down_is_ours(const struct offload_flow *flow)
{
	return flow->down.kept && !seq_before(flow->down.una, flow->down.base);
}

/* --- times --- */

static usec_t rto(const struct offload_down *down)
{
	usec_t base = down->srtt ? MAX(down->srtt + 4 * down->rttvar, RTO_MIN) : RTO_FIRST;

	return MIN(base << MIN(down->tries, 8), RTO_MAX);
}

/* RFC 6298 2.2, 2.3 */
static void take_sample(struct offload_down *down, usec_t rtt)
{
	if (down->srtt == 0) {
		down->srtt = MAX(rtt, 1);
		down->rttvar = rtt / 2;
		return;
	}
	down->rttvar += (ABS(down->srtt - rtt) - down->rttvar) / 4;
	down->srtt += (rtt - down->srtt) / 8;
}

/* Something waits for the guest. */
static void expect_word(struct offload_flow *flow)
{
	struct offload_down *down = &flow->down;

	if (down->retry_at)
		return;
	down->heard_at = now(flow);
	down->retry_at = now(flow) + rto(down);
	offload_flow_arm(flow);
}

/* --- to the guest --- */

/* Writes headers; @frame's data, of @len bytes with @sum, is there. */
static void put(struct offload_flow *flow, uint8_t *frame, uint32_t seq, uint8_t flags,
		uint32_t len, csum_t sum)
{
	struct offload_tcp tcp = {
		.seq = seq,
		.ack = flow->up.acked,
		.window = offload_up_window(flow),
		.flags = flags,
	};

	offload_head_write(&flow->down.head, frame, &tcp, len, sum);
	outbox_commit(flow->offload->outbox, flow->down.head.len + len);
	flow->say = false;
}

static bool put_kept(struct offload_flow *flow, uint32_t seq, uint32_t len, bool fin)
{
	struct offload_down *down = &flow->down;
	uint8_t *frame = outbox_reserve(flow->offload->outbox, down->head.len + len);
	uint8_t flags = TCP_FLAG_ACK | (fin ? TCP_FLAG_FIN : 0);
	csum_t sum;

	if (!frame)
		return false;
	if (len > 0 && seq + len == data_end(down))
		flags |= TCP_FLAG_PSH;
	sum = offload_ring_copy(&down->ring, seq - down->base, frame + down->head.len, len);
	put(flow, frame, seq, flags, len, sum);
	return true;
}

void offload_down_say(struct offload_flow *flow)
{
	struct offload_down *down = &flow->down;
	uint8_t *frame = outbox_reserve(flow->offload->outbox, down->head.len);

	/* Not libslirp's own number: what the guest has not been sent yet lies beyond its window.
	 */
	if (frame)
		put(flow, frame, down->top, TCP_FLAG_ACK, 0, 0);
}

/* Not kept: libslirp sends it again itself when it must. */
static void pass(struct offload_flow *flow, const struct packet *packet)
{
	struct offload_down *down = &flow->down;
	uint32_t seq = packet_seq(packet), at = packet->payload;

	do {
		uint32_t len = MIN(flow->mss, packet->len - at);
		uint8_t *frame = outbox_reserve(flow->offload->outbox, down->head.len + len);
		bool last = at + len == packet->len;
		uint8_t flags = packet->tcp_flags & (uint8_t)~TCP_FLAG_URG; /* its pointer too */

		if (!frame)
			return;
		if (!last)
			flags &= (uint8_t) ~(TCP_FLAG_FIN | TCP_FLAG_PSH);
		put(flow, frame, seq, flags, len,
		    csum_copy(0, frame + down->head.len, packet->frame + at, len));
		seq += len;
		at += len;
	} while (at < packet->len);
}

/* Bytes that may be sent now. */
static uint32_t allowed(const struct offload_down *down)
{
	int32_t window = (int32_t)(down->edge - down->sent);
	int32_t burst = (int32_t)(down->una + down->burst - down->sent);

	return (uint32_t)MAX(MIN(window, burst), 0);
}

void offload_down_pump(struct offload_flow *flow)
{
	struct offload *offload = flow->offload;
	struct offload_down *down = &flow->down;

	if (!down->kept || !seq_before(down->sent, down->end))
		return;
	if (!offload->ops->may_send(flow->guest->owner)) {
		offload_flow_wait(flow);
		return;
	}
	offload_flow_go_on(flow);
	down->sent = seq_max(down->sent, down->base);
	while (seq_before(down->sent, down->end)) {
		uint32_t data = data_end(down) - down->sent, room = allowed(down);
		uint32_t len = MIN(MIN(data, flow->mss), room);
		bool fin = down->ended && len == data;

		/* Part of a segment only when nothing else brings the guest to open its window
		 * (RFC 9293 3.8.6.2.1). */
		if (len < MIN(data, flow->mss) && (len == 0 || down->sent != down->una))
			break;
		if (!put_kept(flow, down->sent, len, fin)) {
			offload_flow_wait(flow);
			break;
		}
		if (down->timed_at == 0 && down->sent == down->top) {
			down->timed_end = down->sent + len;
			down->timed_at = now(flow);
		}
		down->sent += len + fin;
		down->top = seq_max(down->top, down->sent);
	}
	expect_word(flow);
}

/* One segment, from the first byte that the guest lacks on. */
static void send_again(struct offload_flow *flow)
{
	struct offload_down *down = &flow->down;
	uint32_t data = data_end(down) - down->una;
	uint32_t len = MIN(MIN(data, flow->mss), down->top - down->una);

	down->timed_at = 0; /* which of the two would be answered? (RFC 6298 3) */
	put_kept(flow, down->una, len, down->ended && len == data && down->top == down->end);
}

/* --- from libslirp --- */

/* From now on what libslirp sends is kept, if the room that it was told of is to be had. */
static void begin_to_keep(struct offload_flow *flow, uint32_t len)
{
	struct offload_down *down = &flow->down;
	uint32_t promised = seq_after(down->told_edge, down->end) ? down->told_edge - down->end : 0;
	uint32_t need = MAX(promised, len) + PROBE_ROOM;

	offload_ring_reserve(&down->ring, &flow->offload->pool, flow->guest, need);
	if (offload_ring_room(&down->ring) < need) {
		offload_down_clear(flow);
		return;
	}
	down->kept = true;
	down->base = down->end;
}

static void keep(struct offload_flow *flow, const struct packet *packet, uint32_t skip)
{
	struct offload_down *down = &flow->down;
	uint32_t len = packet->len - packet->payload - skip;

	if (len > offload_ring_room(&down->ring)) {
		down->must_tell = true; /* more than it was told; it will come again */
		return;
	}
	offload_ring_append(&down->ring, &flow->offload->pool,
			    packet->frame + packet->payload + skip, len);
	down->end += len;
	if (packet->tcp_flags & TCP_FLAG_FIN) {
		down->end++;
		down->ended = true;
	}
}

void offload_down_take(struct offload_flow *flow, const struct packet *packet)
{
	struct offload_down *down = &flow->down;
	uint32_t seq = packet_seq(packet), len = packet->len - packet->payload;
	uint32_t end = seq + len + (packet->tcp_flags & TCP_FLAG_FIN ? 1 : 0);
	bool fresh = seq_after(end, down->end) && !seq_after(seq, down->end) && !down->ended;

	offload_flow_due(flow);
	if (fresh && !down->kept && seq == down->end)
		begin_to_keep(flow, len);
	if (fresh && down->kept)
		keep(flow, packet, down->end - seq);
	if (offload_down_is_ours(flow)) {
		/* It was told that we have it, and is told again. */
		down->must_tell = down->must_tell || !fresh;
		return;
	}
	if (down->kept && !seq_before(seq, down->base))
		return;
	pass(flow, packet);
	if (fresh && !down->kept) {
		down->end = down->sent = down->top = end;
		down->ended = packet->tcp_flags & TCP_FLAG_FIN;
	}
}

/* --- what libslirp is told --- */

static void numbers(struct offload_flow *flow, uint32_t *ack, uint32_t *window)
{
	struct offload_down *down = &flow->down;
	uint32_t edge, room;

	*ack = offload_down_is_ours(flow) ? down->end : down->una;
	edge = offload_down_is_ours(flow) ? *ack + TOLD_MAX : down->edge;
	if (down->kept) {
		offload_ring_reserve(&down->ring, &flow->offload->pool, flow->guest,
				     TOLD_MAX + PROBE_ROOM);
		room = offload_ring_room(&down->ring);
		room = room > PROBE_ROOM ? room - PROBE_ROOM : 0;
		if (seq_after(edge, down->end + room))
			edge = down->end + room;
	}
	*window = seq_after(edge, *ack) ? MIN(edge - *ack, TOLD_MAX) : 0;
	/* What was promised stays so. */
	if (seq_after(down->told_edge, *ack + *window))
		*window = MIN(down->told_edge - *ack, TOLD_MAX);
}

struct offload_tcp offload_down_tell(struct offload_flow *flow)
{
	struct offload_down *down = &flow->down;
	uint32_t ack, window;

	numbers(flow, &ack, &window);
	down->told_ack = ack;
	down->told_edge = seq_max(down->told_edge, ack + window);
	down->must_tell = false;
	return (struct offload_tcp){.ack = ack, .window = (uint16_t)window};
}

bool offload_down_has_news(struct offload_flow *flow)
{
	const struct offload_down *down = &flow->down;
	uint32_t ack, window, more;

	numbers(flow, &ack, &window);
	more = ack + window - down->told_edge;
	if (down->must_tell || ack != down->told_ack)
		return true;
	return !down->ended &&
	       (more >= TELL_STEP || (more > 0 && down->told_edge == down->told_ack));
}

/* --- from the guest --- */

static void take_progress(struct offload_flow *flow, uint32_t ack)
{
	struct offload_down *down = &flow->down;
	uint32_t newly = ack - down->una;

	if (down->timed_at && !seq_before(ack, down->timed_end)) {
		take_sample(down, now(flow) - down->timed_at);
		down->timed_at = 0;
	}
	down->una = ack;
	down->sent = seq_max(down->sent, ack);
	down->burst = MIN(down->burst + newly, BURST_ALL);
	down->duplicates = 0;
	down->tries = 0;
	if (down->kept && seq_after(ack, down->base)) {
		uint32_t data = MIN(ack - down->base, down->ring.len);

		offload_ring_consume(&down->ring, &flow->offload->pool, flow->guest, data);
		down->base += data;
	}
	if (ack == down->end) {
		offload_down_clear(flow);
		down->recovering = false;
		return;
	}
	down->retry_at = down->kept ? now(flow) + rto(down) : 0;
	offload_flow_arm(flow);
	if (down->recovering && !seq_before(ack, down->recover))
		down->recovering = false;
	else if (down->recovering && offload_down_is_ours(flow) && down->sent == down->top)
		send_again(flow); /* a partial one: the next is lost too (RFC 6582 3.2) */
}

static void take_duplicate(struct offload_flow *flow)
{
	struct offload_down *down = &flow->down;

	if (!offload_down_is_ours(flow) || down->top == down->una)
		return;
	if (++down->duplicates != DUPLICATES || down->recovering)
		return;
	down->recovering = true;
	down->recover = down->top;
	send_again(flow);
}

bool offload_down_acked(struct offload_flow *flow, const struct packet *packet)
{
	struct offload_down *down = &flow->down;
	uint32_t ack = packet_ack(packet), seq = packet_seq(packet);
	uint32_t window = (uint32_t)packet_window(packet) << (flow->scaled ? flow->shift : 0);
	bool empty = packet->len == packet->payload && !(packet->tcp_flags & TCP_FLAG_FIN);
	bool same = ack + window == down->edge;

	down->heard_at = now(flow);
	if (seq_after(ack, down->top))
		return false;
	if (seq_before(ack, down->una))
		return true;
	if (seq_before(down->window_seq, seq) ||
	    (down->window_seq == seq && !seq_before(ack, down->window_ack))) {
		/* A closed window opens: what asked for that was not taken. */
		if (!seq_after(down->edge, down->una) && window > 0)
			down->sent = down->una;
		down->edge = ack + window;
		down->window_seq = seq;
		down->window_ack = ack;
	}
	if (ack != down->una)
		take_progress(flow, ack);
	else if (empty && same)
		take_duplicate(flow);
	return true;
}

void offload_down_timeout(struct offload_flow *flow, usec_t when)
{
	struct offload_down *down = &flow->down;

	if (when - down->heard_at >= GIVE_UP) {
		offload_flow_abort(flow);
		return;
	}
	down->tries++;
	down->retry_at = when + rto(down);
	down->timed_at = 0;
	if (!seq_after(down->edge, down->una) && data_end(down) != down->una &&
	    offload_down_is_ours(flow)) {
		/* Its window is closed: one byte more asks whether it still is (3.8.6.1). */
		put_kept(flow, down->una, 1, false);
		down->sent = seq_max(down->sent, down->una + 1);
		down->top = seq_max(down->top, down->sent);
		return;
	}
	down->recovering = true;
	down->recover = down->top;
	down->duplicates = 0;
	down->burst = 2u * flow->mss;
	down->sent = seq_max(down->una, down->base);
	offload_flow_due(flow);
}
