/* SPDX-License-Identifier: BSD-3-Clause */
#include "conntrack/conn.h"

#include <glib.h>

#define ICMP_ECHO_REPLY    0 /* RFC 792 */
#define ICMP_ECHO_REQUEST  8
#define ICMP6_ECHO_REQUEST 128 /* RFC 4443 4.1 */
#define ICMP6_ECHO_REPLY   129
#define PORT_DNS           53
/* A reset at most this far from the expected sequence number may reset libslirp's connection. */
#define RESET_SLACK (2 << 20)

static const char *const state_names[] = {
	[CONN_SYN_SENT] = "SYN_SENT",
	[CONN_SYN_RECEIVED] = "SYN_RECEIVED",
	[CONN_ESTABLISHED] = "ESTABLISHED",
	[CONN_FIN_WAIT_1] = "FIN_WAIT_1",
	[CONN_FIN_WAIT_2] = "FIN_WAIT_2",
	[CONN_CLOSE_WAIT] = "CLOSE_WAIT",
	[CONN_CLOSING] = "CLOSING",
	[CONN_LAST_ACK] = "LAST_ACK",
	[CONN_TIME_WAIT] = "TIME_WAIT",
	[CONN_CLOSED] = "CLOSED",
	[CONN_STATELESS] = NULL,
};
_Static_assert(G_N_ELEMENTS(state_names) == CONN_N_STATES, "a name for every state");

bool conn_key_of(struct conn_key *key, const struct packet *packet, enum conn_way way)
{
	bool out = way == CONN_FROM_GUEST;

	if (packet->fragment)
		return false;
	*key = (struct conn_key){
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

bool conn_key_equal(const struct conn_key *a, const struct conn_key *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* a < b in sequence numbers (RFC 9293 3.4). */
static bool before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static uint8_t open_state(const struct conn *conn)
{
	const struct conn_tcp *tcp = &conn->ends;

	if (tcp->reset)
		return CONN_CLOSED;
	if (tcp->guest_ended && tcp->peer_ended) {
		if (tcp->guest_ended_first)
			return tcp->guest_end_acked ? CONN_TIME_WAIT : CONN_CLOSING;
		return tcp->guest_end_acked ? CONN_CLOSED : CONN_LAST_ACK;
	}
	if (tcp->guest_ended)
		return tcp->guest_end_acked ? CONN_FIN_WAIT_2 : CONN_FIN_WAIT_1;
	return tcp->peer_ended ? CONN_CLOSE_WAIT : CONN_ESTABLISHED;
}

/*
 * A guest's reset ends the conn if libslirp would accept it. A reset by libslirp always ends it; if
 * it was about another connection, the next segment shows that (see below).
 */
static bool believes_reset(const struct conn_tcp *tcp, uint32_t seq, enum conn_way way)
{
	int32_t off = (int32_t)(seq - tcp->peer_ack);

	return way == CONN_TO_GUEST || !tcp->peer_acked ||
	       (off > -RESET_SLACK && off < RESET_SLACK);
}

static void guest_sent(struct conn_tcp *tcp, uint32_t next, uint32_t ack, uint8_t flags)
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

static void peer_sent(struct conn_tcp *tcp, uint32_t next, uint32_t ack, uint8_t flags)
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

void conn_tcp_seen(struct conn *conn, const struct packet *packet, enum conn_way way)
{
	struct conn_tcp *tcp = &conn->ends;
	const uint8_t *header = packet->frame + packet->l4;
	uint32_t seq = packet_u32(header + 4), ack = packet_u32(header + 8), next;
	uint8_t flags = packet->tcp_flags;

	if (flags & TCP_FLAG_RST) {
		if (believes_reset(tcp, seq, way))
			tcp->reset = true;
		conn->state = tcp->reset ? CONN_CLOSED : conn->state;
		return;
	}
	/* libslirp continues the connection, so it ignored the reset. */
	if (way == CONN_TO_GUEST)
		tcp->reset = false;
	next = seq + (packet->len - packet->payload) + !!(flags & TCP_FLAG_SYN) +
	       !!(flags & TCP_FLAG_FIN);
	if (way == CONN_FROM_GUEST)
		guest_sent(tcp, next, ack, flags);
	else
		peer_sent(tcp, next, ack, flags);
	if (conn_is_syn(packet))
		return; /* keep the initial state */
	/* SYN,ACK to the guest establishes the conn; a guest's SYN,ACK waits for the ACK to it. */
	if (conn->state == CONN_SYN_SENT && way == CONN_FROM_GUEST)
		return;
	if (conn->state == CONN_SYN_RECEIVED &&
	    (way == CONN_FROM_GUEST || !tcp->guest_began || !(flags & TCP_FLAG_ACK)))
		return;
	conn->state = open_state(conn);
}

enum conn_class conn_class_of(const struct conn *conn)
{
	switch ((enum conn_state)conn->state) {
	case CONN_STATELESS:
		if (conn->cut)
			return CONN_CLASS_CLOSED;
		return conn->key.proto == IPPROTO_UDP && conn->key.peer_port == PORT_DNS &&
				       conn->count[CONN_TO_GUEST].packets
			       ? CONN_CLASS_ANSWERED
			       : CONN_CLASS_DATAGRAMS;
	case CONN_SYN_SENT:
	case CONN_SYN_RECEIVED:
		return CONN_CLASS_OPENING;
	case CONN_ESTABLISHED:
	case CONN_FIN_WAIT_2: /* libslirp is in CLOSE_WAIT until the host's program closes */
		return CONN_CLASS_HELD;
	case CONN_TIME_WAIT:
	case CONN_CLOSED:
		return CONN_CLASS_CLOSED;
	default:
		return CONN_CLASS_CLOSING;
	}
}

const char *conn_state_name(enum conn_state state)
{
	return state_names[state];
}

const char *conn_opener_name(enum conn_opener opener)
{
	static const char *const names[] = {"guest", "forward", "peer"};

	return names[opener];
}

const char *conn_protocol_name(const struct conn *conn)
{
	switch (conn->key.proto) {
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
