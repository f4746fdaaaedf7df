/* SPDX-License-Identifier: BSD-3-Clause */
#include <glib.h>

#include "tcp/offload_flow.h"
#include "tcp/offload_segment.h"

/* Blocks one flow may hold: what was promised to the guest, in whole segments, and room for some
 * that are not full. */
#define HELD_MAX (OFFLOAD_INFLATE / (OFFLOAD_IF_MTU - 60) + 8)

/* Of segments behind a gap, told at once when their time comes: more than three, that one may be
 * lost (RFC 5681 3.2). */
#define EARLY_TOLD 8u

#define PROBE_MIN                                                                                  \
	(200 * USEC_PER_MSEC) /* libslirp tells when it takes more; in case it did not             \
			       */
#define PROBE_MAX (5 * USEC_PER_SEC)
/* Blocked for longer, the guest is shown a closed window: there it waits for ever, where one that
 * is shown an open window and not acknowledged gives up after a quarter of an hour (tcp(7)
 * tcp_retries2). */
#define DEFLATE_AFTER (2 * USEC_PER_SEC)

static usec_t now(const struct offload_flow *flow)
{
	return loop_now(flow->offload->loop);
}

void offload_up_open(struct offload_up *up, uint32_t next, uint32_t edge)
{
	up->acked = up->given = up->next = next;
	up->edge = up->shown = edge;
	up->has_fin = up->deflated = false;
	up->early = up->replies = 0;
}

void offload_up_clear(struct offload_flow *flow)
{
	struct offload_pool *pool = &flow->offload->pool;
	struct offload_up *up = &flow->up;

	list_for_each_safe (segment, &up->held, struct offload_segment, link)
		offload_segment_free(segment, pool, flow->guest);
	up->n_held = 0;
	if (up->open)
		offload_segment_free(up->open, pool, flow->guest);
	up->open = NULL;
	list_remove(&flow->merging_link);
	up->probe_at = 0;
}

uint16_t offload_up_window(struct offload_flow *flow)
{
	struct offload_up *up = &flow->up;
	bool plenty = offload_is_plenty(&flow->offload->pool, flow->guest);
	uint32_t inflate = plenty ? OFFLOAD_INFLATE : OFFLOAD_INFLATE_SCANT, bytes;

	if (up->deflated)
		return 0;
	up->shown = seq_max(up->shown, seq_max(up->edge, up->acked) + inflate);
	bytes = up->shown - up->acked;
	if (flow->scaled)
		bytes >>= OFFLOAD_SHIFT;
	return (uint16_t)MIN(bytes, UINT16_MAX);
}

/* --- to libslirp --- */

static void deliver(struct offload_flow *flow, const uint8_t *frame, uint32_t len)
{
	const struct frame whole = {frame, len};
	struct packet packet;
	enum drop_reason why;

	if (packet_parse(&packet, &whole, &why))
		flow->offload->ops->deliver(flow->guest->owner, &packet);
}

void offload_up_empty(struct offload_flow *flow, uint32_t seq, uint8_t flags)
{
	struct offload_tcp tcp = offload_down_tell(flow);
	uint8_t frame[OFFLOAD_HEAD_MAX];

	tcp.seq = seq;
	tcp.flags = flags;
	offload_head_write(&flow->up.head, frame, &tcp, 0, 0);
	deliver(flow, frame, flow->up.head.len);
}

void offload_up_pass(struct offload_flow *flow, const struct packet *packet, uint32_t seq)
{
	struct offload_tcp tcp = offload_down_tell(flow);
	struct packet changed = *packet;
	uint8_t *scratch = flow->offload->scratch;

	tcp.seq = seq;
	tcp.flags = packet->tcp_flags;
	memcpy(scratch, packet->frame, packet->len);
	offload_rewrite(scratch, packet->l4, &tcp);
	changed.frame = scratch;
	flow->offload->ops->deliver(flow->guest->owner, &changed);
}

/* Writes headers in front of @segment's data at @frame, and delivers it. */
static void give_frame(struct offload_flow *flow, uint8_t *frame,
		       const struct offload_segment *segment)
{
	struct offload_tcp tcp = offload_down_tell(flow);

	tcp.seq = segment->seq;
	tcp.flags = segment->flags;
	if (!seq_after(segment->seq, flow->up.given))
		flow->up.given = seq_max(flow->up.given, offload_segment_end(segment));
	offload_head_write(&flow->up.head, frame, &tcp, segment->len, segment->sum);
	deliver(flow, frame, flow->up.head.len + segment->len);
}

static struct offload_segment *take_held(struct offload_up *up)
{
	struct offload_segment *segment = list_first(&up->held, struct offload_segment, link);

	list_remove(&segment->link);
	up->n_held--;
	return segment;
}

/* The first @n of what is held as one: each would be a write to libslirp's socket, and that costs
 * more than a copy. */
static void give_held(struct offload_flow *flow, unsigned n)
{
	struct offload_pool *pool = &flow->offload->pool;
	struct offload_up *up = &flow->up;
	uint8_t *data = flow->offload->scratch + up->head.len;
	struct offload_segment *segment = take_held(up), whole = *segment;

	if (n == 1) {
		give_frame(flow, segment->frame, segment);
		offload_segment_free(segment, pool, flow->guest);
		return;
	}
	for (whole.len = 0, whole.sum = 0;; segment = take_held(up)) {
		memcpy(data + whole.len, segment->frame + up->head.len, segment->len);
		whole.sum += whole.len % 2 ? csum_swap(segment->sum) : segment->sum;
		whole.len += segment->len;
		whole.flags |= segment->flags;
		offload_segment_free(segment, pool, flow->guest);
		if (--n == 0)
			break;
	}
	give_frame(flow, flow->offload->scratch, &whole);
}

/* It may come before what is in front of it. */
static void note_fin(struct offload_up *up, uint32_t end)
{
	up->has_fin = true;
	up->fin = end;
}

/* Segments that make a packet for libslirp: it takes IPv6 no longer than its if_mtu (ip6_input.c).
 */
static unsigned together(const struct offload_up *up)
{
	return up->head.v6 ? 1 : UINT16_MAX / OFFLOAD_MSS + 1;
}

static struct offload_segment *last_held(struct offload_up *up)
{
	return container_of(up->held.prev, struct offload_segment, link);
}

/* What was held with a gap in front of it may have none now. */
static void advance(struct offload_up *up)
{
	if (list_empty(&up->held) || !seq_after(offload_segment_end(last_held(up)), up->next))
		return;
	list_for_each (segment, &up->held, struct offload_segment, link) {
		if (!seq_after(segment->seq, up->next))
			up->next = seq_max(up->next, offload_segment_end(segment));
	}
}

/* Where in the order of what is held something from @seq to @end belongs: behind what is returned.
 * NULL: some of it is there already. */
static struct list *place(struct offload_up *up, uint32_t seq, uint32_t end)
{
	struct list *at = up->held.prev;

	for (; at != &up->held; at = at->prev) {
		struct offload_segment *segment = container_of(at, struct offload_segment, link);

		if (!seq_after(segment->seq, seq))
			return seq_after(offload_segment_end(segment), seq) ? NULL : at;
		if (seq_before(segment->seq, end))
			return NULL;
	}
	return at;
}

/* Nothing of it was acknowledged: the guest sends it again. */
static void forget(struct offload_flow *flow, struct offload_segment *segment)
{
	if (seq_after(flow->up.next, segment->seq))
		flow->up.next = segment->seq;
	offload_segment_free(segment, &flow->offload->pool, flow->guest);
}

static void hold(struct offload_flow *flow, struct offload_segment *segment)
{
	struct offload_up *up = &flow->up;
	uint32_t end = offload_segment_end(segment);
	struct list *at = place(up, segment->seq, end);
	/* In front of all, it is about to go on: so does what waits for it. */
	bool goes_on = at == &up->held && !seq_after(offload_segment_data_end(segment), up->edge);

	if (!at || (up->n_held >= HELD_MAX && !goes_on)) {
		forget(flow, segment);
		return;
	}
	list_append(at->next, &segment->link);
	up->n_held++;
	advance(up);
	if (up->probe_at == 0) {
		up->blocked_at = now(flow);
		up->tries = 0;
		up->probe_at = up->blocked_at + PROBE_MIN;
		offload_flow_arm(flow);
	}
}

/* What was being merged waits with the rest, in order. */
static void set_aside(struct offload_flow *flow)
{
	struct offload_segment *segment = flow->up.open;

	if (!segment)
		return;
	flow->up.open = NULL;
	list_remove(&flow->merging_link);
	hold(flow, segment);
}

/* How many of those that are held go to libslirp next, as one. */
static unsigned releasable(const struct offload_up *up)
{
	uint32_t next = 0, len = up->head.len;
	unsigned n = 0;

	list_for_each (segment, &up->held, struct offload_segment, link) {
		len += segment->len;
		if (seq_after(offload_segment_data_end(segment), up->edge) ||
		    (n > 0 && (n == together(up) || segment->seq != next || len > UINT16_MAX)))
			break;
		next = offload_segment_end(segment);
		n++;
	}
	return n;
}

void offload_up_release(struct offload_flow *flow)
{
	struct offload_up *up = &flow->up;
	unsigned n;

	while (!flow->dead && !list_empty(&up->held)) {
		n = releasable(up);
		if (n == 0)
			return;
		up->blocked_at = now(flow);
		up->tries = 0;
		/* Not only when all is gone: there may be a gap, for the guest to fill. */
		flow->say = flow->say || up->deflated;
		up->deflated = false;
		give_held(flow, n);
	}
	up->probe_at = 0;
}

void offload_up_flush(struct offload_flow *flow)
{
	set_aside(flow);
	offload_up_release(flow);
}

/* --- from libslirp --- */

bool offload_up_acked(struct offload_flow *flow, const struct packet *packet)
{
	struct offload_up *up = &flow->up;
	uint32_t ack = packet_ack(packet), edge = ack + packet_window(packet);
	bool news = ack != up->acked || seq_after(edge, up->edge);

	if (seq_before(ack, up->acked))
		return false;
	/* It may have put together what it was given out of order. */
	up->given = seq_max(up->given, ack);
	up->next = seq_max(up->next, ack);
	advance(up);
	up->acked = ack;
	up->edge = seq_max(up->edge, edge);
	if (news && !list_empty(&up->held))
		offload_flow_due(flow);
	return news;
}

void offload_up_timeout(struct offload_flow *flow, usec_t when)
{
	struct offload_up *up = &flow->up;

	up->probe_at = when + MIN(PROBE_MIN << MIN(up->tries, 8), PROBE_MAX);
	up->tries++;
	/* A gap is the guest's to fill. */
	if (list_first(&up->held, struct offload_segment, link)->seq == up->given &&
	    when - up->blocked_at >= DEFLATE_AFTER && !up->deflated) {
		up->deflated = true;
		offload_down_say(flow);
	}
	/* Out of its window, so it answers with what the window is; nobody else hears that. */
	offload_up_empty(flow, up->acked - 1, TCP_FLAG_ACK);
}

/* --- from the guest --- */

static bool nothing_waits(const struct offload_up *up)
{
	return list_empty(&up->held) && !up->open;
}

static void pass_for_reply(struct offload_flow *flow, const struct packet *packet)
{
	if (packet->tcp_flags & TCP_FLAG_FIN && offload_sum_right(packet))
		note_fin(&flow->up, packet_seq(packet) + packet->len - packet->payload + 1);
	flow->up.replies++;
	offload_up_pass(flow, packet, packet_seq(packet));
}

static void take_in_order(struct offload_flow *flow, const struct packet *packet)
{
	struct offload *offload = flow->offload;
	struct offload_up *up = &flow->up;
	uint32_t seq = packet_seq(packet), end = seq + packet->len - packet->payload;
	bool fin = packet->tcp_flags & TCP_FLAG_FIN;

	if (seq_after(end, up->edge + OFFLOAD_INFLATE))
		return; /* more than it was promised */
	if (!up->open && !list_empty(&up->held) && offload_segment_append(last_held(up), packet))
		goto taken;
	if (up->open && offload_segment_append(up->open, packet))
		goto taken;
	set_aside(flow);
	if (up->n_held >= together(up))
		offload_up_release(flow);
	if (flow->dead || seq != up->next)
		return;
	up->open = offload_segment_new(&offload->pool, flow->guest, seq);
	if (!up->open) {
		offload_up_release(flow);
		if (flow->dead || seq_after(end, up->edge) || place(up, seq, end) != &up->held)
			return; /* no room for it now: it comes again */
		up->next = up->given = end + fin;
		if (fin)
			note_fin(up, up->next);
		advance(up);
		offload_up_pass(flow, packet, seq);
		return;
	}
	offload_segment_append(up->open, packet);
	list_append(&offload->merging, &flow->merging_link);
taken:
	up->next = end + fin;
	if (fin)
		note_fin(up, up->next);
	advance(up);
}

/* Behind a gap, beyond libslirp's edge: it waits, that the guest need not send it again. */
static bool hold_early(struct offload_flow *flow, const struct packet *packet)
{
	struct offload_up *up = &flow->up;
	uint32_t seq = packet_seq(packet), end = seq + packet->len - packet->payload;
	struct offload_segment *segment;
	struct list *at = place(up, seq, end);

	if (!at || seq_after(end, up->edge + OFFLOAD_INFLATE) || !offload_segment_takes(packet))
		return false;
	if (packet->tcp_flags & TCP_FLAG_FIN)
		note_fin(up, end + 1);
	if (at != &up->held &&
	    offload_segment_append(container_of(at, struct offload_segment, link), packet))
		return true;
	segment = offload_segment_new(&flow->offload->pool, flow->guest, seq);
	if (!segment)
		return false;
	offload_segment_append(segment, packet);
	hold(flow, segment);
	return true;
}

void offload_up_tell_gap(struct offload_flow *flow)
{
	struct offload_up *up = &flow->up;
	unsigned n = MIN(up->early, EARLY_TOLD);

	if (up->acked != up->next || up->early == 0)
		return;
	up->early = 0;
	if (list_empty(&up->held)) /* it was filled meanwhile */
		return;
	for (; n > 0; n--)
		offload_down_say(flow);
}

/* Came before, or too early. Libslirp puts in order what it may take, and answers. */
static void take_out_of_order(struct offload_flow *flow, const struct packet *packet)
{
	struct offload_up *up = &flow->up;
	uint32_t seq = packet_seq(packet), end = seq + packet->len - packet->payload;

	offload_up_flush(flow);
	if (flow->dead)
		return;
	if (offload_flow_is_done(flow)) {
		offload_down_say(flow);
		return;
	}
	/* What was merged may have filled the gap in front of it. */
	if (seq == up->next && !offload_up_ended(up) && offload_segment_takes(packet)) {
		take_in_order(flow, packet);
		return;
	}
	if (!seq_after(end, up->given) || (nothing_waits(up) && !seq_after(end, up->edge))) {
		pass_for_reply(flow, packet);
		return;
	}
	/* A duplicate acknowledgement says that what it names is lost. That is so only when all
	 * before the gap was acknowledged: until then there is none to be sent. */
	if (seq_after(seq, up->next) && hold_early(flow, packet) && up->acked != up->next) {
		up->early++;
		return;
	}
	offload_down_say(flow); /* this is where we are */
}

void offload_up_take(struct offload_flow *flow, const struct packet *packet)
{
	struct offload_up *up = &flow->up;
	uint32_t seq = packet_seq(packet), len = packet->len - packet->payload;

	if (len == 0 && !(packet->tcp_flags & TCP_FLAG_FIN)) {
		if (seq_before(seq, up->acked)) { /* a keepalive (RFC 9293 3.8.4) */
			pass_for_reply(flow, packet);
		} else if (!offload_down_is_ours(flow) && flow->down.una != flow->down.end) {
			/* Libslirp counts its duplicates, and would take it for lost if it lay
			 * beyond its window. */
			offload_up_pass(flow, packet, up->given);
		}
		return;
	}
	/* What libslirp was given and has not acknowledged it may have dropped. */
	if (seq == up->acked && seq != up->next && nothing_waits(up))
		up->next = up->given = seq;
	if (seq == up->next && !offload_up_ended(up) && offload_segment_takes(packet))
		take_in_order(flow, packet);
	else
		take_out_of_order(flow, packet);
}
