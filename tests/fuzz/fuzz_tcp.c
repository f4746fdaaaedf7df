/* SPDX-License-Identifier: BSD-3-Clause */
#include "bytes.h"
#include "harness.h"
#include "tcpbed.h"

/*
 * tcp/ between a model guest and a host's socket, with a clock that only the input moves. Each
 * stream's bytes are a function of their position, so that whatever is sent twice, late, in
 * overlapping parts or out of order, both ends can check every byte:
 *
 * - the host reads the guest's stream, in order and without a gap;
 * - the guest is sent the host's stream only, and no more than it has room for;
 * - nothing is acknowledged that was not sent;
 * - a reset with a wrong sequence number ends nothing (RFC 5961 3.2);
 * - in the end nothing is charged (tcpbed.h).
 *
 * The input is a list of steps; the comments at step() say what each byte means.
 */
#define STEPS_MAX 300

static struct {
	uint32_t up_top;     /* the end of what the guest has sent, from its initial number on */
	uint32_t down_edge;  /* how far it has ever let the host send */
	uint32_t host_wrote; /* bytes */
	uint32_t host_read;
	bool host_is_done; /* it has closed a way: the connection may end by itself */
} model;

static uint8_t byte_at(uint32_t position)
{
	return (uint8_t)(position * 31 + (position >> 8) * 7 + (position >> 16));
}

static void fill(uint8_t *data, uint32_t from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		data[i] = byte_at(from + (uint32_t)i);
}

static void check_stream(const uint8_t *data, uint32_t from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		g_assert_cmpuint(data[i], ==, byte_at(from + (uint32_t)i));
}

/* --- what the guest is sent --- */

static void check_segment(const struct seen *seen)
{
	uint32_t from;

	if (seen->packet.proto != IPPROTO_TCP || seen->flags & TCP_FLAG_RST)
		return;
	if (seen->flags & TCP_FLAG_SYN) {
		guest.irs = seen->seq;
		return;
	}
	if (seen->flags & TCP_FLAG_ACK)
		g_assert_cmpuint(seen->ack - guest.iss, <=, model.up_top);
	from = seen->seq - guest.irs - 1;
	if (!seen->len)
		return;
	g_assert_cmpuint(from + seen->len, <=, model.host_wrote);
	/* A probe of a closed window may send one byte (RFC 9293 3.8.6.1). */
	g_assert_cmpuint(from + seen->len, <=, model.down_edge + 1);
	check_stream(seen->payload, from, seen->len);
}

static void check_segments(void)
{
	struct seen *seen;

	while ((seen = g_queue_pop_head(&outcome))) {
		check_segment(seen);
		seen_free(seen);
	}
}

/* --- steps --- */

static void host_reads_some(size_t most)
{
	static uint8_t data[1 << 16];
	ssize_t n;

	if (host_fd < 0)
		return;
	n = recv(host_fd, data, MIN(most, sizeof(data)), MSG_DONTWAIT);
	if (n <= 0)
		return;
	check_stream(data, model.host_read, (size_t)n);
	model.host_read += (uint32_t)n;
	g_assert_cmpuint(model.host_read, <=, model.up_top);
}

static void host_writes_some(size_t len)
{
	static uint8_t data[1 << 16];
	ssize_t n;

	if (host_fd < 0)
		return;
	fill(data, model.host_wrote, len);
	n = send(host_fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0)
		model.host_wrote += (uint32_t)n;
}

static void note_sent(uint8_t flags, uint32_t seq, uint32_t ack, size_t len, uint32_t window)
{
	uint32_t end = seq + (uint32_t)len + !!(flags & TCP_FLAG_FIN) - guest.iss;
	uint32_t edge = ack + window - guest.irs - 1;

	/* Numbers far off cannot be meant, and none may be believed. */
	if ((int32_t)(end - model.up_top) > 0 && end - model.up_top < 1 << 22)
		model.up_top = end;
	if (flags & TCP_FLAG_ACK && (int32_t)(edge - model.down_edge) > 0 &&
	    edge - model.down_edge < 1 << 23)
		model.down_edge = edge;
}

/* How far from what is right a number is: mostly not at all. */
static uint32_t off_by(struct bytes *in, uint8_t how)
{
	switch (how & 7) {
	case 1:
		return (uint32_t)(int32_t)(int8_t)bytes_8(in);
	case 2:
		return bytes_16(in);
	case 3:
		return -(uint32_t)bytes_16(in);
	case 4:
		return bytes_32(in);
	default:
		return 0;
	}
}

static size_t some_options(struct bytes *in, uint8_t *out, const struct tcp_conn *c)
{
	uint32_t from, to;

	if (!(bytes_8(in) & 1))
		return 0;
	from = c->snd_una + bytes_16(in);
	to = from + bytes_16(in);
	out[0] = out[1] = 1;
	out[2] = 5; /* SACK, RFC 2018 3 */
	out[3] = 10;
	packet_put32(packet_put32(out + 4, from), to);
	return 12;
}

static void guest_segment(struct bytes *in)
{
	static const uint8_t likely[] = {TCP_FLAG_ACK, TCP_FLAG_ACK | TCP_FLAG_PSH,
					 TCP_FLAG_ACK | TCP_FLAG_FIN, TCP_FLAG_SYN};
	static uint8_t data[1 << 12], options[12];
	const struct tcp_conn *c = conn->tcp;
	uint8_t kind = bytes_8(in), how = bytes_8(in);
	uint8_t flags = kind & 0x80 ? (uint8_t)(bytes_8(in) & ~TCP_FLAG_RST) : likely[kind & 3];
	size_t len = kind & 0x40 ? bytes_16(in) % sizeof(data) : kind >> 2 & 15;
	uint32_t seq = c->rcv_nxt + off_by(in, how), ack = c->snd_nxt - off_by(in, how >> 3);

	guest.window = (uint32_t)bytes_16(in) << (how >> 6);
	guest.n_options = some_options(in, options, c);
	guest.options = options;
	fill(data, seq - guest.iss - 1, len);
	note_sent(flags, seq, ack, len, guest.window);
	guest_says(flags, seq, ack, data, len);
	bed_turn();
	guest.options = NULL;
	guest.n_options = 0;
}

static void guest_resets(struct bytes *in)
{
	struct tcp_conn *c = conn->tcp;
	uint32_t off = off_by(in, bytes_8(in));
	bool stays = off && c->phase == PHASE_OPEN && !model.host_is_done;

	guest_says(TCP_FLAG_RST, c->rcv_nxt + off, c->snd_nxt, NULL, 0);
	bed_turn();
	g_assert_true(!stays || conn->tcp == c);
}

static void step(struct bytes *in)
{
	uint8_t what = bytes_8(in);

	switch (what & 15) {
	case 0: /* u16: milliseconds */
		bed_pass(bytes_16(in) * USEC_PER_MSEC);
		break;
	case 1: /* u16: bytes */
		host_writes_some(bytes_16(in));
		bed_turn();
		break;
	case 2: /* u16: bytes */
		host_reads_some(bytes_16(in));
		bed_turn();
		break;
	case 3: /* how its number is wrong */
		guest_resets(in);
		break;
	case 4: /* the host ends a way; u8: which, if any */
		if (host_fd < 0 || bytes_8(in) & 0xfc)
			break;
		model.host_is_done = true;
		shutdown(host_fd, what & 16 ? SHUT_RD : SHUT_WR);
		bed_turn();
		break;
	case 5:
		if (bytes_8(in) & 0xfc)
			break;
		model.host_is_done = true;
		bed_close_host();
		bed_turn();
		break;
	default: /* kind, how its numbers are wrong, length, window, SACK */
		guest_segment(in);
		break;
	}
}

/* First byte: the guest's options, and whether it is IPv6. */
static void open_connection(uint8_t how)
{
	static const struct {
		const uint8_t *options;
		size_t n;
	} kinds[] = {{opt_none, 0},
		     {opt_mss, sizeof(opt_mss)},
		     {opt_mss_sack, sizeof(opt_mss_sack)},
		     {opt_mss_scale, sizeof(opt_mss_scale)}};

	guest_init(how & 1);
	host_pair();
	guest_opens(kinds[how >> 1 & 3].options, kinds[how >> 1 & 3].n);
	/* Every window it has shown: 64000 with the SYN and the ACK. */
	model.down_edge = 64000 << (guest.shift ? 7 : 0);
	model.up_top = 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = {data, data + size};

	if (!size)
		return 0;
	memset(&model, 0, sizeof(model));
	bed_setup();
	open_connection(bytes_8(&in));
	for (unsigned i = 0; i < STEPS_MAX && bytes_left(&in) && conn->tcp; i++) {
		step(&in);
		check_segments();
	}
	host_reads_some(1 << 16);
	check_segments();
	bed_teardown();
	return 0;
}
