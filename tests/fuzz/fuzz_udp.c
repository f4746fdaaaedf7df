/* SPDX-License-Identifier: BSD-3-Clause */
#include "bytes.h"
#include "harness.h"
#include "udpbed.h"

/*
 * udp/ between a model guest and sockets of the host's loopback. The input is a list of steps: the
 * guest sends from some ports to some hosts, hosts answer, frames are damaged. Then
 *
 * - a host receives what the guest sent, whole, from one port for each of the guest's ports and
 *   from no port of two of them (RFC 4787 4.1);
 * - the guest receives what a host sent to that port, whole, with the host as source;
 * - nothing else is sent to either.
 */
#define N_PORTS   4
#define N_HOSTS   2
#define LEN_MAX   4000
#define STEPS_MAX 100

static struct host hosts[N_HOSTS];
static uint16_t mapped[2][N_PORTS]; /* IPv4's and IPv6's: the host's port; 0: none yet */
static uint8_t sent[LEN_MAX];

static void fill(uint8_t seed, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sent[i] = (uint8_t)(seed + i * 7 + i / 251);
}

static void check_mapping(bool v6, unsigned port, uint16_t seen)
{
	for (unsigned i = 0; i < N_PORTS; i++) {
		if (i == port)
			g_assert_true(!mapped[v6][i] || mapped[v6][i] == seen);
		else
			g_assert_cmpuint(mapped[v6][i], !=, seen);
	}
	mapped[v6][port] = seen;
}

/* Sockets of loopback have their datagrams at once. */
static ssize_t receive(struct host *host)
{
	host->client_len = sizeof(host->client);
	return recvfrom(host->fd, host->data, sizeof(host->data), MSG_DONTWAIT,
			(void *)&host->client, &host->client_len);
}

static void guest_sends(struct bytes *in)
{
	uint8_t where = bytes_8(in), seed = bytes_8(in);
	unsigned port = where & 3;
	struct host *host = &hosts[where >> 2 & 1];
	struct ends ends = bed_ends(host == &hosts[1], (uint16_t)(4000 + port), host->port);
	size_t len = bytes_16(in) % (1400 + 1);
	ssize_t n;

	fill(seed, len);
	g_assert_cmpint(bed_send(&ends, sent, len), ==, DROP_N_REASONS);
	run_loop(0);
	n = receive(host);
	g_assert_cmpint(n, ==, (ssize_t)len);
	g_assert_true(!memcmp(host->data, sent, len));
	check_mapping(host == &hosts[1], port, host_client_port(host));
	g_assert_cmpuint(bed.got->len, ==, 0);
}

/* Checks a whole datagram or its fragments; the latter only for their sizes. */
static void check_received(const struct host *host, uint16_t dport, size_t len)
{
	if (bed.got->len == 1)
		bed_check(0, host->port, dport, sent, len);
	for (unsigned i = 0; i < bed.got->len; i++)
		g_assert_cmpuint(bed_packet(i).len, <=, ETH_HEADER + 1500);
	g_assert_true(bed.got->len == 1 || len > 1400);
	bed_forget();
}

static void host_sends(struct bytes *in)
{
	uint8_t where = bytes_8(in), seed = bytes_8(in);
	unsigned port = where & 3;
	struct host *host = &hosts[where >> 2 & 1];
	bool v6 = host == &hosts[1];
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				 .sin_port = htons(mapped[0][port])};
	struct sockaddr_in6 to6 = {.sin6_family = AF_INET6,
				   .sin6_addr = in6addr_loopback,
				   .sin6_port = htons(mapped[1][port])};
	size_t len = bytes_16(in) % (LEN_MAX + 1);

	if (!mapped[v6][port])
		return;
	fill(seed, len);
	g_assert_cmpint(sendto(host->fd, sent, len, 0, v6 ? (void *)&to6 : (void *)&to,
			       v6 ? sizeof(to6) : sizeof(to)),
			==, (ssize_t)len);
	run_loop(0);
	check_received(host, (uint16_t)(4000 + port), len);
}

/* A byte of the headers is changed: it may be refused, and harms nobody. */
static void guest_sends_damaged(struct bytes *in)
{
	struct ends ends = bed_ends(false, 4000, hosts[0].port);
	size_t total, at = ETH_HEADER + 20 + (bytes_8(in) & 7);
	uint8_t *frame = bed_put(&ends, "damaged", 7, &total);
	enum drop_reason why;
	struct packet packet;

	/* Neither port: it would lead to a stranger, or from a port of which nothing is known. */
	if (at < ETH_HEADER + 24)
		return;
	frame[at] ^= bytes_8(in);
	if (packet_parse(&packet, &(struct frame){frame, (uint32_t)total}, &why))
		bed_input(frame, total);
	run_loop(0);
	while (receive(&hosts[0]) >= 0)
		check_mapping(false, 0, host_client_port(&hosts[0]));
	bed_forget();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = {data, data + size};

	memset(mapped, 0, sizeof(mapped));
	bed_open();
	host_open(&hosts[0], false);
	host_open(&hosts[1], true);
	for (unsigned i = 0; i < STEPS_MAX && bytes_left(&in); i++) {
		uint8_t what = bytes_8(&in) % 4;

		if (what == 0)
			guest_sends_damaged(&in);
		else if (what == 1)
			host_sends(&in);
		else
			guest_sends(&in);
	}
	for (unsigned i = 0; i < N_HOSTS; i++)
		close(hosts[i].fd);
	bed_close();
	return 0;
}
