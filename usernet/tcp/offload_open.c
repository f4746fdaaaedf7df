/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/offload_flow.h"

#include <glib.h>

#include "packet/segment.h"

/* How long an unanswered SYN is remembered: over libslirp's 75 s (tcp_timer.h TCPTV_KEEP_INIT). */
#define OPENING (80 * USEC_PER_SEC)
/* What a forwarded connection's segments may be, whatever the guest's MSS: they are split here. */
#define LARGE_MSS OFFLOAD_MSS
#define MSS_MAX   (65535 - 60)

static usec_t now(const struct offload *offload)
{
	return loop_now(offload->loop);
}

/* Both sides' numbers are known. @guest_seq: of the guest's SYN, @window: of libslirp's. */
static void flow_opened(struct offload_flow *flow, uint32_t guest_seq, uint32_t window)
{
	flow->state = OFFLOAD_OPEN;
	flow->end_at = 0;
	flow->down.heard_at = now(flow->offload);
	offload_up_open(&flow->up, guest_seq + 1, guest_seq + 1 + window);
}

static void take_options(struct offload_flow *flow, const struct offload_options *options)
{
	flow->scaled = options->scaled;
	flow->shift = options->shift;
	flow->mss = MIN(options->mss, MSS_MAX);
}

static void note_mss(struct offload_guest *guest, uint16_t mss)
{
	guest->mss = guest->mss ? MIN(guest->mss, mss) : mss;
}

/* The guest accepts a forwarded connection. */
static void guest_accepts(struct offload_flow *flow, const struct packet *packet)
{
	struct offload *offload = flow->offload;
	uint32_t ack = packet_ack(packet), seq = packet_seq(packet);
	struct offload_options options;
	struct packet changed = *packet;

	if (flow->state == OFFLOAD_OPENING && !flow->syn_pending && ack == flow->iss + 1) {
		offload_options_read(&options, packet);
		take_options(flow, &options);
		offload_head_init(&flow->up.head, packet);
		offload_down_open(flow, ack, ack, ack + packet_window(packet));
		flow->down.window_seq = seq;
		flow->down.told_ack = ack;
		flow_opened(flow, seq, flow->syn_window);
	}
	if (flow->state == OFFLOAD_OPEN)
		flow->up.replies++;
	memcpy(offload->scratch, packet->frame, packet->len);
	offload_raise_mss(offload->scratch, packet, LARGE_MSS);
	changed.frame = offload->scratch;
	offload->ops->deliver(flow->guest->owner, &changed);
}

void offload_syn_from_guest(struct offload *offload, struct offload_guest *guest,
			    struct offload_flow *flow, const struct offload_key *key,
			    const struct packet *packet)
{
	struct offload_options options;

	offload_options_read(&options, packet);
	note_mss(guest, options.mss);
	if (offload->off) {
		offload->ops->deliver(guest->owner, packet);
		return;
	}
	if (packet->tcp_flags & TCP_FLAG_ACK && flow) {
		guest_accepts(flow, packet);
		return;
	}
	/* It goes to another libslirp than the old one did (shards.h): that one hears of its end.
	 */
	if (flow && flow->guest != guest)
		offload_flow_abort(flow);
	else if (flow && flow->state == OFFLOAD_DONE)
		offload_flow_kill(flow);
	if (flow && flow->dead)
		flow = NULL;
	if (!flow && !(packet->tcp_flags & TCP_FLAG_ACK))
		flow = offload_flow_new(offload, guest, key);
	if (flow) {
		/* Of an open one libslirp thinks what it likes: only its answer changes that. */
		flow->syn_pending = true;
		flow->syn_seq = packet_seq(packet);
		flow->syn_window = packet_window(packet);
		flow->syn_options = options;
		/* It does not take it, perhaps, and says where the old one is: so that the guest
		 * resets that (RFC 5961 4.2). */
		if (flow->state == OFFLOAD_OPEN)
			flow->up.replies++;
		if (flow->state == OFFLOAD_OPENING) {
			offload_head_init(&flow->up.head, packet);
			flow->end_at = now(offload) + OPENING;
			offload_flow_arm(flow);
		}
	}
	offload->ops->deliver(guest->owner, packet);
}

/* Libslirp accepts the guest's connection. */
static void slirp_accepts(struct offload_flow *flow, const struct packet *packet)
{
	uint32_t seq = packet_seq(packet);

	offload_up_clear(flow);
	offload_down_clear(flow);
	flow->syn_pending = false;
	flow->iss = seq;
	take_options(flow, &flow->syn_options);
	offload_head_init(&flow->down.head, packet);
	offload_down_open(flow, seq, seq + 1, seq + 1 + flow->syn_window);
	flow->down.window_seq = flow->syn_seq;
	flow->down.timed_end = seq + 1;
	flow->down.timed_at = now(flow->offload);
	flow_opened(flow, flow->syn_seq, packet_window(packet));
}

void offload_syn_to_guest(struct offload *offload, struct offload_guest *guest,
			  struct offload_flow *flow, const struct offload_key *key,
			  const struct packet *packet)
{
	uint32_t seq = packet_seq(packet);
	bool scaled = true;

	if (packet->tcp_flags & TCP_FLAG_ACK) {
		if (flow && flow->syn_pending && packet_ack(packet) == flow->syn_seq + 1)
			slirp_accepts(flow, packet);
		scaled = flow && flow->state == OFFLOAD_OPEN && flow->scaled && seq == flow->iss;
	} else if (!flow || flow->state != OFFLOAD_OPENING || flow->iss != seq) {
		/* The guest first has to get all of the old one. Libslirp asks again. */
		if (flow && offload_flow_is_done(flow) && flow->down.una != flow->down.end)
			return;
		if (flow)
			offload_flow_kill(flow);
		flow = offload_flow_new(offload, guest, key);
		if (flow) {
			flow->iss = seq;
			flow->syn_window = packet_window(packet);
			offload_head_init(&flow->down.head, packet);
			flow->end_at = now(offload) + OPENING;
			offload_flow_arm(flow);
		}
		scaled = flow != NULL;
	}
	if (scaled)
		offload_put_scaled_syn(packet, OFFLOAD_SHIFT, offload->outbox);
	else
		segment_packet(packet, 0, UINT16_MAX, offload->outbox);
}
