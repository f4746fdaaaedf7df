/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TESTS_UDPBED_H
#define USERNET_TESTS_UDPBED_H

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conntrack/charge.h"
#include "conntrack/conntrack.h"
#include "fakeport.h"
#include "net/network.h"
#include "net/outbox.h"
#include "net/user_config.h"
#include "net/vswitch.h"
#include "packets.h"
#include "udp/udp.h"

/*
 * The room udp/ between a guest, whose frames the tests write and check, and real sockets on the
 * host's loopback, reached at the gateway's address.
 */
#define GUEST_MAC UINT64_C(0x525400123456)

struct udp_bed {
	struct loop *loop;
	struct network *network;
	struct user_config config;
	struct conntrack *conntrack;
	struct conn_table *conns;
	struct charge_book *charges;
	struct fakeport guest, gateway;
	struct outbox outbox;
	struct loop_task service;
	struct udp *udp;
	GPtrArray *sent; /* frames of a turn, borrowed until its end */
	GPtrArray *got;  /* GByteArray: frames for the guest */
};

static struct udp_bed bed;

static inline void bed_collect(void)
{
	for (size_t i = 0; i < bed.outbox.n; i++) {
		GByteArray *copy = g_byte_array_new();

		g_byte_array_append(copy, bed.outbox.frames[i].data, bed.outbox.frames[i].len);
		g_ptr_array_add(bed.got, copy);
	}
	bed.outbox.n = 0;
	bed.outbox.n_chunks = 0;
	if (bed.outbox.chunk)
		chunk_retire(bed.network->chunks, bed.outbox.chunk);
	bed.outbox.chunk = NULL;
}

static inline void bed_serve(struct loop_task *task)
{
	udp_run(bed.udp);
	bed_collect();
	g_ptr_array_set_size(bed.sent, 0);
}

static inline void bed_free_frame(void *data)
{
	g_byte_array_unref(data);
}

static inline void bed_open(void)
{
	uint8_t hello[60] = {0};
	struct frame frame = {hello, sizeof(hello)};

	bed.loop = new_test_loop();
	bed.network = network_new(bed.loop, "test");
	user_config_defaults(&bed.config);
	bed.config.id = "nat";
	ck_assert(user_config_resolve(&bed.config, NULL));
	bed.charges = charge_book_new(8);
	bed.conntrack = conntrack_new(bed.network, &bed.config, bed.charges, &bed.service, NULL);
	ck_assert_ptr_nonnull(bed.conntrack);
	bed.conns = conntrack_conns(bed.conntrack);
	port_init(&bed.guest.port, &fakeport_ops, NULL, "guest");
	port_init(&bed.gateway.port, &fakeport_ops, NULL, "gateway");
	vswitch_add_port(bed.network->vswitch, &bed.guest.port);
	vswitch_add_port(bed.network->vswitch, &bed.gateway.port);
	bed.gateway.port.trusted = true;
	mac_write(hello, MAC_BROADCAST);
	mac_write(hello + 6, GUEST_MAC);
	vswitch_input(&bed.guest.port, &frame, 1);
	ck_assert_ptr_eq(vswitch_lookup(bed.network->vswitch, GUEST_MAC), &bed.guest.port);
	outbox_init(&bed.outbox, bed.network->chunks, &bed.gateway.port);
	loop_task_init(bed.loop, &bed.service, LOOP_SERVICE, bed_serve);
	bed.sent = g_ptr_array_new_with_free_func(g_free);
	bed.got = g_ptr_array_new_with_free_func(bed_free_frame);
	bed.udp = udp_new(&(struct udp_env){
		.network = bed.network,
		.config = &bed.config,
		.outbox = &bed.outbox,
		.conntrack = bed.conntrack,
		.conns = bed.conns,
		.charges = bed.charges,
		.service = &bed.service,
	});
}

static inline void bed_close(void)
{
	udp_free(bed.udp);
	conntrack_free(bed.conntrack);
	charge_book_free(bed.charges);
	loop_task_cancel(&bed.service);
	outbox_fini(&bed.outbox);
	vswitch_remove_port(&bed.guest.port);
	vswitch_remove_port(&bed.gateway.port);
	port_fini(&bed.guest.port);
	port_fini(&bed.gateway.port);
	network_free(bed.network);
	loop_free(bed.loop);
	g_ptr_array_unref(bed.sent);
	g_ptr_array_unref(bed.got);
}

/* --- the guest --- */

static inline struct conn *bed_conn(const struct packet *packet)
{
	struct conn_origin origin = {
		.opener = CONN_BY_GUEST, .mac = GUEST_MAC, .port_id = bed.guest.port.id};
	struct conn_key key;
	struct conn *conn;

	ck_assert(conn_key_of(&key, packet, CONN_FROM_GUEST));
	conn = conn_find(bed.conns, &key);
	return conn ? conn : conn_open(bed.conns, &key, &origin, loop_now(bed.loop));
}

static inline struct ends bed_ends(bool v6, uint16_t sport, uint16_t dport)
{
	return v6 ? (struct ends){true, "fec0::15", "fec0::2", sport, dport}
		  : (struct ends){false, "10.0.2.15", "10.0.2.2", sport, dport};
}

/* The last frame made, to be changed before bed_input(). */
static inline uint8_t *bed_put(const struct ends *ends, const void *data, size_t len, size_t *total)
{
	uint8_t *frame = g_malloc(100 + len);

	*total = put_udp(frame, ends, data, len);
	g_ptr_array_add(bed.sent, frame);
	return frame;
}

static inline enum drop_reason bed_input(const uint8_t *frame, size_t len)
{
	struct packet packet = parsed(frame, len);
	enum drop_reason why = DROP_N_REASONS;

	if (udp_input(bed.udp, bed_conn(&packet), &packet, &why))
		why = DROP_N_REASONS;
	loop_task_defer(&bed.service);
	return why;
}

static inline enum drop_reason bed_send(const struct ends *ends, const void *data, size_t len)
{
	size_t total;
	uint8_t *frame = bed_put(ends, data, len, &total);

	return bed_input(frame, total);
}

/* Turns until there are @n frames for the guest. */
static inline void bed_expect(unsigned n)
{
	gint64 end = g_get_monotonic_time() + 5 * G_USEC_PER_SEC;

	while (bed.got->len < n && g_get_monotonic_time() < end)
		run_loop(1);
	ck_assert_uint_eq(bed.got->len, n);
}

static inline void bed_forget(void)
{
	g_ptr_array_set_size(bed.got, 0);
}

static inline GByteArray *bed_frame(unsigned i)
{
	return g_ptr_array_index(bed.got, i);
}

static inline struct packet bed_packet(unsigned i)
{
	GByteArray *frame = bed_frame(i);
	struct packet packet = parsed(frame->data, frame->len);

	if (!packet.v6)
		ck_assert(ip_right(frame->data));
	if (!packet.fragment && packet.proto != IPPROTO_ICMP)
		ck_assert(l4_right(frame->data, packet.len, packet.v6, packet.proto));
	ck_assert_uint_eq(mac_read(frame->data), GUEST_MAC);
	return packet;
}

/* The @i-th frame is a datagram from the gateway's @sport with this payload. */
static inline void bed_check(unsigned i, uint16_t sport, uint16_t dport, const void *data,
			     size_t len)
{
	struct packet packet = bed_packet(i);
	struct in6_addr gateway =
		packet.v6 ? bed.config.host6 : address_map4(bed.config.host.s_addr);

	ck_assert_uint_eq(packet.proto, IPPROTO_UDP);
	ck_assert(IN6_ARE_ADDR_EQUAL(&packet.src, &gateway));
	ck_assert_uint_eq(packet.sport, sport);
	ck_assert_uint_eq(packet.dport, dport);
	ck_assert_uint_eq(packet.len - packet.payload, len);
	ck_assert_mem_eq(packet.frame + packet.payload, data, len);
}

/* --- the host --- */

struct host {
	int fd;
	uint16_t port;
	struct sockaddr_storage client; /* the sender of the last datagram */
	socklen_t client_len;
	uint8_t data[65536];
};

static inline void host_open(struct host *host, bool v6)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
	struct timeval patience = {5, 0};
	socklen_t len = v6 ? sizeof(in6) : sizeof(in);
	void *name = v6 ? (void *)&in6 : (void *)&in;

	host->fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(host->fd, 0);
	ck_assert_int_eq(bind(host->fd, name, len), 0);
	ck_assert_int_eq(getsockname(host->fd, name, &len), 0);
	host->port = ntohs(v6 ? in6.sin6_port : in.sin_port);
	setsockopt(host->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
}

static inline size_t host_receive(struct host *host)
{
	ssize_t n;

	run_loop(0);
	host->client_len = sizeof(host->client);
	n = recvfrom(host->fd, host->data, sizeof(host->data), 0, (void *)&host->client,
		     &host->client_len);
	ck_assert_int_ge(n, 0);
	return (size_t)n;
}

static inline uint16_t host_client_port(const struct host *host)
{
	return ntohs(host->client.ss_family == AF_INET6
			     ? ((const struct sockaddr_in6 *)&host->client)->sin6_port
			     : ((const struct sockaddr_in *)&host->client)->sin_port);
}

static inline void host_answer(const struct host *host, const struct host *client_of,
			       const void *data, size_t len)
{
	ck_assert_int_eq(sendto(host->fd, data, len, 0, (const void *)&client_of->client,
				client_of->client_len),
			 (ssize_t)len);
}

#endif
