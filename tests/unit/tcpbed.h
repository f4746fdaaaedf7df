/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TESTS_TCPBED_H
#define USERNET_TESTS_TCPBED_H

#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "packets.h"

#include "conntrack/charge.h"
#include "conntrack/reset.h"
#include "net/network.h"
#include "net/offload.h"
#include "net/outbox.h"
#include "net/user_config.h"
#include "net/vswitch.h"
#include "tcp/conn.h"
#include "tcp/options.h"
#include "tcp/seq.h"
#include "tcp/tcp.h"

/*
 * The room tcp/ between a guest, whose segments the test writes, and a host's socket, with a clock
 * that only the test moves. The bed acts as the gateway: it finds or opens the conn of a segment
 * and calls tcp_run().
 */
#define GUEST_MAC UINT64_C(0x525400123456)

/* --- the clock, for everything in this program --- */

static usec_t bed_now = 1000 * USEC_PER_SEC;
static bool bed_has_clock; /* else the kernel's: Check measures the duration of tests */

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	/* libFuzzer measures inputs by the wall clock. */
	if (!bed_has_clock || clock == CLOCK_REALTIME)
		return (int)syscall(SYS_clock_gettime, clock, ts);
	ts->tv_sec = bed_now / USEC_PER_SEC;
	ts->tv_nsec = bed_now % USEC_PER_SEC * 1000;
	return 0;
}

/* --- the bed --- */

/* A segment to the guest, as it came. */
struct seen {
	uint8_t *frame;
	struct packet packet;
	struct tcp_options options;
	uint32_t seq, ack, len, window; /* window: the field */
	uint8_t flags;
	const uint8_t *payload;
};

static struct loop *loop;
static struct network *network;
static struct user_config config;
static struct port guest_side, gateway_side;
static struct outbox outbox;
static struct conn_table *conns;
static struct charge_book *charges;
static struct loop_task service;
static struct tcp *tcp;
static GQueue inbox = G_QUEUE_INIT;   /* struct frame, owned: from the guest */
static GQueue outcome = G_QUEUE_INIT; /* struct seen: to the guest */
static GQueue spent = G_QUEUE_INIT;   /* frames of this turn */
static int host_fd = -1;              /* the far end of the host's socket */
static int next_fd = -1;              /* the near end, for the conn that opens next */
static int next_error;                /* or errno of its connect() */
static struct conn *conn;             /* the last one opened */
static bool (*bed_filter)(const struct frame *frame); /* false: lost towards the guest */
static unsigned bed_n_partial; /* frames with FRAME_SUM_PARTIAL to the guest */

static void seen_free(void *data)
{
	struct seen *seen = data;

	g_free(seen->frame);
	g_free(seen);
}

/* What the kernel behind a tap makes of a frame without a sum. Newly allocated. */
static uint8_t *finished(const struct frame *frame)
{
	struct offload_at at;
	struct frame whole;
	uint8_t *room, *data;

	if (frame->sum != FRAME_SUM_PARTIAL)
		return g_memdup2(frame->data, frame->len);
	bed_n_partial++;
	ck_assert(offload_locate(frame, &at));
	room = g_malloc(offload_room(frame, &at, FRAME_PREFIX));
	ck_assert_uint_eq(offload_finish(frame, &at, room, FRAME_PREFIX, &whole), 1);
	ck_assert_uint_eq(whole.len, frame->len);
	data = g_memdup2(whole.data, whole.len);
	g_free(room);
	return data;
}

static void take_frame(const struct frame *frame)
{
	struct seen *seen = g_new0(struct seen, 1);
	enum drop_reason why;
	const uint8_t *header;

	ck_assert_uint_eq(packet_u32(frame->data - FRAME_PREFIX), frame->len);
	seen->frame = finished(frame);
	ck_assert(packet_parse(&seen->packet, &(struct frame){seen->frame, frame->len}, &why));
	ck_assert(seen->packet.proto != IPPROTO_TCP ||
		  l4_right(seen->frame, seen->packet.len, seen->packet.v6, IPPROTO_TCP));
	ck_assert(seen->packet.v6 || ip_right(seen->frame));
	ck_assert_uint_eq(mac_read(seen->frame), GUEST_MAC);
	if (seen->packet.proto == IPPROTO_TCP) {
		header = seen->frame + seen->packet.l4;
		tcp_options_read(&seen->options, &seen->packet);
		seen->seq = packet_u32(header + 4);
		seen->ack = packet_u32(header + 8);
		seen->flags = seen->packet.tcp_flags;
		seen->window = packet_u16(header + 14);
		seen->payload = seen->frame + seen->packet.payload;
		seen->len = seen->packet.len - seen->packet.payload;
	}
	g_queue_push_tail(&outcome, seen);
}

static void guest_side_send(struct port *port, const struct frame *frames, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!bed_filter || bed_filter(&frames[i]))
			take_frame(&frames[i]);
	}
}

static void no_send(struct port *port, const struct frame *frames, size_t n)
{
}

static const struct port_ops guest_ops = {.send = guest_side_send};
static const struct port_ops gateway_ops = {.send = no_send};

static void bed_open_conn(const struct packet *packet, const struct conn_key *key)
{
	const struct conn_origin origin = {
		.opener = CONN_BY_GUEST,
		.mac = GUEST_MAC,
		.port_id = guest_side.id,
	};
	int fd = next_fd;

	conn = conn_open(conns, key, &origin, loop_now(loop));
	next_fd = -1;
	if (next_error)
		tcp_refuse(tcp, conn, packet, next_error);
	else if (fd >= 0)
		tcp_accept(tcp, conn, packet, fd);
}

/* The guest did not receive the last ACK. */
static void bed_answer_late(const struct conn *late)
{
	uint8_t *frame = outbox_reserve(&outbox, RESET_FRAME_MAX);

	outbox_commit(&outbox,
		      reset_build_last_ack(frame, late, user_config_mac(&config), GUEST_MAC));
}

static void bed_serve(struct loop_task *task)
{
	struct frame *frame;

	while ((frame = g_queue_pop_head(&inbox))) {
		struct packet packet;
		struct conn_key key;
		enum drop_reason why;
		struct conn *found;

		g_queue_push_tail(&spent, (uint8_t *)frame->data);
		ck_assert(packet_parse(&packet, frame, &why));
		g_free(frame);
		ck_assert(conn_key_of(&key, &packet, CONN_FROM_GUEST));
		found = conn_find(conns, &key);
		if (found && found->tcp)
			tcp_input(tcp, found, &packet);
		else if (conn_is_syn(&packet) && (!found || conn_is_closed(found)))
			bed_open_conn(&packet, &key);
		else if (found && !found->tcp && !found->ends.reset)
			bed_answer_late(found);
	}
	tcp_run(tcp);
	outbox_flush(&outbox);
}

/* Turns the loop while anything is due; time stands still. */
static inline void bed_turn(void)
{
	for (int i = 0; i < 50 && g_main_context_iteration(NULL, FALSE); i++)
		;
	/* Frames from the guest are borrowed for the turn. */
	while (!g_queue_is_empty(&spent))
		g_free(g_queue_pop_head(&spent));
}

/* Advances the clock by @usec. */
static inline void bed_pass(usec_t usec)
{
	usec_t end = bed_now + usec, step = MAX(USEC_PER_MSEC, usec / 1000);

	while (bed_now < end) {
		bed_now = MIN(end, bed_now + step);
		bed_turn();
	}
}

static inline void bed_setup_with(unsigned mtu)
{
	uint8_t hello[FRAME_PREFIX + 60] = {0};
	struct tcp_env env;

	bed_has_clock = true;
	bed_now += 5000 * USEC_PER_SEC;
	loop = loop_new(NULL);
	loop_attach(loop, NULL);
	network = network_new(loop, "test");
	vswitch_set_guard(network->vswitch, NULL, NULL);
	user_config_defaults(&config);
	config.mtu = mtu;
	ck_assert(user_config_resolve(&config, NULL));
	port_init(&guest_side, &guest_ops, NULL, "guest");
	port_init(&gateway_side, &gateway_ops, NULL, "gateway");
	gateway_side.trusted = true;
	vswitch_add_port(network->vswitch, &guest_side);
	vswitch_add_port(network->vswitch, &gateway_side);
	mac_write(hello + FRAME_PREFIX, user_config_mac(&config));
	mac_write(hello + FRAME_PREFIX + 6, GUEST_MAC);
	vswitch_input(&guest_side, &(struct frame){hello + FRAME_PREFIX, 60}, 1);
	outbox_init(&outbox, network->chunks, &gateway_side);
	charges = charge_book_new(64);
	conns = conn_table_new(loop, charges);
	loop_task_init(loop, &service, LOOP_SERVICE, bed_serve);
	env = (struct tcp_env){
		.network = network,
		.config = &config,
		.outbox = &outbox,
		.conns = conns,
		.charges = charges,
		.service = &service,
	};
	tcp = tcp_new(&env);
	next_error = 0;
	conn = NULL;
	bed_filter = NULL;
	bed_n_partial = 0;
}

static inline void bed_setup(void)
{
	bed_setup_with(0);
}

static inline void bed_close_host(void)
{
	if (host_fd >= 0)
		close(host_fd);
	host_fd = -1;
}

/* After any test all resources must be free. */
static inline void bed_teardown(void)
{
	tcp_free(tcp);
	conn_table_free(conns);
	loop_task_cancel(&service);
	ck_assert_uint_eq(charge_book_held(charges, CHARGE_BYTES), 0);
	ck_assert_uint_eq(charge_book_held(charges, CHARGE_FDS), 0);
	ck_assert_uint_eq(charge_book_held(charges, CHARGE_OPENING), 0);
	charge_book_free(charges);
	bed_close_host();
	outbox_flush(&outbox);
	outbox_fini(&outbox);
	bed_turn();
	vswitch_remove_port(&guest_side);
	vswitch_remove_port(&gateway_side);
	port_fini(&guest_side);
	port_fini(&gateway_side);
	network_free(network);
	loop_free(loop);
	g_queue_clear_full(&outcome, seen_free);
	bed_has_clock = false;
}

/* --- the guest --- */

static struct {
	bool v6;
	struct ends ends;
	uint32_t iss, nxt; /* of the guest */
	uint32_t irs, rcv_nxt;
	bool stamps;
	uint32_t stamp, echo;
	unsigned shift, peer_shift;
	uint32_t window;        /* bytes */
	const uint8_t *options; /* replaces the timestamps */
	size_t n_options;
} guest;

static inline void guest_init(bool v6)
{
	memset(&guest, 0, sizeof(guest));
	guest.v6 = v6;
	guest.ends = v6 ? flow6 : flow4;
	guest.iss = 1000000;
	guest.nxt = guest.iss;
	guest.window = 64000;
}

static inline void guest_queue(uint8_t *frame, size_t len)
{
	struct frame *entry = g_new(struct frame, 1);

	*entry = (struct frame){frame, (uint32_t)len};
	g_queue_push_tail(&inbox, entry);
	loop_task_defer(&service);
}

static inline void set_window(uint8_t *frame, uint32_t field)
{
	uint8_t *header = frame + ETH_HEADER + (guest.v6 ? 40 : 20);
	uint16_t from, to;

	memcpy(&from, header + 14, 2);
	packet_put16(header + 14, (uint16_t)MIN(field, 65535));
	memcpy(&to, header + 14, 2);
	csum_update16(header + 16, from, to);
}

/* Queues a segment for the room; the next turn handles it. */
static inline void guest_says(uint8_t flags, uint32_t seq, uint32_t ack, const void *data,
			      size_t len)
{
	uint8_t *frame = g_malloc(120 + len), stamps[12];
	size_t n = guest.n_options;
	const uint8_t *options = guest.options;

	if (!options && guest.stamps) {
		packet_put32(packet_put32(packet_put32(stamps, 0x0101080a), guest.stamp),
			     guest.echo);
		options = stamps;
		n = sizeof(stamps);
	}
	len = put_tcp(frame, &guest.ends, seq, ack, flags, options, n, data, len);
	set_window(frame, flags & TCP_FLAG_SYN ? guest.window : guest.window >> guest.shift);
	guest_queue(frame, len);
}

/* Data that continues the guest's stream. */
static inline void guest_sends(const void *data, size_t len)
{
	guest_says(TCP_FLAG_ACK | TCP_FLAG_PSH, guest.nxt, guest.rcv_nxt, data, len);
	guest.nxt += (uint32_t)len;
}

static inline void guest_acks(uint32_t ack)
{
	guest.rcv_nxt = ack;
	guest_says(TCP_FLAG_ACK, guest.nxt, ack, NULL, 0);
}

static inline void guest_fins(void)
{
	guest_says(TCP_FLAG_ACK | TCP_FLAG_FIN, guest.nxt++, guest.rcv_nxt, NULL, 0);
}

/* The next segment to the guest; fails if there is none. Freed by the next call. */
static struct seen *last_seen;
static inline struct seen *seen_next(void)
{
	if (last_seen)
		seen_free(last_seen);
	last_seen = g_queue_pop_head(&outcome);
	ck_assert_msg(last_seen, "no segment came");
	return last_seen;
}

static inline bool seen_none(void)
{
	return g_queue_is_empty(&outcome);
}

static inline void seen_clear(void)
{
	g_queue_clear_full(&outcome, seen_free);
}

/* --- opening --- */

static const uint8_t opt_none[] = {0};
static const uint8_t opt_all[] = {2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 100, 0, 0, 0, 0, 1, 3, 3, 7};
static const uint8_t opt_mss[] = {2, 4, 5, 180};
static const uint8_t opt_mss_sack[] = {2, 4, 5, 180, 1, 1, 4, 2};
static const uint8_t opt_mss_scale[] = {2, 4, 5, 180, 1, 3, 3, 7};

static inline void host_pair(void)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	next_fd = pair[0];
	host_fd = pair[1];
}

/* A loopback TCP connection in place of the pair. */
static inline void host_tcp(void)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
	socklen_t len = sizeof(addr);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(listener, (struct sockaddr *)&addr, len), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	getsockname(listener, (struct sockaddr *)&addr, &len);
	next_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (connect(next_fd, (struct sockaddr *)&addr, len) < 0)
		ck_assert_int_eq(errno, EINPROGRESS);
	host_fd = accept(listener, NULL, NULL);
	ck_assert_int_ge(host_fd, 0);
	close(listener);
}

static inline void guest_syn(const uint8_t *options, size_t n)
{
	guest.options = options;
	guest.n_options = n;
	guest_says(TCP_FLAG_SYN, guest.iss, 0, NULL, 0);
	guest.options = NULL;
	guest.n_options = 0;
	guest.nxt = guest.iss + 1;
}

/* Follows the SYN,ACK's (or SYN's) numbers and options. */
static inline void guest_heard_syn(const struct seen *seen)
{
	guest.irs = seen->seq;
	guest.rcv_nxt = seen->seq + 1;
	guest.stamps = seen->options.has_stamps;
	guest.stamp = 100;
	guest.echo = seen->options.stamp;
	guest.peer_shift = seen->options.shift;
	guest.shift = seen->options.has_shift ? 7 : 0;
}

/* The three segments of a handshake outward; next_fd is set. */
static inline void guest_opens(const uint8_t *options, size_t n)
{
	struct seen *seen;

	guest_syn(options, n);
	bed_turn();
	seen = seen_next();
	ck_assert_uint_eq(seen->flags, TCP_FLAG_SYN | TCP_FLAG_ACK);
	ck_assert_uint_eq(seen->ack, guest.nxt);
	guest_heard_syn(seen);
	guest_acks(guest.rcv_nxt);
	bed_turn();
	ck_assert_int_eq(conn->state, CONN_ESTABLISHED);
	seen_clear();
}

static inline void open_all(void)
{
	guest_init(false);
	host_pair();
	guest_opens(opt_all, sizeof(opt_all));
}

/* --- the host --- */

static inline void host_writes(const void *data, size_t len)
{
	ck_assert_int_eq(send(host_fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT), (ssize_t)len);
}

/* Exactly @text can be read. */
static inline void host_reads(const char *text)
{
	char buffer[4096];
	ssize_t n = recv(host_fd, buffer, sizeof(buffer), MSG_DONTWAIT);

	ck_assert_int_eq(n, (ssize_t)strlen(text));
	ck_assert_int_eq(memcmp(buffer, text, (size_t)n), 0);
}

static inline bool host_has_nothing(void)
{
	char byte;

	return recv(host_fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
}

static inline bool host_at_end(void)
{
	char byte;

	return recv(host_fd, &byte, 1, MSG_DONTWAIT) == 0;
}

/* Bytes that differ by position. */
static inline uint8_t *pattern(size_t len)
{
	uint8_t *bytes = g_malloc(len);

	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(i * 31 + (i >> 8) * 7 + (i >> 16));
	return bytes;
}

#endif
