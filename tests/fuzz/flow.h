/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_FUZZ_FLOW_H
#define USERNET_FUZZ_FLOW_H

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "packets.h"

#include "tcp/options.h"

/*
 * A TCP connection between a model guest and a socket of the host. Every byte of its two streams is
 * a function of its position, so that each end checks what it receives. The guest sends what a
 * kernel does: within the window, without urgent data.
 */
struct flow {
	struct ends ends;
	uint32_t iss, irs;
	uint32_t up_made, up_sent, up_acked; /* bytes of the guest's stream */
	uint32_t down_taken;                 /* bytes of the host's stream */
	uint32_t window, peer_window;
	unsigned shift, peer_shift;
	bool opened, refused;
	bool fin, fin_sent, fin_acked; /* the guest's stream ends at up_made */
	bool ended, reset;             /* the host's end came, or a reset */
	bool over;                     /* an end was told to reset it */
	bool gone;                     /* it was the guest, which has forgotten it */
	bool must_ack;
	int fd; /* the host's end; -1: closed */
	uint32_t host_made, host_wrote, host_read;
	bool host_fin, host_shut; /* the host's stream ends at host_made; it was told so */
	bool host_ended;          /* nothing more comes */
};

/* @frame, owned, comes from the guest in the next turn. Of twoways.h. */
static inline void guest_puts(uint8_t *frame, size_t len);

/* --- bytes --- */

static inline uint8_t byte_at(uint32_t position)
{
	return (uint8_t)(position * 31 + (position >> 8) * 7 + (position >> 16));
}

static inline void fill(uint8_t *data, uint32_t from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		data[i] = byte_at(from + (uint32_t)i);
}

static inline void check_bytes(const uint8_t *data, uint32_t from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		g_assert_cmpuint(data[i], ==, byte_at(from + (uint32_t)i));
}

/* --- the guest's output --- */

/* A segment with @len bytes of the stream from @from on. */
static inline void flow_segment(struct flow *flow, uint8_t flags, uint32_t from,
				const uint8_t *options, size_t n_options, uint32_t len)
{
	uint8_t *frame = g_malloc(120 + len), *header, data[1500];
	uint32_t seq = flags & TCP_FLAG_SYN ? flow->iss : flow->iss + 1 + from;
	uint32_t ack = flow->opened ? flow->irs + 1 + flow->down_taken + flow->ended : 0;
	uint16_t before, after;
	size_t total;

	fill(data, from, len);
	total = put_tcp(frame, &flow->ends, seq, ack, flags, options, n_options, data, len);
	header = frame + ETH_HEADER + (flow->ends.v6 ? 40 : 20);
	memcpy(&before, header + 14, 2);
	packet_put16(header + 14, (uint16_t)MIN(flow->window, 65535));
	memcpy(&after, header + 14, 2);
	csum_update16(header + 16, before, after);
	guest_puts(frame, total);
}

static inline void flow_acks(struct flow *flow)
{
	flow->must_ack = false;
	flow_segment(flow, TCP_FLAG_ACK, flow->up_sent + flow->fin_sent, NULL, 0, 0);
}

/* What of @len bytes from @from on exists, is not acknowledged, and fits. */
static inline void flow_sends_part(struct flow *flow, uint32_t from, uint32_t len)
{
	uint32_t edge = MIN(flow->up_made, flow->up_acked + flow->peer_window);
	bool fin;

	if (from > edge || flow->fin_acked)
		return;
	len = MIN(len, edge - from);
	fin = flow->fin && from + len == flow->up_made;
	if (!len && !fin)
		return;
	flow_segment(flow, (uint8_t)(TCP_FLAG_ACK | TCP_FLAG_PSH | (fin ? TCP_FLAG_FIN : 0)), from,
		     NULL, 0, len);
	flow->up_sent = MAX(flow->up_sent, from + len);
	flow->fin_sent = flow->fin_sent || fin;
}

static inline void flow_sends_window(struct flow *flow)
{
	uint32_t from = flow->up_acked;

	for (int i = 0; i < 50 && from <= flow->up_made && !flow->fin_acked; i++, from += 1400)
		flow_sends_part(flow, from, 1400);
}

static inline void flow_syn(struct flow *flow, unsigned kind)
{
	static const uint8_t options[][12] = {{2, 4, 5, 180},
					      {2, 4, 5, 180, 1, 1, 4, 2},
					      {2, 4, 5, 180, 1, 3, 3, 7},
					      {2, 4, 5, 180, 1, 1, 4, 2, 1, 3, 3, 7}};
	static const size_t lengths[] = {4, 8, 8, 12};

	flow_segment(flow, TCP_FLAG_SYN, 0, options[kind], lengths[kind], 0);
}

/* --- the guest's input --- */

static inline void flow_takes_ack(struct flow *flow, uint32_t ack, uint32_t window)
{
	uint32_t acked = ack - flow->iss - 1;

	if (flow->fin_sent && acked == flow->up_made + 1) {
		flow->fin_acked = true;
		acked--;
	}
	g_assert_cmpuint(acked, <=, flow->up_sent);
	flow->up_acked = MAX(flow->up_acked, acked);
	flow->peer_window = window << flow->peer_shift;
}

static inline void flow_takes_data(struct flow *flow, uint32_t from, const uint8_t *data,
				   uint32_t len, bool fin)
{
	if (len)
		check_bytes(data, from, len);
	g_assert_cmpuint(from + len, <=, flow->host_wrote);
	flow->must_ack = true;
	/* What comes before its time is lost, as with a small guest. */
	if (from > flow->down_taken)
		return;
	flow->down_taken = MAX(flow->down_taken, from + len);
	if (fin && from + len == flow->down_taken) {
		g_assert_true(flow->over ||
			      (flow->host_shut && flow->down_taken == flow->host_wrote));
		flow->ended = true;
	}
}

static inline void flow_takes(struct flow *flow, const struct packet *packet)
{
	const uint8_t *header = packet->frame + packet->l4;
	uint32_t seq = packet_u32(header + 4), len = packet->len - packet->payload;
	uint8_t flags = packet->tcp_flags;
	struct tcp_options options;

	/* RFC 9293 3.10.7.1 */
	if (flow->gone) {
		if (flags == TCP_FLAG_ACK)
			flow_segment(flow, TCP_FLAG_RST, packet_u32(header + 8) - flow->iss - 1,
				     NULL, 0, 0);
		return;
	}
	if (flags & TCP_FLAG_RST) {
		/* After both ends an ACK too many may be answered by one. */
		flow->reset = flow->opened && !(flow->fin_acked && flow->ended);
		flow->refused = !flow->opened;
		return;
	}
	if (flags & TCP_FLAG_SYN) {
		if (flow->opened)
			return;
		tcp_options_read(&options, packet);
		flow->irs = seq;
		flow->opened = true;
		/* RFC 7323 2.2: it scales only what we scale. */
		g_assert_true(flow->shift || !options.has_shift);
		flow->peer_shift = options.shift;
		if (!options.has_shift)
			flow->shift = 0;
		flow->peer_window = packet_u16(header + 14);
		flow->must_ack = true;
		return;
	}
	if (!flow->opened)
		return;
	flow_takes_ack(flow, packet_u32(header + 8), packet_u16(header + 14));
	if (len || flags & TCP_FLAG_FIN)
		flow_takes_data(flow, seq - flow->irs - 1, packet->frame + packet->payload, len,
				flags & TCP_FLAG_FIN);
}

/* --- the host --- */

static inline void host_reads(struct flow *flow, size_t most)
{
	static uint8_t data[1 << 16];
	ssize_t n;

	if (flow->fd < 0 || flow->host_ended || !most)
		return;
	n = recv(flow->fd, data, MIN(most, sizeof(data)), MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		g_assert_true(flow->over ||
			      (n == 0 && flow->fin_sent && flow->host_read == flow->up_made));
		flow->host_ended = true;
		return;
	}
	check_bytes(data, flow->host_read, (size_t)n);
	flow->host_read += (uint32_t)n;
	g_assert_cmpuint(flow->host_read, <=, flow->up_sent);
}

/* Writes what the socket takes of what is made, and then its end. */
static inline void host_pushes(struct flow *flow)
{
	static uint8_t data[1 << 16];
	size_t len = MIN(flow->host_made - flow->host_wrote, sizeof(data));
	ssize_t n;

	if (flow->fd < 0 || flow->host_shut)
		return;
	if (len) {
		fill(data, flow->host_wrote, len);
		n = send(flow->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			flow->host_wrote += (uint32_t)n;
	}
	if (flow->host_fin && flow->host_wrote == flow->host_made) {
		flow->host_shut = true;
		shutdown(flow->fd, SHUT_WR);
	}
}

static inline void host_writes(struct flow *flow, uint32_t len)
{
	if (!flow->host_fin)
		flow->host_made += len;
	host_pushes(flow);
}

static inline void host_shuts(struct flow *flow)
{
	flow->host_fin = true;
	host_pushes(flow);
}

static inline void host_resets(struct flow *flow)
{
	struct linger now = {.l_onoff = 1};

	if (flow->fd < 0)
		return;
	setsockopt(flow->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(flow->fd);
	flow->fd = -1;
}

static inline bool flow_is_done(const struct flow *flow)
{
	if (flow->over)
		return (flow->fd < 0 || flow->host_ended) && (flow->reset || flow->ended);
	return flow->fin_acked && flow->ended && flow->host_ended;
}

#endif
