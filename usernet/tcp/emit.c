/* SPDX-License-Identifier: BSD-3-Clause */
#include <glib.h>
#include <string.h>

#include "base/checksum.h"
#include "tcp/conn.h"

/*
 * Segments to the guest. Ethernet and IP headers and ports are the same in all segments of a
 * connection and are copied. Acknowledgement, window and timestamp are current, in retransmissions
 * too: Linux drops a segment with an old acknowledgement.
 */
#define HOP_LIMIT 64

void emit_init(struct tcp_conn *c)
{
	const struct conn *conn = c->conn;
	const struct conn_key *key = &conn->key;
	uint8_t *ip = c->head + ETH_HEADER, *ports;

	memset(c->head, 0, sizeof(c->head));
	mac_write(c->head, conn->mac);
	mac_write(c->head + MAC_LEN, user_config_mac(c->tcp->env.config));
	packet_put16(c->head + 12, c->v6 ? ETHERTYPE_V6 : ETHERTYPE_V4);
	if (c->v6) {
		ip[0] = 0x60;
		ip[6] = IPPROTO_TCP;
		ip[7] = HOP_LIMIT;
		memcpy(ip + 8, &key->peer, 16);
		memcpy(ip + 24, &key->guest, 16);
		c->tcp_sum = (uint32_t)csum_pseudo6(ip + 8, ip + 24, IPPROTO_TCP, 0);
	} else {
		struct in_addr src = address_v4(&key->peer), dst = address_v4(&key->guest);

		ip[0] = 0x45;
		ip[6] = 0x40; /* DF: needs no identification (RFC 6864 4.1) */
		ip[8] = HOP_LIMIT;
		ip[9] = IPPROTO_TCP;
		memcpy(ip + 12, &src, 4);
		memcpy(ip + 16, &dst, 4);
		c->ip_sum = (uint16_t)~csum_fold(csum_add(0, ip, 20));
		c->tcp_sum = (uint32_t)csum_pseudo4(src.s_addr, dst.s_addr, IPPROTO_TCP, 0);
	}
	c->tcp_sum = (uint16_t)~csum_fold(c->tcp_sum);
	c->head_len = ETH_HEADER + (c->v6 ? 40 : 20);
	ports = packet_put16(c->head + c->head_len, key->peer_port);
	packet_put16(ports, key->guest_port);
}

uint32_t emit_stamp(const struct tcp_conn *c)
{
	return (uint32_t)(tcp_now(c->tcp) / USEC_PER_MSEC) + c->ts_offset;
}

uint32_t emit_header_len(const struct tcp_conn *c)
{
	return c->head_len + TCP_HEADER + (c->stamps ? TCP_OPTION_STAMPS_LEN : 0u);
}

/* --- the window --- */

static uint32_t window_limit(const struct tcp_conn *c)
{
	uint32_t most = c->rcv_shift ? TCP_WINDOW_MAX : 65535;

	if (G_LIKELY(!charge_book_is_scarce(c->tcp->env.charges, CHARGE_BYTES)))
		return most;
	return MIN(most, charge_has_room(c->conn->charge, CHARGE_BYTES, TCP_WINDOW_SCARCE)
				 ? TCP_WINDOW_SCARCE
				 : TCP_WINDOW_LEAST);
}

/* How far the right edge may move now; 0 for small steps (RFC 9293 3.8.6.2.2). */
static uint32_t window_step(const struct tcp_conn *c)
{
	uint32_t limit = window_limit(c), step = MIN(limit / 2, MAX(c->rcv_mss, 1460));
	int32_t gain = (int32_t)(c->up_nxt + limit - c->rcv_edge);

	return gain >= (int32_t)step ? (uint32_t)gain : 0;
}

bool emit_window_moved(const struct tcp_conn *c)
{
	uint32_t shown = c->rcv_edge - c->rcv_nxt, step = window_step(c);

	return step && (shown < c->rcv_mss || step >= MAX(2 * c->rcv_mss, window_limit(c) / 2));
}

/*
 * The window field. The right edge follows what it says and never moves left (RFC 9293 3.8.6.2.1),
 * so values are rounded up to the scale.
 */
static uint16_t window_field(struct tcp_conn *c, bool syn)
{
	uint8_t shift = syn ? 0 : c->rcv_shift;
	uint32_t window, field;

	c->rcv_edge += window_step(c);
	window = c->rcv_edge - c->rcv_nxt;
	field = (window + (1u << shift) - 1) >> shift;
	field = MIN(field, 65535);
	if (syn)
		c->rcv_edge = c->rcv_nxt + field;
	else
		c->rcv_edge = seq_max(c->rcv_edge, c->rcv_nxt + (field << shift));
	return (uint16_t)field;
}

/* --- headers --- */

struct segment {
	uint32_t seq;
	uint8_t flags;
	const struct tcp_options *options; /* NULL: timestamps only, if used */
	uint32_t payload;                  /* its length, in bytes */
	csum_t sum;                        /* its checksum */
};

static void put_ip_len(const struct tcp_conn *c, uint8_t *ip, uint32_t len)
{
	uint16_t check;

	if (c->v6) {
		packet_put16(ip + 4, (uint16_t)len);
		return;
	}
	len += 20;
	packet_put16(ip + 2, (uint16_t)len);
	check = csum_fold(c->ip_sum + htons((uint16_t)len));
	memcpy(ip + 10, &check, 2);
}

/* Writes all headers of @segment in front of its payload. Returns the frame's length. */
static size_t put_headers(struct tcp_conn *c, uint8_t *frame, const struct segment *segment)
{
	uint8_t *tcp = frame + c->head_len, *p = tcp + TCP_HEADER;
	bool syn = segment->flags & TCP_FLAG_SYN;
	uint32_t ack = segment->flags & TCP_FLAG_ACK ? c->rcv_nxt : 0;
	uint32_t header;
	uint16_t check;

	if (segment->options) {
		p += tcp_options_write(p, segment->options);
	} else if (c->stamps) {
		p = packet_put32(p, 0x0101080a);
		p = packet_put32(p, emit_stamp(c));
		p = packet_put32(p, c->ts_recent);
	}
	header = (uint32_t)(p - tcp);
	memcpy(frame, c->head, c->head_len + 4u);
	put_ip_len(c, frame + ETH_HEADER, header + segment->payload);
	packet_put32(tcp + 4, segment->seq);
	packet_put32(tcp + 8, ack);
	packet_put16(tcp + 12, (uint16_t)(header / 4 << 12 | segment->flags));
	packet_put16(tcp + 14, segment->flags & TCP_FLAG_RST ? 0 : window_field(c, syn));
	packet_put32(tcp + 16, 0);
	check = csum_fold(
		csum_add(c->tcp_sum + htons((uint16_t)(header + segment->payload)) + segment->sum,
			 tcp, header));
	memcpy(tcp + 16, &check, 2);
	if (segment->flags & TCP_FLAG_ACK) {
		c->need_ack = c->ack_waits = false;
		c->last_ack_sent = ack;
	}
	return c->head_len + header + segment->payload;
}

/* Writes a segment without payload into the outbox. */
static void send_bare(struct tcp_conn *c, const struct segment *segment)
{
	uint8_t *frame = outbox_reserve(c->tcp->env.outbox, c->head_len + TCP_HEADER + 40);

	if (!frame)
		return;
	outbox_commit(c->tcp->env.outbox, put_headers(c, frame, segment));
	c->down_segments++;
	loop_task_defer(c->tcp->env.service);
}

/*
 * Behind a tap with offload the kernel makes the sums, or leaves them out. While a capture runs
 * they are made here, so that it shows right ones.
 */
static bool leaves_sums(struct tcp_conn *c)
{
	const struct port *port = guest_port(c->tcp, c->conn->mac);

	return port && port->takes_offload && !port->tap && !c->tcp->env.outbox->port->tap;
}

void emit_run_begin(struct tcp_conn *c, struct emit_run *run)
{
	const struct segment segment = {.flags = TCP_FLAG_ACK, .payload = c->mss};
	uint8_t *tcp = run->head + c->head_len;
	uint32_t header;

	run->payload = c->mss;
	run->unsummed = leaves_sums(c);
	put_headers(c, run->head, &segment);
	header = (tcp[12] >> 4) * 4u;
	run->len = c->head_len + header;
	memset(tcp + 16, 0, 2);
	run->sum = csum_add(c->tcp_sum, tcp, header);
}

void emit_run_slot(struct tcp_conn *c, const struct emit_run *run, struct block *block, unsigned i)
{
	struct slot *slot = &block->slots[i];
	uint8_t *frame = block_frame(block, i), *tcp = frame + c->head_len;
	uint32_t seq = htonl(slot->seq), len = run->len - c->head_len + slot->len;
	uint8_t more = (uint8_t)((slot->flags & SLOT_PUSH ? TCP_FLAG_PSH : 0) |
				 (slot->flags & SLOT_FIN ? TCP_FLAG_FIN : 0));
	uint16_t check;

	memcpy(frame, run->head, run->len);
	if (G_UNLIKELY(slot->len != run->payload))
		put_ip_len(c, frame + ETH_HEADER, len);
	memcpy(tcp + 4, &seq, sizeof(seq));
	tcp[13] |= more;
	if (slot->flags & SLOT_UNSUMMED)
		check = (uint16_t)~csum_fold(c->tcp_sum + htons((uint16_t)len));
	else
		check = csum_fold(run->sum + seq + htons(more) + htons((uint16_t)len) + slot->sum);
	memcpy(tcp + 16, &check, sizeof(check));
	slot->sent = (uint32_t)tcp_now(c->tcp);
	if (slot->flags & SLOT_UNSUMMED)
		outbox_append_partial(c->tcp->env.outbox, frame, run->len + slot->len);
	else
		outbox_append(c->tcp->env.outbox, frame, run->len + slot->len);
	c->down_segments++;
	c->down_bytes += slot->len;
}

void emit_slot(struct tcp_conn *c, struct block *block, unsigned i)
{
	struct emit_run run;

	emit_run_begin(c, &run);
	emit_run_slot(c, &run, block, i);
}

/* Chooses the spans to report: those that grew last, newest first (RFC 2018 section 4). */
static void choose_sacks(const struct tcp_conn *c, struct tcp_options *options)
{
	const struct ring *ring = c->ring;
	unsigned most = c->stamps ? 3 : TCP_OPTION_SACKS_MAX;

	for (unsigned i = 0; i < RING_RECENT + ring->n_spans && options->n_sacks < most; i++) {
		uint32_t seq =
			i < RING_RECENT ? ring->recent[i] : ring->spans[i - RING_RECENT].from;
		const struct ring_span *found = NULL;

		for (unsigned s = 0; s < ring->n_spans && !found; s++) {
			if (!seq_before(seq, ring->spans[s].from) &&
			    seq_before(seq, ring->spans[s].to))
				found = &ring->spans[s];
		}
		for (unsigned s = 0; found && s < options->n_sacks; s++) {
			if (options->sacks[s].from == found->from)
				found = NULL;
		}
		if (!found)
			continue;
		options->sacks[options->n_sacks].from = found->from;
		options->sacks[options->n_sacks++].to = found->to;
	}
}

void emit_ack(struct tcp_conn *c)
{
	struct tcp_options options = {.has_stamps = c->stamps};
	struct segment segment = {.seq = c->snd_nxt, .flags = TCP_FLAG_ACK};

	if (c->sack && c->ring && c->ring->n_spans) {
		if (c->stamps) {
			options.stamp = emit_stamp(c);
			options.echo = c->ts_recent;
		}
		choose_sacks(c, &options);
		segment.options = &options;
	}
	send_bare(c, &segment);
}

void emit_probe(struct tcp_conn *c, uint32_t seq)
{
	send_bare(c, &(struct segment){.seq = seq, .flags = TCP_FLAG_ACK});
}

static uint16_t own_mss(const struct tcp_conn *c)
{
	uint32_t headers = c->v6 ? 60 : 40, mtu = c->tcp->env.config->mtu;

	return (uint16_t)((mtu ? mtu : 65535) - headers);
}

void emit_syn(struct tcp_conn *c)
{
	bool answer = c->phase == PHASE_SYN_RECEIVED;
	const struct tcp_options options = {
		.has_mss = true,
		.mss = own_mss(c),
		.may_sack = c->sack,
		.has_stamps = c->stamps,
		.stamp = emit_stamp(c),
		.echo = answer ? c->ts_recent : 0,
		.has_shift = c->rcv_shift != 0,
		.shift = c->rcv_shift,
	};

	send_bare(c, &(struct segment){
			     .seq = c->iss,
			     .flags = (uint8_t)(TCP_FLAG_SYN | (answer ? TCP_FLAG_ACK : 0)),
			     .options = &options,
		     });
}

void emit_reset(struct tcp_conn *c, uint32_t seq, bool with_ack)
{
	static const struct tcp_options none;

	send_bare(c, &(struct segment){
			     .seq = seq,
			     .flags = (uint8_t)(TCP_FLAG_RST | (with_ack ? TCP_FLAG_ACK : 0)),
			     .options = &none,
		     });
}
