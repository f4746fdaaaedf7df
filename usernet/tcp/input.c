/* SPDX-License-Identifier: BSD-3-Clause */
#include <glib.h>

#include "base/checksum.h"
#include "net/port.h"
#include "tcp/conn.h"

/* Segments from the guest, in the order of RFC 9293 3.10.7.4, with the checks of RFC 5961. */
#define PAWS_AGE (24 * 86400 * USEC_PER_SEC) /* RFC 7323 5.5 */

struct segment {
	const struct packet *packet;
	uint32_t seq, ack, len; /* len: bytes of payload */
	uint32_t end;           /* the sequence number after payload and FIN */
	uint32_t window;        /* scaled */
	uint8_t flags;
	struct tcp_options options;
};

static bool checksum_right(const struct packet *packet)
{
	const uint8_t *ip = packet->frame + ETH_HEADER, *tcp = packet->frame + packet->l4;
	uint32_t len = packet->len - packet->l4, src, dst;
	csum_t sum;

	if (packet->v6) {
		sum = csum_pseudo6(ip + 8, ip + 24, IPPROTO_TCP, len);
	} else {
		memcpy(&src, ip + 12, 4);
		memcpy(&dst, ip + 16, 4);
		sum = csum_pseudo4(src, dst, IPPROTO_TCP, (uint16_t)len);
	}
	return csum_fold(csum_add(sum, tcp, len)) == 0;
}

/* Verifies the checksum, but only where the wire may corrupt: a local stream socket does not. */
static bool is_damaged(struct tcp *tcp, const struct conn *conn, const struct packet *packet)
{
	struct port *port = guest_port(tcp, conn->mac);

	if (!tcp->env.config->verify_checksums && !(port && port->unreliable))
		return false;
	if (checksum_right(packet))
		return false;
	if (port)
		port_drop(port, DROP_MALFORMED, 1);
	return true;
}

static void read_segment(struct segment *s, const struct tcp_conn *c, const struct packet *packet)
{
	const uint8_t *tcp = packet->frame + packet->l4;

	s->packet = packet;
	s->seq = packet_u32(tcp + 4);
	s->ack = packet_u32(tcp + 8);
	s->flags = packet->tcp_flags;
	s->len = packet->len - packet->payload;
	s->end = s->seq + s->len + (s->flags & TCP_FLAG_FIN ? 1 : 0);
	s->window = (uint32_t)packet_u16(tcp + 14) << c->snd_shift;
}

/* An ACK of the current state; rate-limited, or two ends could keep answering each other. */
static void challenge(struct tcp_conn *c)
{
	usec_t now = tcp_now(c->tcp);

	if (c->challenged && now - c->challenged < TCP_CHALLENGE_EVERY)
		return;
	c->challenged = now;
	c->need_ack = true;
}

/* Segments with data or FIN always get an ACK: their sender has missed the last one. */
static void answer_useless(struct tcp_conn *c, const struct segment *s)
{
	if (s->flags & TCP_FLAG_RST)
		return;
	if (s->end != s->seq)
		c->need_ack = true;
	else
		challenge(c);
}

/* RFC 7323 5.3 R1: older than the last one. */
static bool is_old(const struct tcp_conn *c, const struct segment *s)
{
	return c->stamps && s->options.has_stamps && !(s->flags & TCP_FLAG_RST) &&
	       seq_before(s->options.stamp, c->ts_recent) &&
	       tcp_now(c->tcp) - c->ts_recent_at < PAWS_AGE;
}

/* In the window, or a probe at its edge. */
static bool is_acceptable(const struct tcp_conn *c, const struct segment *s)
{
	return !seq_before(s->end, c->rcv_nxt) && !seq_before(c->rcv_edge, s->seq);
}

/* The sequence number expected next; a FIN may be pending in this turn. */
static uint32_t expected(const struct tcp_conn *c)
{
	return c->rcv_nxt + (c->has_fin && !c->fin_taken && c->rcv_nxt == c->fin_seq ? 1 : 0);
}

/* RFC 9293 3.10.7.4, first to fifth. False: nothing more to do; *@gone: the conn is freed. */
static bool check_segment(struct tcp_conn *c, const struct segment *s, bool *gone)
{
	if (is_old(c, s) || !is_acceptable(c, s)) {
		answer_useless(c, s);
		return false;
	}
	if (s->flags & TCP_FLAG_RST) { /* RFC 5961 3.2 */
		*gone = s->seq == expected(c);
		if (*gone)
			end_reset(c, false, true);
		else
			challenge(c);
		return false;
	}
	if (s->flags & TCP_FLAG_SYN) { /* RFC 5961 4.2 */
		challenge(c);
		return false;
	}
	if (!(s->flags & TCP_FLAG_ACK))
		return false;
	if (seq_before(c->snd_nxt, s->ack) || seq_before(s->ack, c->snd_una - c->max_wnd)) {
		challenge(c); /* RFC 5961 5.2 */
		return false;
	}
	return true;
}

static void take_stamp(struct tcp_conn *c, const struct segment *s)
{
	if (!c->stamps || !s->options.has_stamps || seq_before(c->last_ack_sent, s->seq) ||
	    seq_before(s->options.stamp, c->ts_recent))
		return;
	c->ts_recent = s->options.stamp;
	c->ts_recent_at = tcp_now(c->tcp);
}

/*
 * Is the segment's window current? If it acknowledges more it is, even in a retransmission: with
 * the old window the right edge would move by itself.
 */
static bool is_news(const struct tcp_conn *c, const struct segment *s)
{
	if (s->ack != c->snd_una || seq_before(c->snd_wl1, s->seq))
		return true;
	return s->seq == c->snd_wl1 && (s->window > c->snd_wnd || !s->window);
}

/* True: the window has changed. */
static bool take_window(struct tcp_conn *c, const struct segment *s)
{
	uint32_t before = c->snd_wnd;

	if (!is_news(c, s))
		return false;
	c->snd_wnd = s->window;
	c->max_wnd = MAX(c->max_wnd, s->window);
	c->snd_wl1 = s->seq;
	return c->snd_wnd != before;
}

static void take_ack(struct tcp_conn *c, const struct segment *s)
{
	bool moved;

	if (seq_before(s->ack, c->snd_una))
		return;
	moved = take_window(c, s);
	/* A guest with a closed window is alive, although it takes no data. */
	if (!c->snd_wnd)
		c->retries = 0;
	else if (moved && !down_out(c))
		c->backoff = 0;
	if (s->ack == c->snd_una && !s->len && !moved && down_out(c))
		recovery_duplicate(c);
	if (s->ack != c->snd_una || s->options.n_sacks || c->probe_out)
		recovery_acked(c, s->ack, &s->options);
}

static void take_payload(struct tcp_conn *c, const struct segment *s)
{
	uint32_t len = s->len;

	if (c->fin_taken || (c->has_fin && seq_before(c->fin_seq, s->seq))) {
		c->need_ack = true;
		return;
	}
	if (c->has_fin)
		len = MIN(len, c->fin_seq - s->seq);
	up_data(c, s->seq, s->packet->frame + s->packet->payload, len);
}

static void take_fin(struct tcp_conn *c, const struct segment *s)
{
	uint32_t at = s->seq + s->len;

	c->need_ack = true;
	if (c->has_fin || seq_before(at, c->rcv_nxt) || seq_before(c->rcv_edge, at))
		return;
	c->has_fin = true;
	c->fin_seq = at;
}

static void segment_arrives(struct tcp_conn *c, const struct segment *s)
{
	bool gone = false;

	if (check_segment(c, s, &gone)) {
		take_stamp(c, s);
		take_ack(c, s);
		/* URG is ignored: urgent bytes are in line (RFC 6093). */
		if (s->len)
			take_payload(c, s);
		if (s->flags & TCP_FLAG_FIN)
			take_fin(c, s);
	}
	if (!gone)
		conn_due(c);
}

void tcp_input(struct tcp *tcp, struct conn *conn, const struct packet *packet)
{
	struct tcp_conn *c = conn->tcp;
	struct segment s;

	if (is_damaged(tcp, conn, packet))
		return;
	tcp_options_read(&s.options, packet);
	if (tcp_now(tcp) - c->heard > TCP_RTO_MIN) /* guests restart with a small window */
		c->steady_from = c->rcv_nxt;
	c->heard = tcp_now(tcp);
	c->keepalives = 0;
	if (G_UNLIKELY(c->phase != PHASE_OPEN)) {
		bool opener = c->phase == PHASE_SYN_SENT;

		if (!handshake_input(c, packet, &s.options))
			return;
		if (opener || c->phase != PHASE_OPEN) {
			conn_due(c);
			return;
		}
	}
	read_segment(&s, c, packet);
	if (!s.len)
		c->up_segments++;
	segment_arrives(c, &s);
}
