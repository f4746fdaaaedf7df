/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TESTS_OFFLOADPEER_H
#define USERNET_TESTS_OFFLOADPEER_H

#include "offloadend.h"

/*
 * libslirps that keep to what libslirp does, for guests that keep to nothing (test_offload_fuzz.c),
 * and say at once what they may not be told: bytes that are not what they should be, or beyond the
 * window, acknowledgements of what was not sent, a call from within a callback.
 */
#define KEYS   3
#define OWNERS 2
#define AHEAD  65536

/* libslirp's end. */
struct peer {
	bool open, connecting, guest_ended, ended;
	uint32_t irs, rcv_nxt, edge;
	uint32_t iss, una, nxt, guest_edge;
	uint8_t ahead[AHEAD]; /* 1: the byte at rcv_nxt + i is there; 2: the FIN */
};

struct owner {
	struct offload_guest guest;
	struct peer peers[KEYS];
};

static GRand *dice;
static struct loop *loop;
static struct chunk_pool *pool;
static struct outbox outbox;
static struct port port;
static struct offload *offload;
static struct owner owners[OWNERS];
static struct ends keys[KEYS];
static uint32_t guest_base[KEYS], guest_heard[KEYS]; /* about where each side is */
static bool in_callback, blocked;
static unsigned n_delivered, n_wakes, taken;
static struct offload_share share;
static uint32_t seed_now;

static uint32_t below(uint32_t n)
{
	return n ? (uint32_t)g_rand_int(dice) % n : 0;
}

static bool once_in(uint32_t n)
{
	return below(n) == 0;
}

static uint8_t byte_at(unsigned key, bool up, uint32_t seq)
{
	return (uint8_t)(seq * 31 + (seq >> 8) * 7 + key * 50 + up * 3);
}

static unsigned key_of(const struct packet *p, bool from_guest)
{
	uint16_t port_of_guest = from_guest ? p->sport : p->dport;

	return port_of_guest - flow4.sport;
}

/* --- libslirp --- */

static void check_bytes(const struct packet *p, unsigned key, bool up)
{
	uint32_t seq = packet_seq(p) + !!(p->tcp_flags & TCP_FLAG_SYN);

	for (uint32_t i = 0; i < p->len - p->payload; i++) {
		uint8_t is = p->frame[p->payload + i], due = byte_at(key, up, seq + i);

		if (is != due)
			ck_abort_msg("seed %u: byte %u of %s %u is %u in place of %u", seed_now,
				     seq + i, up ? "up" : "down", key, is, due);
	}
}

static void peer_say(struct owner *owner, unsigned key, uint32_t seq, uint8_t flags, uint32_t len)
{
	static uint8_t frame[70000], bytes[20000];
	struct peer *peer = &owner->peers[key];
	struct ends back = {keys[key].v6, keys[key].dst, keys[key].src, keys[key].dport,
			    keys[key].sport};
	const uint8_t mss[4] = {2, 4, 0x3e, 0xbc};
	uint32_t window;
	uint16_t from, to;
	uint8_t *tcp;
	size_t n;

	/* What was promised stays so; it opens as the host reads. */
	if (!once_in(3))
		peer->edge = seq_max(peer->edge, peer->rcv_nxt + below(65536));
	window = peer->edge - peer->rcv_nxt;
	for (uint32_t i = 0; i < len; i++)
		bytes[i] = byte_at(key, false, seq + i);
	n = put_tcp(frame, &back, seq, peer->rcv_nxt, flags, mss, flags & TCP_FLAG_SYN ? 4 : 0,
		    bytes, len);
	tcp = frame + ETH_HEADER + (back.v6 ? 40 : 20);
	memcpy(&from, tcp + 14, 2);
	packet_put16(tcp + 14, (uint16_t)window);
	memcpy(&to, tcp + 14, 2);
	csum_update16(tcp + 16, from, to);
	in_callback = true;
	offload_to_guest(offload, &owner->guest, 1500, frame, n);
	in_callback = false;
}

static void peer_open(struct peer *peer, uint32_t irs)
{
	memset(peer, 0, sizeof(*peer));
	peer->open = true;
	peer->iss = g_rand_int(dice);
	peer->una = peer->iss;
	peer->nxt = peer->guest_edge = peer->iss + 1;
	peer->irs = irs;
	peer->rcv_nxt = irs + 1;
	peer->edge = peer->rcv_nxt;
}

static void peer_take_data(struct peer *peer, const struct packet *p)
{
	uint32_t seq = packet_seq(p), len = p->len - p->payload, got = 0;

	if (peer->guest_ended)
		return;
	for (uint32_t i = 0; i < len; i++) {
		uint32_t at = seq + i;

		if (!seq_before(at, peer->rcv_nxt) && seq_before(at, peer->edge))
			peer->ahead[at - peer->rcv_nxt] |= 1;
	}
	if (p->tcp_flags & TCP_FLAG_FIN && !seq_before(seq + len, peer->rcv_nxt) &&
	    seq_before(seq + len, peer->edge))
		peer->ahead[seq + len - peer->rcv_nxt] |= 2;
	while (got < AHEAD && peer->ahead[got] == 1)
		got++;
	if (got < AHEAD && peer->ahead[got] & 2 && !peer->guest_ended) {
		peer->guest_ended = true;
		got++;
	}
	if (got == 0)
		return;
	memmove(peer->ahead, peer->ahead + got, AHEAD - got);
	memset(peer->ahead + AHEAD - got, 0, got);
	peer->rcv_nxt += got;
	if (seq_after(peer->rcv_nxt, peer->edge))
		peer->edge = peer->rcv_nxt;
}

static bool is_offloaded(unsigned key, const struct owner *owner)
{
	struct offload_key name = {.guest_port = keys[key].sport, .peer_port = keys[key].dport};
	struct offload_flow *flow = NULL;

	for (unsigned i = 0; i < offload->n_buckets && !flow; i++) {
		for (flow = offload->buckets[i]; flow; flow = flow->next) {
			if (flow->key.guest_port == name.guest_port)
				break;
		}
	}
	return flow && flow->guest == &owner->guest && flow->state == OFFLOAD_OPEN &&
	       !flow->syn_pending && flow->iss == owner->peers[key].iss &&
	       flow->up.acked - owner->peers[key].irs < 1u << 30;
}

static void peer_take_ack(struct owner *owner, unsigned key, const struct packet *p)
{
	struct peer *peer = &owner->peers[key];
	uint32_t ack = packet_ack(p);

	if (!(p->tcp_flags & TCP_FLAG_ACK))
		return;
	if (seq_after(ack, peer->nxt)) {
		ck_assert_msg(p->tcp_flags & TCP_FLAG_SYN || !is_offloaded(key, owner),
			      "seed %u: acknowledges what was not sent", seed_now);
		return;
	}
	if (!seq_before(ack, peer->una)) {
		peer->una = ack;
		peer->guest_edge = ack + packet_window(p);
	}
}

static void deliver(void *data, const struct packet *p)
{
	struct owner *owner = data;
	unsigned key = key_of(p, true);
	struct peer *peer = &owner->peers[key];
	uint32_t seq = packet_seq(p), len = p->len - p->payload;
	uint8_t flags = p->tcp_flags;

	n_delivered++;
	ck_assert_msg(!in_callback, "seed %u: libslirp is called from within its callback",
		      seed_now);
	ck_assert_uint_lt(key, KEYS);
	if (!l4_right(p->frame, p->len, p->v6, IPPROTO_TCP))
		return;
	ck_assert(p->v6 || ip_right(p->frame));
	if (len)
		check_bytes(p, key, true);
	if (flags & TCP_FLAG_RST) {
		if (peer->open && !seq_before(seq, peer->rcv_nxt) && !seq_after(seq, peer->edge))
			peer->open = false;
		return;
	}
	if ((flags & (TCP_FLAG_SYN | TCP_FLAG_ACK)) == TCP_FLAG_SYN && !peer->open) {
		if (once_in(8)) {
			peer->rcv_nxt = seq + 1;
			peer_say(owner, key, 0, TCP_FLAG_RST | TCP_FLAG_ACK, 0);
			return;
		}
		peer_open(peer, seq);
		peer->guest_edge = peer->iss + 1 + packet_window(p);
		peer_say(owner, key, peer->iss, TCP_FLAG_SYN | TCP_FLAG_ACK, 0);
		return;
	}
	if (!peer->open) {
		peer->rcv_nxt = seq + len;
		peer_say(owner, key, packet_ack(p), TCP_FLAG_RST, 0);
		return;
	}
	if (peer->connecting) {
		if (!(flags & TCP_FLAG_SYN) || packet_ack(p) != peer->iss + 1)
			return;
		peer->connecting = false;
		peer->irs = seq;
		peer->rcv_nxt = seq + 1;
		peer->edge += peer->rcv_nxt; /* its SYN said how much */
	}
	if (is_offloaded(key, owner) && len &&
	    (flags & (TCP_FLAG_SYN | TCP_FLAG_ACK)) == TCP_FLAG_ACK)
		ck_assert_msg(seq + len - peer->edge - 1 > 1u << 30,
			      "seed %u: libslirp is given %d bytes beyond its window", seed_now,
			      (int32_t)(seq + len - peer->edge));
	peer_take_ack(owner, key, p);
	peer_take_data(peer, p);
	if ((len || flags & (TCP_FLAG_FIN | TCP_FLAG_SYN) || seq != peer->rcv_nxt) && !once_in(4))
		peer_say(owner, key, peer->nxt, TCP_FLAG_ACK, 0);
	/* LAST_ACK is over */
	if (peer->ended && peer->guest_ended && peer->una == peer->nxt && once_in(2))
		peer->open = false;
}

static bool may_send(void *owner)
{
	return !blocked;
}

static void wake(void *data)
{
	n_wakes++;
}

static const struct offload_ops ops = {deliver, may_send, wake};

static void peer_acts(struct owner *owner, unsigned key)
{
	struct peer *peer = &owner->peers[key];
	int32_t room = (int32_t)(peer->guest_edge - peer->nxt);
	uint32_t most = below(16000), len = (uint32_t)CLAMP(room, 0, (int32_t)most);

	if (!peer->open) {
		if (once_in(10)) { /* a client comes in */
			peer_open(peer, 0);
			peer->connecting = true;
			peer->rcv_nxt = peer->edge = 0;
			peer_say(owner, key, peer->iss, TCP_FLAG_SYN, 0);
		}
		return;
	}
	if (peer->connecting)
		return;
	switch (below(10)) {
	case 0:
		peer_say(owner, key, peer->nxt, TCP_FLAG_ACK, 0);
		return;
	case 1: /* once more, from what was not acknowledged */
		len = MIN(most, peer->nxt - peer->una - peer->ended);
		if (seq_after(peer->una, peer->iss) && (int32_t)len > 0)
			peer_say(owner, key, peer->una, TCP_FLAG_ACK, len);
		return;
	case 2:
		if (once_in(30)) {
			peer->open = false;
			peer_say(owner, key, peer->nxt, TCP_FLAG_RST | TCP_FLAG_ACK, 0);
		}
		return;
	case 3: /* is the window still closed? */
		if (room <= 0 && !peer->ended && once_in(3))
			len = 1;
		break;
	default:
		break;
	}
	if (peer->ended || seq_before(peer->una, peer->iss + 1))
		return;
	if (once_in(40)) {
		peer_say(owner, key, peer->nxt, TCP_FLAG_ACK | TCP_FLAG_FIN, len);
		peer->nxt += len + 1;
		peer->ended = true;
	} else if (len) {
		peer_say(owner, key, peer->nxt, TCP_FLAG_ACK | TCP_FLAG_PSH, len);
		peer->nxt += len;
	}
}

#endif
