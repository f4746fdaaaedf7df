/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/offload.h"

#include <glib.h>

#include "packet/segment.h"
#include "tcp/offload_flow.h"

/*
 * Theory of operation
 *
 * Libslirp's TCP knows no window scaling, no SACK and no timestamps; 64 KB are in flight at most,
 * and guest and daemon take turns to wait for one another. Every packet costs it two passes over
 * the bytes, a buffer and a walk through its machine. So a connection is cut in two here, as little
 * as will do: sequence numbers stay, both ends still speak to one another, but each is shown more
 * than the other has, and libslirp sees few large packets.
 *
 *        guest                        offload                           libslirp
 *                    ┌──────────────────────────────────────────────┐
 *      small         │  up     merge ──► hold ─ ─ when the edge ─ ─►│  one large segment a turn,
 *      segments ────►│       (segment)  (beyond    moves            │  never beyond its window
 *                    │                   edge)                      │
 *      window        │                                              │
 *      +   1 MB ◄────│◄──────────── acknowledgement, edge ◄─────────│  64 KB window
 *                    │                                              │
 *      segments of   │  down                          ┌─────────────│◄ large segments
 *      its MSS ◄─────│◄── pump ◄── ring until acknowledged          │
 *                    │                 ▲              └────────────►│  acknowledged at once,
 *      acknow-  ────►│─────────────────┘                            │  as far as the ring has room
 *      ledgement     └──────────────────────────────────────────────┘
 *
 * Opening (offload_open.c). Windows are scaled if the guest's SYN asks for it, or its SYN,ACK
 * accepts what was put into libslirp's SYN. No other option is ever agreed upon, so none comes.
 * SACK would be: but a guest that has it counts no duplicate acknowledgement that does not carry
 * it, and libslirp's do not; loss on the way up would wait for a timeout each time.
 *
 * Up (offload_up.c). Nothing is acknowledged that libslirp has not acknowledged, so what is held
 * may be dropped at any time, and a reset may overtake it. What the guest is shown is libslirp's
 * right edge and 1 MB; what ends beyond the edge is held, behind a gap too. Libslirp moves the
 * edge when its socket takes more; if it does not, an empty segment from before its window makes it
 * say where the edge is, and that answer is for us alone: of answers that bring nothing new the
 * guest hears only those to what was passed on for the sake of the answer (offload_up::replies).
 * The guest's segments lie beyond libslirp's window, their acknowledgements too: so libslirp hears
 * of those in segments of our own, from where it is.
 *
 * Down (offload_down.c). What libslirp sends is kept in the ring before it is told so; what it was
 * told it forgets, its FIN included. From there on we are the sender: the guest's window, duplicate
 * acknowledgements (RFC 6582, without a congestion window: the wire to the guest is not shared), a
 * retransmission timer (RFC 6298), a closed window. Without room in the budget nothing is kept: the
 * segment is split and passed, libslirp hears the guest's own acknowledgements and sends again
 * itself; once everything before some byte has been acknowledged, keeping may begin there.
 *
 * End. When libslirp has acknowledged the guest's FIN, and has been told that the guest has its
 * own, it may forget the connection. Then everything from the guest is answered here, until it has
 * acknowledged what is kept. A reset passes at once, either way, with the number that its receiver
 * must see to believe it (RFC 5961 3.2), and ends all.
 *
 * When. A turn's packets from guests only fill merges and rings; offload_flush() gives and
 * acknowledges, round after round until neither makes libslirp say more. So libslirp is never
 * called from within its callbacks, and one acknowledgement stands for a whole turn.
 *
 * Memory is in blocks of 17 KB from a pool, charged to the guest's port before a ring's window is
 * promised; nothing is allocated for a frame. A hold is charged as it grows: with a quarter of the
 * memory taken guests are shown 256 KB instead of 1 MB, and what finds none is dropped.
 */

struct offload *offload_new(struct loop *loop, struct outbox *outbox, const struct offload_ops *ops,
			    void *data, bool off)
{
	struct offload *offload = g_new0(struct offload, 1);

	offload->off = off;
	offload->loop = loop;
	offload->outbox = outbox;
	offload->ops = ops;
	offload->ops_data = data;
	offload_pool_init(&offload->pool, OFFLOAD_BYTES, OFFLOAD_PORT_BYTES);
	offload_table_init(offload);
	return offload;
}

void offload_free(struct offload *offload)
{
	offload_table_fini(offload);
	offload_pool_fini(&offload->pool);
	g_free(offload);
}

void offload_guest_init(struct offload_guest *guest, void *owner)
{
	*guest = (struct offload_guest){.owner = owner};
	list_init(&guest->flows);
}

void offload_guest_set_share(struct offload_guest *guest, struct offload_share *share)
{
	if (guest->share) {
		guest->share->blocks -= guest->blocks;
		guest->share->n_flows -= guest->n_flows;
	}
	guest->share = share;
	if (share) {
		share->blocks += guest->blocks;
		share->n_flows += guest->n_flows;
	}
}

uint64_t offload_bytes(const struct offload *offload)
{
	return (uint64_t)offload->pool.charged * OFFLOAD_BLOCK_SIZE;
}

unsigned offload_n_flows(const struct offload *offload)
{
	return offload->n_flows;
}

/* --- from the guest --- */

/* It must lie where libslirp awaits it to be believed, in front of what is held. */
static void reset_from_guest(struct offload_flow *flow, const struct packet *packet)
{
	const struct offload_up *up = &flow->up;
	uint32_t seq = packet_seq(packet);

	offload_up_flush(flow);
	if (flow->dead)
		return;
	if (flow->state == OFFLOAD_OPEN && !seq_before(seq, up->acked) &&
	    !seq_after(seq, seq_max(up->next, up->edge + OFFLOAD_INFLATE))) {
		offload_up_empty(flow, up->given, packet->tcp_flags);
		offload_flow_kill(flow);
		return;
	}
	flow->offload->ops->deliver(flow->guest->owner, packet);
	if (flow->state != OFFLOAD_OPEN)
		offload_flow_kill(flow);
}

/* Libslirp has nothing to do with it any more. */
static void take_after_end(struct offload_flow *flow, const struct packet *packet)
{
	if (flow->down.una == flow->down.end)
		offload_flow_kill(flow);
	else if (packet->len > packet->payload || packet_seq(packet) != flow->up.next)
		offload_down_say(flow);
}

static void flow_from_guest(struct offload_flow *flow, const struct packet *packet)
{
	struct offload *offload = flow->offload;
	bool empty = packet->len == packet->payload;

	if (packet->tcp_flags & TCP_FLAG_RST) {
		reset_from_guest(flow, packet);
		return;
	}
	if (flow->state == OFFLOAD_OPENING || !(packet->tcp_flags & TCP_FLAG_ACK)) {
		offload->ops->deliver(flow->guest->owner, packet);
		return;
	}
	/* Who lets go what was kept must have read it right. Data alone libslirp will look at. */
	if ((empty || packet_ack(packet) != flow->down.una) && !offload_sum_right(packet)) {
		offload->ops->deliver(flow->guest->owner, packet);
		return;
	}
	if (!offload_down_acked(flow, packet)) {
		offload_down_say(flow); /* RFC 9293 3.10.7.4: acknowledges what was not sent */
		return;
	}
	/* The guest may have moved, and libslirp have nothing more to say. */
	memcpy(flow->down.head.bytes, packet->frame + MAC_LEN, MAC_LEN);
	if (offload_flow_is_done(flow)) {
		take_after_end(flow, packet);
		if (!flow->dead)
			offload_flow_due(flow);
		return;
	}
	offload_flow_due(flow);
	offload_up_take(flow, packet);
}

void offload_from_guest(struct offload *offload, struct offload_guest *guest,
			const struct packet *packet)
{
	struct offload_key key = {packet->src, packet->dst, packet->sport, packet->dport};
	struct offload_flow *flow;

	if (packet->proto != IPPROTO_TCP || packet->fragment) {
		offload->ops->deliver(guest->owner, packet);
		return;
	}
	/* Nothing is concluded from what libslirp will not read. */
	if (packet->tcp_flags & (TCP_FLAG_SYN | TCP_FLAG_RST) && !offload_sum_right(packet)) {
		offload->ops->deliver(guest->owner, packet);
		return;
	}
	flow = offload->n_flows ? offload_find(offload, &key) : NULL;
	/* With both it is a reset (RFC 9293 3.10.7). */
	if ((packet->tcp_flags & (TCP_FLAG_SYN | TCP_FLAG_RST)) == TCP_FLAG_SYN)
		offload_syn_from_guest(offload, guest, flow, &key, packet);
	else if (flow)
		flow_from_guest(flow, packet);
	else
		offload->ops->deliver(guest->owner, packet);
}

/* --- from libslirp --- */

static void reset_to_guest(struct offload_flow *flow, const struct packet *packet)
{
	struct offload *offload = flow->offload;
	uint32_t seq = packet_seq(packet);
	uint8_t *frame = outbox_reserve(offload->outbox, packet->len);

	if (frame) {
		struct offload_tcp tcp = {
			/* The guest awaits what it was not sent. */
			.seq = seq == flow->down.end ? flow->down.top : seq,
			.ack = packet_ack(packet),
			.window = packet_window(packet),
			.flags = packet->tcp_flags,
		};

		memcpy(frame, packet->frame, packet->len);
		offload_rewrite(frame, packet->l4, &tcp);
		outbox_commit(offload->outbox, packet->len);
	}
	offload_flow_kill(flow);
}

static void flow_to_guest(struct offload_flow *flow, const struct packet *packet)
{
	bool news;

	if (packet->tcp_flags & TCP_FLAG_RST) {
		reset_to_guest(flow, packet);
		return;
	}
	if (flow->state != OFFLOAD_OPEN)
		return; /* its last words; we have them */
	memcpy(flow->down.head.bytes, packet->frame, MAC_LEN);
	news = offload_up_acked(flow, packet);
	if (news) {
		flow->say = true;
		offload_flow_due(flow);
	}
	if (packet->len > packet->payload || packet->tcp_flags & TCP_FLAG_FIN) {
		offload_down_take(flow, packet);
	} else if (!news && flow->up.replies > 0) {
		flow->up.replies--;
		offload_down_say(flow);
	}
}

/* What has no flow: cut to what the guest takes. */
static void plain_to_guest(struct offload *offload, const struct offload_guest *guest, unsigned mtu,
			   const uint8_t *frame, size_t len, const struct packet *packet)
{
	uint8_t *room;

	/* A guest that announces a large MSS has a large MTU, told so or not. */
	if (guest->mss + 40u > mtu)
		mtu = MIN(guest->mss + 40u, 65535);
	if (packet && (len > ETH_HEADER + mtu || (guest->mss && len > guest->mss + 54u))) {
		segment_packet(packet, guest->mss, mtu, offload->outbox);
		return;
	}
	room = outbox_reserve(offload->outbox, len);
	if (!room)
		return;
	memcpy(room, frame, len);
	outbox_commit(offload->outbox, len);
}

static bool opens(const struct packet *packet)
{
	return (packet->tcp_flags & (TCP_FLAG_SYN | TCP_FLAG_ACK)) == TCP_FLAG_SYN;
}

void offload_to_guest(struct offload *offload, struct offload_guest *guest, unsigned mtu,
		      const uint8_t *frame, size_t len)
{
	const struct frame whole = {frame, (uint32_t)len};
	struct packet packet;
	enum drop_reason why;
	struct offload_flow *flow = NULL;
	bool tcp;

	if (!packet_parse(&packet, &whole, &why)) {
		plain_to_guest(offload, guest, mtu, frame, len, NULL);
		return;
	}
	tcp = packet.proto == IPPROTO_TCP && !packet.fragment && !offload->off;
	if (tcp) {
		struct offload_key key = {packet.dst, packet.src, packet.dport, packet.sport};

		flow = offload->n_flows ? offload_find(offload, &key) : NULL;
		/* What another libslirp has left of a connection whose name is used anew. */
		if (flow && flow->guest != guest && !opens(&packet))
			return;
		if (packet.tcp_flags & TCP_FLAG_SYN) {
			offload_syn_to_guest(offload, guest, flow, &key, &packet);
			return;
		}
	}
	if (flow && flow->state != OFFLOAD_OPENING) {
		flow_to_guest(flow, &packet);
		return;
	}
	if (flow && packet.tcp_flags & TCP_FLAG_RST)
		offload_flow_kill(flow);
	plain_to_guest(offload, guest, mtu, frame, len, &packet);
}

/* --- the turn --- */

/* Has everything been said? */
static void look_for_end(struct offload_flow *flow)
{
	struct offload_down *down = &flow->down;

	if (offload_flow_is_done(flow) && down->una == down->end)
		offload_flow_kill(flow);
	else if (down->ended && down->una == down->end && flow->end_at == 0) {
		flow->end_at = down->heard_at + OFFLOAD_HALF_OPEN;
		offload_flow_arm(flow);
	}
}

static void serve(struct offload_flow *flow)
{
	if (!offload_flow_is_done(flow))
		offload_up_release(flow);
	if (!flow->dead)
		offload_down_pump(flow);
	if (!flow->dead && !offload_flow_is_done(flow) && offload_down_has_news(flow))
		offload_up_empty(flow, flow->up.given, TCP_FLAG_ACK);
	if (!flow->dead && flow->say)
		offload_down_say(flow);
	if (!flow->dead)
		offload_up_tell_gap(flow);
	if (!flow->dead)
		look_for_end(flow);
}

void offload_flush(struct offload *offload)
{
	while (!list_empty(&offload->merging) || !list_empty(&offload->due)) {
		while (!list_empty(&offload->merging)) {
			struct offload_flow *flow =
				list_first(&offload->merging, struct offload_flow, merging_link);

			offload_up_flush(flow);
		}
		if (!list_empty(&offload->due)) {
			struct offload_flow *flow =
				list_first(&offload->due, struct offload_flow, due_link);

			list_remove(&flow->due_link);
			serve(flow);
		}
	}
	offload_reap(offload);
}

void offload_forget(struct offload *offload, struct offload_guest *guest)
{
	while (!list_empty(&guest->flows))
		offload_flow_kill(list_first(&guest->flows, struct offload_flow, guest_link));
	offload_reap(offload);
}
