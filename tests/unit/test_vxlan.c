/* SPDX-License-Identifier: BSD-3-Clause */
#include "link/dgram_out.h"
#include "link/vxlan.h"
#include "link/vxlan_header.h"
#include "linkbed.h"
#include "run_suite.h"

#define VNI 0xabcdef

static struct sockaddr_any local;

static struct sockaddr_any host(const char *address, const char *port)
{
	struct sockaddr_any addr;

	ck_assert(sockaddr_inet(&addr, address, port, NULL));
	return addr;
}

/* A host's socket: its VTEP's own port, or any. */
static int bound(const struct sockaddr_any *addr)
{
	GError *error = NULL;
	int fd = socket_bind(addr, SOCK_DGRAM, &error);

	ck_assert_msg(fd >= 0, "%s", error ? error->message : "no error");
	return fd;
}

static struct sockaddr_any vtep(const char *address)
{
	struct sockaddr_any addr = host(address, "0");

	addr.in.sin_port = local.in.sin_port;
	return addr;
}

static void setup(void)
{
	struct sockaddr_any any = host("127.0.0.1", "0");
	int fd;

	bed_setup();
	fd = bound(&any);
	local = (struct sockaddr_any){.len = sizeof(local.storage)};
	ck_assert_int_eq(getsockname(fd, &local.sa, &local.len), 0);
	close(fd);
}

static struct netdev *make(bool unlisted, const struct sockaddr_any *remotes, size_t n)
{
	GError *error = NULL;
	struct netdev *netdev = vxlan_netdev_new(network,
						 &(struct vxlan_config){.id = "far",
									.vni = VNI,
									.local = local,
									.remotes = remotes,
									.n_remotes = n,
									.unlisted = unlisted},
						 &error);

	ck_assert_msg(netdev, "%s", error ? error->message : "no error");
	return netdev;
}

static void send_frame(int fd, uint32_t vni, mac_t dst, mac_t src, uint8_t seed)
{
	uint8_t data[VXLAN_HEADER + 100];

	vxlan_write(data, vni);
	fill_frame(data + VXLAN_HEADER, 100, dst, src, seed);
	ck_assert_int_eq(sendto(fd, data, sizeof(data), 0, &local.sa, local.len), sizeof(data));
}

static void expect_frame(int fd, mac_t dst, mac_t src, uint8_t seed)
{
	uint8_t want[VXLAN_HEADER + 100], got[200];
	ssize_t n;

	vxlan_write(want, VNI);
	fill_frame(want + VXLAN_HEADER, 100, dst, src, seed);
	run_until((n = recv(fd, got, sizeof(got), MSG_DONTWAIT)) >= 0);
	ck_assert_int_eq(n, sizeof(want));
	ck_assert_mem_eq(got, want, sizeof(want));
}

static void expect_nothing(int fd)
{
	uint8_t byte;

	run_idle();
	ck_assert_int_lt(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
	ck_assert_int_eq(errno, EAGAIN);
}

START_TEST(header_is_that_of_rfc_7348)
{
	static const uint8_t want[] = {0x08, 0, 0, 0, 0xab, 0xcd, 0xef, 0};
	static const uint8_t reserved[] = {0xff, 1, 2, 3, 0xab, 0xcd, 0xef, 4};
	uint8_t header[VXLAN_HEADER];
	uint32_t vni = 0;

	vxlan_write(header, VNI);
	ck_assert_mem_eq(header, want, sizeof(want));
	ck_assert(vxlan_read(reserved, sizeof(reserved), &vni));
	ck_assert_uint_eq(vni, VNI);
}
END_TEST

START_TEST(header_that_is_short_or_has_no_identifier_is_refused)
{
	uint8_t header[VXLAN_HEADER];
	uint32_t vni;

	vxlan_write(header, VNI);
	for (size_t len = 0; len < VXLAN_HEADER; len++) {
		g_autofree uint8_t *exact = g_memdup2(header, len); /* for a sanitizer */

		ck_assert(!vxlan_read(exact, len, &vni));
	}
	header[0] = 0xf7;
	ck_assert(!vxlan_read(header, sizeof(header), &vni));
}
END_TEST

START_TEST(floods_go_to_each_remote_and_unicast_to_the_one_that_was_heard)
{
	struct sockaddr_any remotes[] = {vtep("127.0.0.2"), vtep("127.0.0.3")};
	struct netdev *netdev = make(false, remotes, 2);
	int one = bound(&remotes[0]), two = bound(&remotes[1]);
	struct sockaddr_any any_port = host("127.0.0.3", "0");
	int other_port = bound(&any_port);

	/* Split horizon: frames of one remote do not go to another. */
	ck_assert(port_named("far.1")->uplink);
	send_frame(one, VNI, MAC_BROADCAST, MAC_A, 1);
	send_frame(other_port, VNI, MAC_BROADCAST, MAC_B, 2);
	run_until(port_named("far.2")->count.rx_frames == 1);
	expect_nothing(one);
	expect_nothing(two);
	netdev_set_uplink(netdev, false);
	send_frame(one, VNI, MAC_BROADCAST, MAC_A, 3);
	expect_frame(two, MAC_BROADCAST, MAC_A, 3);
	send_frame(two, VNI, MAC_A, MAC_B, 4);
	expect_frame(one, MAC_A, MAC_B, 4);
	expect_nothing(two);
	close(one);
	close(two);
	close(other_port);
}
END_TEST

START_TEST(other_identifiers_and_short_frames_are_dropped_and_counted)
{
	struct sockaddr_any remotes[] = {vtep("127.0.0.2")};
	int one = bound(&remotes[0]);
	uint8_t runt[VXLAN_HEADER + 13];
	struct port *port;

	make(false, remotes, 1);
	port = port_named("far.1");
	send_frame(one, VNI - 1, MAC_BROADCAST, MAC_A, 1);
	vxlan_write(runt, VNI);
	memset(runt + VXLAN_HEADER, 0, 13);
	ck_assert_int_gt(sendto(one, runt, sizeof(runt), 0, &local.sa, local.len), 0);
	ck_assert_int_gt(sendto(one, runt, 7, 0, &local.sa, local.len), 0);
	run_until(port->count.drops[DROP_MALFORMED] == 1);
	ck_assert_uint_eq(port->count.drops[DROP_VLAN], 1);
	ck_assert_uint_eq(port->count.drops[DROP_RUNT], 1);
	ck_assert_uint_eq(port->count.rx_frames, 0);
	close(one);
}
END_TEST

START_TEST(unlisted_hosts_are_refused_unless_told_and_then_limited)
{
	struct netdev *netdev = make(_i, NULL, 0);

	for (unsigned i = 0; i < VXLAN_MAX_UNLISTED + 3; i++) {
		g_autofree char *address = g_strdup_printf("127.0.1.%u", i + 1);
		struct sockaddr_any from = host(address, "0");
		int fd = bound(&from);

		/* A datagram of another network makes no remote. */
		send_frame(fd, VNI + 1, MAC_BROADCAST, MAC_A + i, 0);
		send_frame(fd, VNI, MAC_BROADCAST, MAC_A + i, 0);
		run_idle();
		close(fd);
	}
	run_until(netdev->n_refused == (_i ? 3 : VXLAN_MAX_UNLISTED + 3));
	ck_assert_uint_eq(count_ports(), _i ? VXLAN_MAX_UNLISTED : 0);
}
END_TEST

static void drain(struct dgram_out *out)
{
	dgram_out_drain(out);
}

START_TEST(frames_that_had_to_wait_have_the_header_too)
{
	static const uint8_t header[] = {1, 2, 3, 4, 5, 6, 7, 8};
	enum { N = 2000 };
	g_autofree uint8_t *memory = g_malloc0(N * 104);
	struct sockaddr_any none = {.len = 0};
	struct dgram_out out;
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair), 0);
	dgram_out_named(&out, loop, pair[0], &none, drain);
	out.header = header;
	out.header_len = sizeof(header);
	for (unsigned i = 0; i < N; i++) {
		struct frame f = {.data = memory + i * 104 + 4, .len = 100};

		fill_frame((uint8_t *)f.data, f.len, MAC_A, MAC_B, (uint8_t)i);
		frame_set_prefix((uint8_t *)f.data, f.len);
		dgram_out_note(&out, &f, 1);
	}
	dgram_out_flush(&out);
	ck_assert_uint_gt(dgram_out_held(&out), 0);
	for (unsigned i = 0; i < N; i++) {
		uint8_t got[200];
		ssize_t n;

		run_until((n = recv(pair[1], got, sizeof(got), MSG_DONTWAIT)) >= 0);
		ck_assert_int_eq(n, 108);
		ck_assert_mem_eq(got, header, sizeof(header));
		ck_assert_mem_eq(got + 8, memory + i * 104 + 4, 100);
	}
	dgram_out_clear(&out);
	close(pair[0]);
	close(pair[1]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vxlan");
	TCase *tcase = tcase_create("vxlan");

	tcase_add_checked_fixture(tcase, setup, bed_teardown);
	tcase_add_test(tcase, header_is_that_of_rfc_7348);
	tcase_add_test(tcase, header_that_is_short_or_has_no_identifier_is_refused);
	tcase_add_test(tcase, floods_go_to_each_remote_and_unicast_to_the_one_that_was_heard);
	tcase_add_test(tcase, other_identifiers_and_short_frames_are_dropped_and_counted);
	tcase_add_loop_test(tcase, unlisted_hosts_are_refused_unless_told_and_then_limited, 0, 2);
	tcase_add_test(tcase, frames_that_had_to_wait_have_the_header_too);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
