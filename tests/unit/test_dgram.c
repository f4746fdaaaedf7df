/* SPDX-License-Identifier: BSD-3-Clause */

#include "link/dgram.h"
#include "linkbed.h"
#include "run_suite.h"

static struct netdev *netdev_new(const struct dgram_config *config)
{
	GError *error = NULL;
	struct netdev *netdev = dgram_netdev_new(network, config, &error);

	ck_assert_msg(netdev, "%s", error ? error->message : "no error");
	return netdev;
}

static int bound(const struct sockaddr_any *addr)
{
	GError *error = NULL;
	int fd = socket_bind(addr, SOCK_DGRAM, &error);

	ck_assert_msg(fd >= 0, "%s", error ? error->message : "no error");
	return fd;
}

static void send_frame(int fd, const struct sockaddr_any *to, size_t len, mac_t dst, mac_t src,
		       uint8_t seed)
{
	uint8_t *data = g_malloc(len);

	fill_frame(data, len, dst, src, seed);
	while (sendto(fd, data, len, MSG_DONTWAIT, to ? &to->sa : NULL, to ? to->len : 0) < 0) {
		ck_assert_msg(errno == EAGAIN, "sendto: %s", g_strerror(errno));
		run_idle();
	}
	g_free(data);
}

/* The next frame at @fd must be this one, padded with zeroes if short. */
static void expect_frame(int fd, size_t len, mac_t dst, mac_t src, uint8_t seed)
{
	size_t padded = MAX(len, FRAME_PADDED);
	uint8_t *want = g_malloc0(padded), *got = g_malloc(FRAME_MAX + 1);
	ssize_t n;

	fill_frame(want, len, dst, src, seed);
	run_until((n = recv(fd, got, FRAME_MAX + 1, MSG_DONTWAIT)) >= 0);
	ck_assert_uint_eq(n, padded);
	ck_assert_mem_eq(got, want, padded);
	g_free(want);
	g_free(got);
}

static void expect_nothing(int fd)
{
	uint8_t byte;

	run_idle();
	ck_assert_int_lt(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
	ck_assert_int_eq(errno, EAGAIN);
}

/* A unix server with two guests that have sent a frame. */
static struct sockaddr_any lan, name_a, name_b;
static int guest_a, guest_b;

static void setup(void)
{
	bed_setup();
	lan = unix_address("lan.dgram");
	name_a = unix_address("a");
	name_b = unix_address("b");
	netdev_new(&(struct dgram_config){
		.kind = "dgram", .id = "lan", .mode = DGRAM_SERVER, .local = lan, .fd = -1});
	guest_a = bound(&name_a);
	guest_b = bound(&name_b);
	send_frame(guest_a, &lan, 60, MAC_BROADCAST, MAC_A, 0);
	run_until(count_ports() == 1);
	send_frame(guest_b, &lan, 60, MAC_BROADCAST, MAC_B, 0);
	run_until(count_ports() == 2);
	expect_frame(guest_a, 60, MAC_BROADCAST, MAC_B, 0);
}

static void teardown(void)
{
	close(guest_a);
	close(guest_b);
	socket_unlink(&name_a);
	socket_unlink(&name_b);
	bed_teardown();
}

START_TEST(each_sender_gets_a_port_and_its_own_frames)
{
	ck_assert_str_eq(port_named("lan.1")->peer, name_a.un.sun_path);
	send_frame(guest_a, &lan, 1514, MAC_B, MAC_A, 1);
	expect_frame(guest_b, 1514, MAC_B, MAC_A, 1);
	send_frame(guest_b, &lan, FRAME_MAX, MAC_A, MAC_B, 2);
	expect_frame(guest_a, FRAME_MAX, MAC_A, MAC_B, 2);
	expect_nothing(guest_b);
}
END_TEST

START_TEST(a_burst_of_mixed_lengths_arrives_whole_and_in_order)
{
	/* more than one batch, in senders' order, from both at once */
	for (int i = 0; i < 400; i++) {
		send_frame(guest_a, &lan, i % 7 ? 60 : 20000, MAC_B, MAC_A, (uint8_t)i);
		send_frame(guest_b, &lan, 60, MAC_A, MAC_B, (uint8_t)i);
		if (i % 5 == 4) {
			for (int k = i - 4; k <= i; k++) {
				expect_frame(guest_b, k % 7 ? 60 : 20000, MAC_B, MAC_A, (uint8_t)k);
				expect_frame(guest_a, 60, MAC_A, MAC_B, (uint8_t)k);
			}
		}
	}
}
END_TEST

START_TEST(short_frames_are_padded)
{
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 100; i++)
			send_frame(guest_a, &lan, 14 + i % 50, MAC_B, MAC_A, (uint8_t)i);
		for (unsigned i = 0; i < 100; i++)
			expect_frame(guest_b, 14 + i % 50, MAC_B, MAC_A, (uint8_t)i);
	}
}
END_TEST

START_TEST(runts_and_giants_are_counted_and_dropped)
{
	uint8_t *giant = g_malloc0(FRAME_MAX + 1);
	struct port *port = port_named("lan.1");

	send_frame(guest_a, &lan, 13, MAC_B, MAC_A, 0);
	ck_assert_int_gt(sendto(guest_a, giant, FRAME_MAX + 1, 0, &lan.sa, lan.len), 0);
	ck_assert_int_eq(sendto(guest_a, giant, 0, 0, &lan.sa, lan.len), 0);
	run_until(port->count.drops[DROP_RUNT] == 2);
	ck_assert_uint_eq(port->count.drops[DROP_OVERSIZE], 1);
	expect_nothing(guest_b);
	g_free(giant);
}
END_TEST

START_TEST(a_guest_that_does_not_read_does_not_stop_the_others)
{
	struct port *stuck = port_named("lan.2");
	unsigned sent = 0, came = 0;
	uint8_t bin[2000];

	while (!stuck->count.drops[DROP_QUEUE_FULL] && sent < 20000) {
		send_frame(guest_a, &lan, 1514, MAC_B, MAC_A, (uint8_t)sent);
		run_idle();
		sent++;
	}
	ck_assert_uint_gt(stuck->count.drops[DROP_QUEUE_FULL], 0);
	/* a third one is served all the while */
	struct sockaddr_any name_c = unix_address("c");
	int guest_c = bound(&name_c);

	send_frame(guest_c, &lan, 60, MAC_A, MAC_C, 4);
	expect_frame(guest_a, 60, MAC_A, MAC_C, 4);
	send_frame(guest_a, &lan, 60, MAC_C, MAC_A, 5);
	expect_frame(guest_c, 60, MAC_C, MAC_A, 5);
	/* held frames come in order when it reads again */
	while (came + stuck->count.drops[DROP_QUEUE_FULL] < sent) {
		ssize_t n;

		run_until((n = recv(guest_b, bin, sizeof(bin), MSG_DONTWAIT)) >= 0);
		ck_assert_int_eq(n, 1514);
		ck_assert_uint_eq(bin[ETH_HEADER], (uint8_t)(came + ETH_HEADER));
		came++;
	}
	run_idle();
	ck_assert(!stuck->congested);
	close(guest_c);
	socket_unlink(&name_c);
}
END_TEST

START_TEST(a_guest_that_went_loses_its_port_with_the_next_frame_for_it)
{
	close(guest_b);
	send_frame(guest_a, &lan, 60, MAC_B, MAC_A, 0);
	run_until(count_ports() == 1);
	socket_unlink(&name_b);
	guest_b = bound(&name_b);
	send_frame(guest_b, &lan, 60, MAC_A, MAC_B, 7);
	expect_frame(guest_a, 60, MAC_A, MAC_B, 7);
	ck_assert_uint_eq(count_ports(), 2);
}
END_TEST

START_TEST(a_silent_guest_that_went_is_noticed)
{
	close(guest_b);
	socket_unlink(&name_b);
	run_until(count_ports() == 1);
	ck_assert_ptr_nonnull(network_find_port(network, "lan.1"));
	guest_b = dup(guest_a);
}
END_TEST

START_TEST(a_guest_that_bound_anew_at_once_keeps_its_port)
{
	close(guest_b);
	socket_unlink(&name_b);
	guest_b = bound(&name_b);
	send_frame(guest_a, &lan, 60, MAC_B, MAC_A, 3);
	expect_frame(guest_b, 60, MAC_B, MAC_A, 3);
	ck_assert_ptr_nonnull(network_find_port(network, "lan.2"));
}
END_TEST

START_TEST(a_guest_connected_to_the_server_is_answered_too)
{
	ck_assert_int_eq(connect(guest_b, &lan.sa, lan.len), 0);
	send_frame(guest_a, &lan, 60, MAC_B, MAC_A, 3);
	expect_frame(guest_b, 60, MAC_B, MAC_A, 3);
	send_frame(guest_b, NULL, 60, MAC_A, MAC_B, 4);
	expect_frame(guest_a, 60, MAC_A, MAC_B, 4);
}
END_TEST

START_TEST(a_sender_without_a_name_makes_no_port)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	send_frame(fd, &lan, 60, MAC_BROADCAST, MAC_C, 1);
	expect_nothing(guest_a);
	ck_assert_uint_eq(count_ports(), 2);
	close(fd);
}
END_TEST

START_TEST(a_unix_pair_starts_alone_and_follows_its_remote)
{
	struct sockaddr_any here = unix_address("here"), there = unix_address("there");
	struct port *port;
	int fd;

	netdev_new(&(struct dgram_config){.kind = "dgram",
					  .id = "pair",
					  .mode = DGRAM_PAIR,
					  .local = here,
					  .remote = there,
					  .fd = -1});
	port = port_named("pair.1");
	send_frame(guest_a, &lan, 60, MAC_BROADCAST, MAC_A, 1);
	run_until(port->count.drops[DROP_LINK_DOWN] == 1);
	for (int round = 2; round < 4; round++) {
		fd = bound(&there);
		send_frame(guest_a, &lan, 60, MAC_BROADCAST, MAC_A, (uint8_t)round);
		expect_frame(fd, 60, MAC_BROADCAST, MAC_A, (uint8_t)round);
		send_frame(fd, &here, 60, MAC_A, MAC_C, (uint8_t)round);
		expect_frame(guest_a, 60, MAC_A, MAC_C, (uint8_t)round);
		close(fd);
		socket_unlink(&there);
	}
	send_frame(guest_a, &lan, 60, MAC_BROADCAST, MAC_A, 1);
	run_until(port->count.drops[DROP_LINK_DOWN] == 2);
}
END_TEST

START_TEST(a_full_remote_of_a_pair_is_waited_for)
{
	struct sockaddr_any here = unix_address("here"), there = unix_address("there");
	int fd = bound(&there);

	netdev_new(&(struct dgram_config){.kind = "dgram",
					  .id = "pair",
					  .mode = DGRAM_PAIR,
					  .local = here,
					  .remote = there,
					  .fd = -1});
	send_frame(fd, &here, 60, MAC_BROADCAST, MAC_C, 0);
	expect_frame(guest_a, 60, MAC_BROADCAST, MAC_C, 0);
	for (int i = 0; i < 200; i++)
		send_frame(guest_a, &lan, 1000, MAC_C, MAC_A, (uint8_t)i);
	for (int i = 0; i < 200; i++)
		expect_frame(fd, 1000, MAC_C, MAC_A, (uint8_t)i);
	ck_assert_uint_eq(port_named("pair.1")->count.drops[DROP_QUEUE_FULL], 0);
	close(fd);
	socket_unlink(&there);
}
END_TEST

/* A UDP socket of this host and its address. */
static int udp(struct sockaddr_any *addr)
{
	int fd;

	ck_assert(sockaddr_inet(addr, "127.0.0.1", "0", NULL));
	fd = bound(addr);
	addr->len = sizeof(addr->storage);
	ck_assert_int_eq(getsockname(fd, &addr->sa, &addr->len), 0);
	return fd;
}

START_TEST(an_inet_pair_takes_frames_from_its_remote_alone)
{
	struct sockaddr_any here, remote, stranger;
	int fd = udp(&remote), other = udp(&stranger), ours = udp(&here);

	close(ours);
	netdev_new(&(struct dgram_config){.kind = "socket",
					  .id = "udp",
					  .mode = DGRAM_PAIR,
					  .local = here,
					  .remote = remote,
					  .fd = -1});
	send_frame(other, &here, 60, MAC_BROADCAST, MAC_C, 1);
	run_until(port_named("udp.1")->count.drops[DROP_SPOOFED] == 1);
	send_frame(fd, &here, 1514, MAC_BROADCAST, MAC_C, 2);
	expect_frame(guest_a, 1514, MAC_BROADCAST, MAC_C, 2);
	send_frame(guest_a, &lan, 1514, MAC_C, MAC_A, 3);
	expect_frame(fd, 1514, MAC_C, MAC_A, 3);
	/* longer than UDP allows */
	send_frame(guest_a, &lan, FRAME_MAX, MAC_C, MAC_A, 3);
	run_until(port_named("udp.1")->count.drops[DROP_OVERSIZE] == 1);
	/* the remote closes and comes back */
	close(fd);
	send_frame(guest_a, &lan, 60, MAC_C, MAC_A, 3);
	send_frame(guest_a, &lan, 60, MAC_C, MAC_A, 3);
	run_idle();
	fd = bound(&remote);
	send_frame(guest_a, &lan, 60, MAC_C, MAC_A, 4);
	expect_frame(fd, 60, MAC_C, MAC_A, 4);
	close(fd);
	close(other);
}
END_TEST

START_TEST(the_bus_carries_frames_of_others_and_does_not_echo_ours)
{
	struct sockaddr_any group, local;
	struct ip_mreq member;
	uint64_t before;
	int fd, other = udp(&local);

	/* a port that is free, by the other socket's */
	ck_assert(sockaddr_inet(&group, "230.0.0.77", "0", NULL));
	group.in.sin_port = local.in.sin_port;
	close(other);
	ck_assert(sockaddr_inet(&local, "127.0.0.1", "0", NULL));
	netdev_new(&(struct dgram_config){.kind = "socket",
					  .id = "bus",
					  .mode = DGRAM_MULTICAST,
					  .local = local,
					  .remote = group,
					  .fd = -1});
	/* as QEMU does: bound to the group, sends from there */
	fd = bound(&group);
	member.imr_multiaddr = group.in.sin_addr;
	member.imr_interface = local.in.sin_addr;
	ck_assert_int_eq(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &member, sizeof(member)), 0);
	ck_assert_int_eq(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &local.in.sin_addr,
				    sizeof(local.in.sin_addr)),
			 0);
	send_frame(fd, &group, 60, MAC_BROADCAST, MAC_C, 1);
	expect_frame(guest_a, 60, MAC_BROADCAST, MAC_C, 1);
	expect_frame(fd, 60, MAC_BROADCAST, MAC_C, 1);
	before = port_named("bus.1")->count.rx_frames;
	send_frame(guest_a, &lan, 60, MAC_BROADCAST, MAC_A, 2);
	expect_frame(fd, 60, MAC_BROADCAST, MAC_A, 2);
	expect_frame(guest_b, 60, MAC_BROADCAST, MAC_C, 1);
	expect_frame(guest_b, 60, MAC_BROADCAST, MAC_A, 2);
	run_idle();
	ck_assert_uint_eq(port_named("bus.1")->count.rx_frames, before);
	ck_assert_ptr_eq(vswitch_lookup(network->vswitch, MAC_A), port_named("lan.1"));
	close(fd);
}
END_TEST

START_TEST(a_connected_fd_is_one_port)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds), 0);
	netdev_new(&(struct dgram_config){
		.kind = "dgram", .id = "fd", .mode = DGRAM_FD, .fd = fds[0]});
	send_frame(fds[1], NULL, 60, MAC_BROADCAST, MAC_C, 1);
	expect_frame(guest_a, 60, MAC_BROADCAST, MAC_C, 1);
	for (int i = 0; i < 300; i++)
		send_frame(guest_a, &lan, 1000, MAC_C, MAC_A, (uint8_t)i);
	for (int i = 0; i < 300; i++)
		expect_frame(fds[1], 1000, MAC_C, MAC_A, (uint8_t)i);
	close(fds[1]);
	send_frame(guest_a, &lan, 60, MAC_C, MAC_A, 1);
	run_until(port_named("fd.1")->count.drops[DROP_LINK_DOWN] == 1);
}
END_TEST

static void expect_refused(const struct dgram_config *config, const char *part)
{
	g_autoptr(GError) error = NULL;

	ck_assert_ptr_null(dgram_netdev_new(network, config, &error));
	ck_assert_msg(strstr(error->message, part), "no '%s' in '%s'", part, error->message);
}

START_TEST(what_cannot_be_is_refused_by_name)
{
	struct sockaddr_any plain;
	int stream = socket(AF_UNIX, SOCK_STREAM, 0), loose = socket(AF_INET, SOCK_DGRAM, 0);

	ck_assert(sockaddr_inet(&plain, "127.0.0.1", "9", NULL));
	expect_refused(
		&(struct dgram_config){
			.kind = "dgram", .id = "x", .mode = DGRAM_MULTICAST, .remote = plain},
		"not an IPv4 multicast group 127.0.0.1:9");
	expect_refused(
		&(struct dgram_config){.kind = "dgram", .id = "x", .mode = DGRAM_FD, .fd = stream},
		"is not a datagram socket");
	expect_refused(
		&(struct dgram_config){.kind = "dgram", .id = "x", .mode = DGRAM_FD, .fd = loose},
		"is neither connected");
	expect_refused(
		&(struct dgram_config){
			.kind = "dgram", .id = "x", .mode = DGRAM_SERVER, .local = plain},
		"needs a unix 'local'");
	expect_refused(&(struct dgram_config){.kind = "dgram",
					      .id = "x",
					      .mode = DGRAM_PAIR,
					      .local = plain,
					      .remote = lan},
		       "same address family");
	expect_refused(
		&(struct dgram_config){
			.kind = "dgram", .id = "x", .mode = DGRAM_SERVER, .local = lan},
		"in use");
	close(stream);
	close(loose);
}
END_TEST

START_TEST(a_destroyed_server_leaves_nothing)
{
	struct netdev *netdev = network_find_netdev(network, "lan");

	send_frame(guest_a, &lan, 60, MAC_B, MAC_A, 3);
	netdev->ops->destroy(netdev);
	ck_assert_uint_eq(count_ports(), 0);
	ck_assert(!g_file_test(lan.un.sun_path, G_FILE_TEST_EXISTS));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dgram");
	TCase *tc = tcase_create("dgram");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, each_sender_gets_a_port_and_its_own_frames);
	tcase_add_test(tc, a_burst_of_mixed_lengths_arrives_whole_and_in_order);
	tcase_add_test(tc, short_frames_are_padded);
	tcase_add_test(tc, runts_and_giants_are_counted_and_dropped);
	tcase_add_test(tc, a_guest_that_does_not_read_does_not_stop_the_others);
	tcase_add_test(tc, a_guest_that_went_loses_its_port_with_the_next_frame_for_it);
	tcase_add_test(tc, a_silent_guest_that_went_is_noticed);
	tcase_add_test(tc, a_guest_that_bound_anew_at_once_keeps_its_port);
	tcase_add_test(tc, a_guest_connected_to_the_server_is_answered_too);
	tcase_add_test(tc, a_sender_without_a_name_makes_no_port);
	tcase_add_test(tc, a_unix_pair_starts_alone_and_follows_its_remote);
	tcase_add_test(tc, a_full_remote_of_a_pair_is_waited_for);
	tcase_add_test(tc, an_inet_pair_takes_frames_from_its_remote_alone);
	tcase_add_test(tc, the_bus_carries_frames_of_others_and_does_not_echo_ours);
	tcase_add_test(tc, a_connected_fd_is_one_port);
	tcase_add_test(tc, what_cannot_be_is_refused_by_name);
	tcase_add_test(tc, a_destroyed_server_leaves_nothing);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
