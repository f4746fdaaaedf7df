/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_FUZZ_TWOWAYS_H
#define USERNET_FUZZ_TWOWAYS_H

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "flow.h"

#include "base/limit.h"
#include "gateway/gateway.h"
#include "net/netdev.h"
#include "net/network.h"
#include "net/port.h"
#include "net/vswitch.h"

/*
 * A gateway between a model guest and sockets of the host's loopback, with a clock that only the
 * test moves. The guest has TCP connections (flow.h) and UDP ports, whose bytes are a function of
 * their position, too.
 *
 *   ways_open() -> flow_open(), … -> flow_finish() for each flow -> ways_close()
 */
#define GUEST_MAC     UINT64_C(0x525400123456)
#define FLOWS_MAX     3
#define PORTS_MAX     4                    /* UDP ports of the guest, the latter half IPv6's */
#define DATAGRAMS_MAX 256                  /* noted for comparison */
#define FINISH_MAX    (900 * USEC_PER_SEC) /* retransmissions back off */
#define REAL_MS_MAX   5000                 /* for the kernel's loopback, on a busy machine */

/* --- the clock --- */

static usec_t ways_now = 1000 * USEC_PER_SEC;
static bool ways_have_clock;

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	/* libFuzzer measures inputs by the wall clock. */
	if (!ways_have_clock || clock == CLOCK_REALTIME)
		return (int)syscall(SYS_clock_gettime, clock, ts);
	ts->tv_sec = ways_now / USEC_PER_SEC;
	ts->tv_nsec = ways_now % USEC_PER_SEC * 1000;
	return 0;
}

/* --- state --- */

/* What is compared. */
struct outcome {
	unsigned n_flows, n_up, n_down; /* connections, datagrams */
	struct flow flows[FLOWS_MAX];
	uint32_t up[DATAGRAMS_MAX], down[DATAGRAMS_MAX]; /* their ports and lengths, in order */
};

static struct flow flows[FLOWS_MAX];
static unsigned n_flows;
static unsigned ways_lose; /* frames to the guest */
static struct outcome note, *const noted = &note;

static struct loop *loop;
static struct network *network;
static struct port guest_side;
static GQueue spent = G_QUEUE_INIT; /* the guest's frames of this turn */

static int listeners[2] = {-1, -1}, closed_ports[2]; /* of IPv4 and IPv6 */
static uint16_t tcp_ports[2], refusing_ports[2];
static int udp_hosts[2];
static uint16_t udp_host_ports[2];
static uint16_t mapped[PORTS_MAX]; /* the host's port for a guest's; 0: none yet */

/* --- the gateway --- */

/* @frame, owned, comes from the guest in the next turn. */
static inline void guest_puts(uint8_t *frame, size_t len)
{
	g_queue_push_tail(&spent, frame);
	vswitch_input(&guest_side, &(struct frame){frame, (uint32_t)len}, 1);
}

static inline struct flow *flow_of(const struct packet *packet)
{
	uint16_t port = packet_u16(packet->frame + packet->l4 + 2);

	for (unsigned i = 0; i < n_flows; i++) {
		if (flows[i].ends.sport == port && flows[i].ends.v6 == packet->v6)
			return &flows[i];
	}
	return NULL;
}

/* --- the guest's UDP --- */

static inline void note_datagram(uint32_t *list, unsigned *n, unsigned port, unsigned host,
				 size_t len)
{
	if (*n < DATAGRAMS_MAX)
		list[(*n)++] = (port & 7) << 24 | host << 16 | (uint32_t)len;
}

static inline void guest_takes_datagram(const struct packet *packet)
{
	static struct {
		uint8_t data[8 + 65535];
		size_t len;
	} whole;
	const uint8_t *ip = packet->frame + ETH_HEADER;
	bool more = !packet->v6 && packet_u16(ip + 6) & 0x2000;
	size_t at = packet->v6 ? 0 : (packet_u16(ip + 6) & 0x1fffu) * 8;
	size_t len = packet->len - packet->l4;
	unsigned host = packet->v6;
	uint16_t port;

	/* Fragments come in order, and none of them is lost: frames are lost for TCP only. */
	g_assert_cmpuint(at, ==, at ? whole.len : 0);
	memcpy(whole.data + at, packet->frame + packet->l4, len);
	whole.len = at + len;
	if (more)
		return;
	g_assert_cmpuint(packet_u16(whole.data + 4), ==, whole.len);
	g_assert_cmpuint(packet_u16(whole.data), ==, udp_host_ports[host]);
	port = packet_u16(whole.data + 2);
	check_bytes(whole.data + 8, port, whole.len - 8);
	note_datagram(noted->down, &noted->n_down, port, host, whole.len - 8);
}

/* --- the guest's port --- */

static inline void guest_takes(const struct frame *frame)
{
	struct packet packet;
	enum drop_reason why;
	struct flow *flow;

	if (mac_read(frame->data) != GUEST_MAC || !packet_parse(&packet, frame, &why))
		return;
	if (packet.proto == IPPROTO_UDP || packet.fragment) {
		guest_takes_datagram(&packet);
		return;
	}
	if (packet.proto != IPPROTO_TCP)
		return;
	if (ways_lose) {
		ways_lose--;
		return;
	}
	g_assert_true(l4_right(frame->data, packet.len, packet.v6, IPPROTO_TCP));
	flow = flow_of(&packet);
	if (flow)
		flow_takes(flow, &packet);
}

static void guest_side_send(struct port *port, const struct frame *frames, size_t n)
{
	for (size_t i = 0; i < n; i++)
		guest_takes(&frames[i]);
}

static const struct port_ops guest_ops = {.send = guest_side_send};

/* --- turns --- */

/* Turns the loop while anything is due, and acknowledges what came; time stands still. */
static inline void ways_turn(void)
{
	bool again = true;

	for (int turns = 0; again && turns < 100; turns++) {
		again = g_main_context_iteration(NULL, FALSE);
		while (!g_queue_is_empty(&spent))
			g_free(g_queue_pop_head(&spent));
		for (unsigned i = 0; i < n_flows; i++) {
			if (flows[i].must_ack) {
				flow_acks(&flows[i]);
				again = true;
			}
		}
	}
}

static inline void ways_pass(usec_t usec)
{
	usec_t end = ways_now + usec, step = MAX(4 * USEC_PER_MSEC, usec / 20);

	while (ways_now < end) {
		ways_now = MIN(end, ways_now + step);
		ways_turn();
	}
}

/* Loopback has it at once, or when another core has been there. */
static inline bool comes(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	return poll(&poll_fd, 1, REAL_MS_MAX) > 0;
}

/* --- a flow's life --- */

/* Opens it, or is refused. @kind: options. */
static inline void flow_open(struct flow *flow, bool v6, unsigned kind, bool closed)
{
	usec_t end = ways_now + FINISH_MAX;

	*flow = (struct flow){
		.ends = {v6, v6 ? "fec0::15" : "10.0.2.15", v6 ? "fec0::2" : "10.0.2.2",
			 (uint16_t)(4000 + n_flows), closed ? refusing_ports[v6] : tcp_ports[v6]},
		.iss = 0xfffff000 + 0x1000 * n_flows,
		.window = 64000,
		.shift = kind >= 2 ? 7 : 0,
		.fd = -1,
	};
	flow_syn(flow, kind);
	ways_turn();
	if (!closed) {
		g_assert_true(comes(listeners[v6]));
		flow->fd = accept4(listeners[v6], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		g_assert_cmpint(flow->fd, >=, 0);
	}
	while (!flow->opened && !flow->refused) {
		ways_pass(USEC_PER_SEC);
		if (!flow->opened && !flow->refused)
			flow_syn(flow, kind);
		g_assert_cmpint(ways_now, <, end);
	}
	g_assert_true(flow->refused == closed);
	ways_turn();
}

/* Both ends send what they have, and their end. */
static inline void flow_finish(struct flow *flow)
{
	usec_t end = ways_now + FINISH_MAX, pause = 20 * USEC_PER_MSEC;

	if (flow->refused)
		return;
	flow->window = 64000;
	flow->fin = flow->host_fin = true;
	flow->reset = flow->reset || flow->gone;
	if (!flow->over)
		flow_acks(flow);
	while (!flow_is_done(flow)) {
		uint32_t before = flow->up_acked + flow->down_taken + flow->host_read;

		g_assert_true(flow->over || !flow->reset);
		host_pushes(flow);
		host_reads(flow, 1 << 16);
		if (!flow->over)
			flow_sends_window(flow);
		ways_turn();
		if (flow->up_acked + flow->down_taken + flow->host_read != before) {
			pause = 20 * USEC_PER_MSEC;
			continue;
		}
		ways_pass(pause);
		pause = MIN(2 * pause, 10 * USEC_PER_SEC);
		if (pause > USEC_PER_SEC)
			g_usleep(1000); /* for the kernel */
		g_assert_cmpint(ways_now, <, end);
	}
}

/* --- datagrams --- */

static inline void guest_sends_datagram(unsigned which, size_t len)
{
	unsigned port = which % PORTS_MAX;
	bool v6 = port >= PORTS_MAX / 2;
	struct ends ends = {v6, v6 ? "fec0::15" : "10.0.2.15", v6 ? "fec0::2" : "10.0.2.2",
			    (uint16_t)(5000 + port), udp_host_ports[v6]};
	uint8_t data[1500], *frame = g_malloc(100 + len);
	struct sockaddr_in6 from;
	socklen_t from_len = sizeof(from);
	uint16_t seen;

	fill(data, ends.sport, len);
	guest_puts(frame, put_udp(frame, &ends, data, len));
	ways_turn();
	g_assert_true(comes(udp_hosts[v6]));
	memset(data, 0, sizeof(data));
	g_assert_cmpint(
		recvfrom(udp_hosts[v6], data, sizeof(data), MSG_DONTWAIT, (void *)&from, &from_len),
		==, (ssize_t)len);
	check_bytes(data, ends.sport, len);
	seen = ntohs(from.sin6_port); /* where sin_port is */
	g_assert_true(!mapped[port] || mapped[port] == seen);
	mapped[port] = seen;
	note_datagram(noted->up, &noted->n_up, ends.sport, v6, len);
}

static inline void host_sends_datagram(unsigned which, size_t len)
{
	unsigned port = which % PORTS_MAX, before = noted->n_down;
	bool v6 = port >= PORTS_MAX / 2;
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				 .sin_port = htons(mapped[port])};
	struct sockaddr_in6 to6 = {.sin6_family = AF_INET6,
				   .sin6_addr = in6addr_loopback,
				   .sin6_port = htons(mapped[port])};
	uint8_t data[4096];

	if (!mapped[port] || noted->n_down == DATAGRAMS_MAX)
		return;
	if (v6)
		len = MIN(len, 1400); /* libslirp does not cut IPv6 */
	fill(data, 5000 + port, len);
	g_assert_cmpint(sendto(udp_hosts[v6], data, len, 0, v6 ? (void *)&to6 : (void *)&to,
			       v6 ? sizeof(to6) : sizeof(to)),
			==, (ssize_t)len);
	for (int i = 0; i < REAL_MS_MAX && noted->n_down == before; i++) {
		if (i)
			g_usleep(1000);
		ways_turn();
	}
	g_assert_cmpuint(noted->n_down, ==, before + 1);
}

/* --- the gateway's life --- */

static inline int open_host(bool v6, int type, uint16_t *port)
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 addr6 = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
	socklen_t len = v6 ? sizeof(addr6) : sizeof(addr);
	void *name = v6 ? (void *)&addr6 : (void *)&addr;
	int fd = socket(v6 ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	g_assert_cmpint(bind(fd, name, len), ==, 0);
	g_assert_cmpint(getsockname(fd, name, &len), ==, 0);
	*port = ntohs(v6 ? addr6.sin6_port : addr.sin_port);
	return fd;
}

static inline void open_hosts(void)
{
	for (int v6 = 0; v6 < 2; v6++) {
		listeners[v6] = open_host(v6, SOCK_STREAM, &tcp_ports[v6]);
		g_assert_cmpint(listen(listeners[v6], 16), ==, 0);
		/* Bound, so that nobody else takes it; without listen() it refuses. */
		closed_ports[v6] = open_host(v6, SOCK_STREAM, &refusing_ports[v6]);
		udp_hosts[v6] = open_host(v6, SOCK_DGRAM, &udp_host_ports[v6]);
	}
}

static inline void ways_open(bool offload)
{
	uint8_t hello[FRAME_PREFIX + 60] = {0};
	struct user_config config;
	g_autoptr(GError) error = NULL;

	if (listeners[0] < 0)
		open_hosts();
	limit_values[LIMIT_STATIONS_ALL] = 64; /* a smaller table is faster */
	ways_have_clock = true;
	ways_now += 5000 * USEC_PER_SEC;
	loop = loop_new(NULL);
	loop_attach(loop, NULL);
	network = network_new(loop, "test");
	user_config_defaults(&config);
	config.id = "nat";
	config.offload = offload;
	g_assert_true(gateway_new(network, &config, &error));
	port_init(&guest_side, &guest_ops, NULL, "guest");
	vswitch_add_port(network->vswitch, &guest_side);
	mac_write(hello + FRAME_PREFIX, MAC_BROADCAST);
	mac_write(hello + FRAME_PREFIX + 6, GUEST_MAC);
	vswitch_input(&guest_side, &(struct frame){hello + FRAME_PREFIX, 60}, 1);
	n_flows = 0;
	memset(flows, 0, sizeof(flows));
	for (unsigned i = 0; i < FLOWS_MAX; i++)
		flows[i].fd = -1;
	memset(mapped, 0, sizeof(mapped));
	memset(&note, 0, sizeof(note));
	ways_lose = 0;
	ways_turn();
}

static inline void ways_close(struct outcome *outcome)
{
	memcpy(note.flows, flows, sizeof(flows));
	note.n_flows = n_flows;
	*outcome = note;
	for (unsigned i = 0; i < n_flows; i++)
		host_resets(&flows[i]);
	ways_turn();
	n_flows = 0;
	vswitch_remove_port(&guest_side);
	port_fini(&guest_side);
	network_free(network);
	loop_free(loop);
	ways_have_clock = false;
}

static inline void outcomes_are_equal(const struct outcome *a, const struct outcome *b)
{
	g_assert_cmpuint(a->n_flows, ==, b->n_flows);
	for (unsigned i = 0; i < a->n_flows; i++) {
		const struct flow *one = &a->flows[i], *other = &b->flows[i];

		g_assert_true(one->opened == other->opened && one->refused == other->refused);
		g_assert_true(one->over == other->over);
		if (one->over)
			continue;
		g_assert_cmpuint(one->host_read, ==, other->host_read);
		g_assert_cmpuint(one->down_taken, ==, other->down_taken);
		g_assert_true(one->ended == other->ended && one->reset == other->reset);
	}
	g_assert_cmpuint(a->n_up, ==, b->n_up);
	g_assert_cmpuint(a->n_down, ==, b->n_down);
	g_assert_true(!memcmp(a->up, b->up, sizeof(a->up)));
	g_assert_true(!memcmp(a->down, b->down, sizeof(a->down)));
}

#endif
