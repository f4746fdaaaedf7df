/* SPDX-License-Identifier: BSD-3-Clause */
#include "conntrack/flow.h"

#include <glib.h>

#define ICMP_ECHO_REPLY    0 /* RFC 792 */
#define ICMP_ECHO_REQUEST  8
#define ICMP6_ECHO_REQUEST 128 /* RFC 4443 4.1 */
#define ICMP6_ECHO_REPLY   129
#define PORT_DNS           53
/* How far from what is awaited libslirp, or what offload makes of its window, takes a reset. */
#define RESET_SLACK (2 << 20)

static const char *const state_names[] = {
	[FLOW_SYN_SENT] = "SYN_SENT",
	[FLOW_SYN_RECEIVED] = "SYN_RECEIVED",
	[FLOW_ESTABLISHED] = "ESTABLISHED",
	[FLOW_FIN_WAIT_1] = "FIN_WAIT_1",
	[FLOW_FIN_WAIT_2] = "FIN_WAIT_2",
	[FLOW_CLOSE_WAIT] = "CLOSE_WAIT",
	[FLOW_CLOSING] = "CLOSING",
	[FLOW_LAST_ACK] = "LAST_ACK",
	[FLOW_TIME_WAIT] = "TIME_WAIT",
	[FLOW_CLOSED] = "CLOSED",
	[FLOW_STATELESS] = NULL,
};
_Static_assert(G_N_ELEMENTS(state_names) == FLOW_N_STATES, "a name for every state");

bool flow_key_of(struct flow_key *key, const struct packet *packet, enum flow_way way)
{
	bool out = way == FLOW_FROM_GUEST;

	if (packet->fragment)
		return false;
	*key = (struct flow_key){
		.guest = out ? packet->src : packet->dst,
		.peer = out ? packet->dst : packet->src,
		.proto = packet->proto,
	};
	switch (packet->proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		key->guest_port = out ? packet->sport : packet->dport;
		key->peer_port = out ? packet->dport : packet->sport;
		return true;
	case IPPROTO_ICMP:
		if (ICMP_TYPE(packet) != (out ? ICMP_ECHO_REQUEST : ICMP_ECHO_REPLY))
			return false;
		break;
	case IPPROTO_ICMPV6:
		if (ICMP_TYPE(packet) != (out ? ICMP6_ECHO_REQUEST : ICMP6_ECHO_REPLY))
			return false;
		break;
	default:
		return false;
	}
	key->guest_port = packet_u16(packet->frame + packet->l4 + 4);
	return true;
}

bool flow_key_equal(const struct flow_key *a, const struct flow_key *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* a < b in sequence numbers (RFC 9293 3.4). */
static bool before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static uint8_t open_state(const struct flow *flow)
{
	const struct flow_tcp *tcp = &flow->tcp;

	if (tcp->reset)
		return FLOW_CLOSED;
	if (tcp->guest_ended && tcp->peer_ended) {
		if (tcp->guest_ended_first)
			return tcp->guest_end_acked ? FLOW_TIME_WAIT : FLOW_CLOSING;
		return tcp->guest_end_acked ? FLOW_CLOSED : FLOW_LAST_ACK;
	}
	if (tcp->guest_ended)
		return tcp->guest_end_acked ? FLOW_FIN_WAIT_2 : FLOW_FIN_WAIT_1;
	return tcp->peer_ended ? FLOW_CLOSE_WAIT : FLOW_ESTABLISHED;
}

/*
 * A reset by the guest ends the flow where libslirp would believe it. One of libslirp's ends it in
 * any case; if it was about another connection, the next segment shows it (see below).
 */
static bool believes_reset(const struct flow_tcp *tcp, uint32_t seq, enum flow_way way)
{
	int32_t off = (int32_t)(seq - tcp->peer_ack);

	return way == FLOW_TO_GUEST || !tcp->peer_acked ||
	       (off > -RESET_SLACK && off < RESET_SLACK);
}

static void guest_sent(struct flow_tcp *tcp, uint32_t next, uint32_t ack, uint8_t flags)
{
	bool fin = flags & TCP_FLAG_FIN;

	if (flags & TCP_FLAG_ACK && tcp->peer_ended && !before(ack, tcp->peer_next))
		tcp->peer_end_acked = true;
	if (!tcp->guest_began || before(tcp->guest_next, next))
		tcp->guest_next = next;
	tcp->guest_began = true;
	if (!fin || tcp->guest_ended)
		return;
	tcp->guest_ended = true;
	tcp->guest_ended_first = !tcp->peer_ended;
	tcp->guest_fin = next;
}

static void peer_sent(struct flow_tcp *tcp, uint32_t next, uint32_t ack, uint8_t flags)
{
	if (!tcp->peer_began || before(tcp->peer_next, next))
		tcp->peer_next = next;
	if (flags & TCP_FLAG_ACK) {
		if (!tcp->peer_acked || before(tcp->peer_ack, ack))
			tcp->peer_ack = ack;
		tcp->peer_acked = true;
	}
	tcp->peer_began = true;
	if (flags & TCP_FLAG_FIN)
		tcp->peer_ended = true;
	if (flags & TCP_FLAG_ACK && tcp->guest_ended && !before(ack, tcp->guest_fin))
		tcp->guest_end_acked = true;
}

void flow_tcp_seen(struct flow *flow, const struct packet *packet, enum flow_way way)
{
	struct flow_tcp *tcp = &flow->tcp;
	const uint8_t *header = packet->frame + packet->l4;
	uint32_t seq = packet_u32(header + 4), ack = packet_u32(header + 8), next;
	uint8_t flags = packet->tcp_flags;

	if (flags & TCP_FLAG_RST) {
		if (believes_reset(tcp, seq, way))
			tcp->reset = true;
		flow->state = tcp->reset ? FLOW_CLOSED : flow->state;
		return;
	}
	/* libslirp goes on with it, so it did not believe the reset. */
	if (way == FLOW_TO_GUEST)
		tcp->reset = false;
	next = seq + (packet->len - packet->payload) + !!(flags & TCP_FLAG_SYN) +
	       !!(flags & TCP_FLAG_FIN);
	if (way == FLOW_FROM_GUEST)
		guest_sent(tcp, next, ack, flags);
	else
		peer_sent(tcp, next, ack, flags);
	if (flow_is_syn(packet))
		return; /* the state it was opened in */
	/* SYN and ACK: to the guest they open it; by the guest they wait for their ACK. */
	if (flow->state == FLOW_SYN_SENT && way == FLOW_FROM_GUEST)
		return;
	if (flow->state == FLOW_SYN_RECEIVED &&
	    (way == FLOW_FROM_GUEST || !tcp->guest_began || !(flags & TCP_FLAG_ACK)))
		return;
	flow->state = open_state(flow);
}

enum flow_class flow_class_of(const struct flow *flow)
{
	switch ((enum flow_state)flow->state) {
	case FLOW_STATELESS:
		if (flow->cut)
			return FLOW_CLASS_CLOSED;
		return flow->key.proto == IPPROTO_UDP && flow->key.peer_port == PORT_DNS &&
				       flow->count[FLOW_TO_GUEST].packets
			       ? FLOW_CLASS_ANSWERED
			       : FLOW_CLASS_DATAGRAMS;
	case FLOW_SYN_SENT:
	case FLOW_SYN_RECEIVED:
		return FLOW_CLASS_OPENING;
	case FLOW_ESTABLISHED:
	case FLOW_FIN_WAIT_2: /* libslirp's own CLOSE_WAIT, which waits for the host's program */
		return FLOW_CLASS_HELD;
	case FLOW_TIME_WAIT:
	case FLOW_CLOSED:
		return FLOW_CLASS_CLOSED;
	default:
		return FLOW_CLASS_CLOSING;
	}
}

const char *flow_state_name(enum flow_state state)
{
	return state_names[state];
}

const char *flow_opener_name(enum flow_opener opener)
{
	static const char *const names[] = {"guest", "forward", "peer"};

	return names[opener];
}

const char *flow_protocol_name(const struct flow *flow)
{
	switch (flow->key.proto) {
	case IPPROTO_TCP:
		return "TCP";
	case IPPROTO_UDP:
		return "UDP";
	case IPPROTO_ICMP:
		return "ICMP";
	default:
		return "ICMPv6";
	}
}
