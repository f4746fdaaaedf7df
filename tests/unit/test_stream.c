/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <sys/resource.h>

#include "link/stream.h"
#include "link/stream_port.h"
#include "linkbed.h"
#include "run_suite.h"

static struct netdev *netdev_new(const struct stream_config *config)
{
	GError *error = NULL;
	struct netdev *netdev = stream_netdev_new(network, config, &error);

	ck_assert_msg(netdev, "%s", error ? error->message : "no error");
	return netdev;
}

static struct netdev *server(const char *id, const char *name)
{
	return netdev_new(&(struct stream_config){.kind = "stream",
						  .id = id,
						  .mode = STREAM_SERVER,
						  .addr = unix_address(name),
						  .fd = -1});
}

static int dial(const char *name)
{
	struct sockaddr_any addr = unix_address(name);
	bool in_progress;
	int fd = socket_connect(&addr, SOCK_STREAM, &in_progress);

	ck_assert_int_ge(fd, 0);
	return fd;
}

/* A server on lan.sock with two guests on it. */
static int guest_a, guest_b;

static void setup(void)
{
	bed_setup();
	server("lan", "lan.sock");
	guest_a = dial("lan.sock");
	guest_b = dial("lan.sock");
	run_until(count_ports() == 2);
}

static void teardown(void)
{
	close(guest_a);
	close(guest_b);
	bed_teardown();
}

static void send_frame(int fd, size_t len, mac_t dst, mac_t src, uint8_t seed)
{
	uint8_t *data = g_malloc(FRAME_PREFIX + len);
	size_t at = 0;

	frame_set_prefix(data + FRAME_PREFIX, (uint32_t)len);
	fill_frame(data + FRAME_PREFIX, len, dst, src, seed);
	while (at < FRAME_PREFIX + len) {
		ssize_t n =
			send(fd, data + at, FRAME_PREFIX + len - at, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0)
			at += (size_t)n;
		else
			run_idle();
	}
	g_free(data);
}

static void read_exactly(int fd, uint8_t *to, size_t len)
{
	size_t at = 0;
	ssize_t n;

	while (at < len) {
		run_until((n = recv(fd, to + at, len - at, MSG_DONTWAIT)) > 0);
		at += (size_t)n;
	}
}

/* The next frame at @fd must be this one, padded with zeroes if short. */
static void expect_frame(int fd, size_t len, mac_t dst, mac_t src, uint8_t seed)
{
	size_t padded = MAX(len, FRAME_PADDED);
	uint8_t *want = g_malloc0(padded), *got = g_malloc(padded);
	uint8_t prefix[FRAME_PREFIX];

	fill_frame(want, len, dst, src, seed);
	read_exactly(fd, prefix, sizeof(prefix));
	ck_assert_uint_eq((size_t)prefix[1] << 16 | (size_t)prefix[2] << 8 | prefix[3], padded);
	read_exactly(fd, got, padded);
	ck_assert_mem_eq(got, want, padded);
	g_free(want);
	g_free(got);
}

static void expect_closed(int fd)
{
	uint8_t byte;
	ssize_t n;

	run_until((n = recv(fd, &byte, 1, MSG_DONTWAIT)) == 0 || (n < 0 && errno == ECONNRESET));
}

START_TEST(guests_of_one_server_reach_each_other)
{
	send_frame(guest_a, 60, MAC_BROADCAST, MAC_A, 1);
	expect_frame(guest_b, 60, MAC_BROADCAST, MAC_A, 1);
	send_frame(guest_b, 1514, MAC_A, MAC_B, 2);
	expect_frame(guest_a, 1514, MAC_A, MAC_B, 2);
	send_frame(guest_a, FRAME_MAX, MAC_B, MAC_A, 3);
	expect_frame(guest_b, FRAME_MAX, MAC_B, MAC_A, 3);
}
END_TEST

START_TEST(a_frame_may_come_byte_by_byte)
{
	uint8_t data[FRAME_PREFIX + 20];

	frame_set_prefix(data + FRAME_PREFIX, 20);
	fill_frame(data + FRAME_PREFIX, 20, MAC_BROADCAST, MAC_A, 5);
	for (size_t i = 0; i < sizeof(data); i++) {
		ck_assert_int_eq(send(guest_a, data + i, 1, 0), 1);
		run_idle();
	}
	expect_frame(guest_b, 20, MAC_BROADCAST, MAC_A, 5);
}
END_TEST

static const uint32_t bad_lengths[] = {0, FRAME_MAX + 1, 0xffffffff};

START_TEST(an_illegal_length_closes_that_link_alone)
{
	uint8_t data[FRAME_PREFIX];
	int guest_c = dial("lan.sock");

	run_until(count_ports() == 3);
	frame_set_prefix(data + FRAME_PREFIX, bad_lengths[_i]);
	ck_assert_int_eq(send(guest_a, data, sizeof(data), 0), sizeof(data));
	expect_closed(guest_a);
	run_until(count_ports() == 2);
	send_frame(guest_b, 60, MAC_BROADCAST, MAC_B, 1);
	expect_frame(guest_c, 60, MAC_BROADCAST, MAC_B, 1);
	close(guest_c);
}
END_TEST

START_TEST(a_runt_is_counted_and_the_link_stays)
{
	send_frame(guest_a, 13, MAC_BROADCAST, MAC_A, 0);
	send_frame(guest_a, 14, MAC_BROADCAST, MAC_A, 0);
	expect_frame(guest_b, 14, MAC_BROADCAST, MAC_A, 0);
	ck_assert_uint_eq(port_named("lan.1")->count.drops[DROP_RUNT], 1);
}
END_TEST

START_TEST(what_a_guest_said_before_it_went_is_delivered)
{
	send_frame(guest_a, 100, MAC_BROADCAST, MAC_A, 9);
	shutdown(guest_a, SHUT_RDWR);
	expect_frame(guest_b, 100, MAC_BROADCAST, MAC_A, 9);
	run_until(count_ports() == 1);
}
END_TEST

START_TEST(a_guest_that_does_not_read_does_not_stop_the_others)
{
	int guest_c = dial("lan.sock");
	struct port *stuck = port_named("lan.2");

	run_until(count_ports() == 3);
	send_frame(guest_b, 60, MAC_BROADCAST, MAC_B, 0);
	send_frame(guest_c, 60, MAC_BROADCAST, MAC_C, 0);
	expect_frame(guest_a, 60, MAC_BROADCAST, MAC_B, 0);
	expect_frame(guest_a, 60, MAC_BROADCAST, MAC_C, 0);
	/* b does not read; a sends more than all buffers between them hold */
	for (int i = 0; i < 12000 && !stuck->count.drops[DROP_QUEUE_FULL]; i++)
		send_frame(guest_a, 1514, MAC_B, MAC_A, (uint8_t)i);
	ck_assert_uint_gt(stuck->count.drops[DROP_QUEUE_FULL], 0);
	ck_assert(stuck->dropping);
	send_frame(guest_a, 60, MAC_C, MAC_A, 7);
	expect_frame(guest_c, 60, MAC_BROADCAST, MAC_B, 0);
	expect_frame(guest_c, 60, MAC_C, MAC_A, 7);
	/* when it reads again, whole frames come, and later ones too */
	expect_frame(guest_b, 60, MAC_BROADCAST, MAC_C, 0);
	expect_frame(guest_b, 1514, MAC_B, MAC_A, 0);
	while (stuck->congested) {
		uint8_t bin[65536];

		if (recv(guest_b, bin, sizeof(bin), MSG_DONTWAIT) < 0)
			run_idle();
	}
	close(guest_c);
}
END_TEST

START_TEST(nobody_waits_when_the_receiver_of_a_paused_feeder_goes)
{
	struct port *stuck = port_named("lan.2");

	send_frame(guest_b, 60, MAC_BROADCAST, MAC_B, 0);
	expect_frame(guest_a, 60, MAC_BROADCAST, MAC_B, 0);
	for (int i = 0; i < 12000 && !stuck->congested; i++)
		send_frame(guest_a, 1514, MAC_B, MAC_A, 0);
	shutdown(guest_b, SHUT_RDWR);
	run_until(count_ports() == 1);
	ck_assert_ptr_null(port_named("lan.1")->waits_for);
	close(guest_b);
	guest_b = dial("lan.sock");
	run_until(count_ports() == 2);
	for (int i = 0; i < 3; i++) {
		send_frame(guest_b, 60, MAC_BROADCAST, MAC_B, 3);
		expect_frame(guest_a, 60, MAC_BROADCAST, MAC_B, 3);
	}
}
END_TEST

START_TEST(a_paused_port_whose_peer_is_found_gone_reads_its_last_words)
{
	struct port *paused = port_named("lan.1");

	send_frame(guest_a, 60, MAC_BROADCAST, MAC_A, 0);
	expect_frame(guest_b, 60, MAC_BROADCAST, MAC_A, 0);
	paused->ops->pause(paused, true);
	send_frame(guest_a, 60, MAC_BROADCAST, MAC_A, 1);
	shutdown(guest_a, SHUT_RDWR);
	run_idle();
	ck_assert_uint_eq(count_ports(), 2);
	send_frame(guest_b, 60, MAC_A, MAC_B, 2);
	expect_frame(guest_b, 60, MAC_BROADCAST, MAC_A, 1);
	run_until(count_ports() == 1);
}
END_TEST

START_TEST(ports_say_who_is_there)
{
	g_autofree char *pid = g_strdup_printf("pid %d", (int)getpid());
	g_autofree char *description = g_strdup_printf("unix:%s/lan.sock (server)", dir);

	ck_assert_str_eq(port_named("lan.1")->peer, pid);
	ck_assert_str_eq(network_find_netdev(network, "lan")->description, description);
}
END_TEST

START_TEST(a_full_server_lets_others_wait_till_one_goes)
{
	struct sockaddr_any addr = unix_address("two.sock");
	int first, second, third;

	netdev_new(&(struct stream_config){.kind = "stream",
					   .id = "two",
					   .mode = STREAM_SERVER,
					   .addr = addr,
					   .fd = -1,
					   .max_peers = 2});
	first = dial("two.sock");
	second = dial("two.sock");
	third = dial("two.sock");
	run_until(count_ports() == 4);
	run_idle();
	ck_assert_uint_eq(count_ports(), 4);
	close(first);
	run_until(network_find_port(network, "two.3") != NULL);
	ck_assert_uint_eq(count_ports(), 4);
	close(second);
	close(third);
}
END_TEST

START_TEST(a_client_waits_for_its_server_and_for_its_return)
{
	struct sockaddr_any addr = unix_address("far.sock");
	GError *error = NULL;
	int listener, peer;

	netdev_new(&(struct stream_config){.kind = "stream",
					   .id = "far",
					   .mode = STREAM_CLIENT,
					   .addr = addr,
					   .fd = -1,
					   .reconnect = 5 * USEC_PER_MSEC});
	run_idle();
	ck_assert_uint_eq(count_ports(), 2);
	for (int round = 0; round < 2; round++) {
		listener = socket_bind(&addr, SOCK_STREAM, &error);
		ck_assert_int_ge(listener, 0);
		run_until((peer = accept(listener, NULL, NULL)) >= 0);
		run_until(count_ports() == 3);
		send_frame(peer, 60, MAC_BROADCAST, MAC_C, (uint8_t)round);
		expect_frame(guest_a, 60, MAC_BROADCAST, MAC_C, (uint8_t)round);
		send_frame(guest_a, 60, MAC_C, MAC_A, 8);
		expect_frame(peer, 60, MAC_C, MAC_A, 8);
		close(peer);
		close(listener);
		socket_unlink(&addr);
		run_until(count_ports() == 2);
	}
}
END_TEST

START_TEST(a_client_in_our_own_process_links_two_netdevs)
{
	struct sockaddr_any addr;
	int guest;

	server("in", "in.sock");
	addr = unix_address("in.sock");
	netdev_new(&(struct stream_config){
		.kind = "stream", .id = "out", .mode = STREAM_CLIENT, .addr = addr, .fd = -1});
	run_until(count_ports() == 4);
	guest = dial("in.sock");
	run_until(count_ports() == 5);
	close(guest);
	run_until(count_ports() == 4);
}
END_TEST

START_TEST(tcp_carries_frames_and_tells_the_address)
{
	struct sockaddr_any addr, bound = {.len = sizeof(bound.storage)};
	const char *description, *port;
	bool in_progress;
	int fd;

	ck_assert(sockaddr_inet(&addr, "127.0.0.1", "0", NULL));
	description = netdev_new(&(struct stream_config){.kind = "socket",
							 .id = "tcp",
							 .mode = STREAM_SERVER,
							 .addr = addr,
							 .fd = -1})
			      ->description;
	ck_assert(g_str_has_prefix(description, "tcp:127.0.0.1:"));
	port = description + strlen("tcp:127.0.0.1:");
	addr.in.sin_port = htons((uint16_t)atoi(port));
	fd = socket_connect(&addr, SOCK_STREAM, &in_progress);
	run_until(count_ports() == 3);
	ck_assert(g_str_has_prefix(port_named("tcp.1")->peer, "127.0.0.1:"));
	send_frame(fd, 9000, MAC_BROADCAST, MAC_C, 4);
	expect_frame(guest_a, 9000, MAC_BROADCAST, MAC_C, 4);
	close(fd);
}
END_TEST

START_TEST(a_connected_fd_is_one_port_and_is_not_opened_again)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	netdev_new(&(struct stream_config){
		.kind = "stream", .id = "fd", .mode = STREAM_FD, .fd = fds[0]});
	ck_assert_uint_eq(count_ports(), 3);
	send_frame(fds[1], 60, MAC_BROADCAST, MAC_C, 4);
	expect_frame(guest_a, 60, MAC_BROADCAST, MAC_C, 4);
	close(fds[1]);
	run_until(count_ports() == 2);
	ck_assert_ptr_nonnull(network_find_netdev(network, "fd"));
}
END_TEST

START_TEST(an_fd_that_is_no_stream_is_refused_and_stays_the_callers)
{
	g_autoptr(GError) error = NULL;
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds), 0);
	ck_assert_ptr_null(stream_netdev_new(
		network,
		&(struct stream_config){
			.kind = "stream", .id = "fd", .mode = STREAM_FD, .fd = fds[0]},
		&error));
	ck_assert_ptr_nonnull(strstr(error->message, "is not a stream socket"));
	ck_assert_int_ge(fcntl(fds[0], F_GETFD), 0);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

/* The beginning of a frame of @len bytes: its prefix and @n bytes. */
static void send_part(int fd, uint32_t len, size_t n)
{
	uint8_t *data = g_malloc0(FRAME_PREFIX + n);
	size_t at = 0;

	frame_set_prefix(data + FRAME_PREFIX, len);
	memset(data + FRAME_PREFIX, 0xff, MIN(n, 6));
	while (at < FRAME_PREFIX + n) {
		ssize_t sent =
			send(fd, data + at, FRAME_PREFIX + n - at, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent > 0)
			at += (size_t)sent;
		else
			run_idle();
	}
	g_free(data);
}

START_TEST(a_large_frame_in_small_parts_is_put_together)
{
	uint8_t *data = g_malloc(FRAME_PREFIX + FRAME_MAX);
	size_t step = _i, total = FRAME_PREFIX + FRAME_MAX;

	fill_frame(data + FRAME_PREFIX, FRAME_MAX, MAC_BROADCAST, MAC_A, 7);
	frame_set_prefix(data + FRAME_PREFIX, FRAME_MAX);
	for (size_t at = 0; at < total; at += step) {
		size_t n = MIN(step, total - at);

		ck_assert_int_eq(send(guest_a, data + at, n, 0), (ssize_t)n);
		g_main_context_iteration(context, FALSE);
	}
	expect_frame(guest_b, FRAME_MAX, MAC_BROADCAST, MAC_A, 7);
	send_frame(guest_a, 60, MAC_BROADCAST, MAC_A, 8);
	expect_frame(guest_b, 60, MAC_BROADCAST, MAC_A, 8);
	g_free(data);
}
END_TEST

#define N_TRICKLING 300 /* of 64 KB each: more than the bound */

START_TEST(unfinished_frames_are_bounded_and_the_oldest_gives_way)
{
	struct netdev *netdev = network_find_netdev(network, "lan");
	static int fds[N_TRICKLING];

	for (unsigned i = 0; i < N_TRICKLING; i++) {
		fds[i] = dial("lan.sock");
		send_part(fds[i], FRAME_MAX, FRAME_MAX - 1);
		run_idle();
	}
	run_until(netdev->n_refused > 0 && count_ports() == 2 + N_TRICKLING - netdev->n_refused);
	/* 16 MB hold 255 of them; the oldest were closed. */
	ck_assert_uint_ge(netdev->n_refused, N_TRICKLING - STREAM_RESTS_MAX / FRAME_MAX);
	ck_assert_uint_lt(netdev->n_refused, N_TRICKLING / 2);
	expect_closed(fds[0]);
	ck_assert_int_eq(send(fds[N_TRICKLING - 1], "x", 1, MSG_NOSIGNAL), 1);
	send_frame(guest_a, 60, MAC_BROADCAST, MAC_A, 8);
	for (unsigned i = 0; i < N_TRICKLING; i++)
		close(fds[i]);
	run_until(count_ports() == 2);
}
END_TEST

START_TEST(links_hold_a_quarter_of_the_descriptors_and_others_wait)
{
	struct netdev *netdev = network_find_netdev(network, "lan");
	struct rlimit all, few;
	int fds[14];

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &all), 0);
	few = all;
	few.rlim_cur = 48; /* a quarter: 12; two exist already */
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	for (unsigned i = 0; i < G_N_ELEMENTS(fds); i++)
		fds[i] = dial("lan.sock");
	run_until(netdev->n_refused > 0);
	ck_assert_uint_eq(count_ports(), 12);
	ck_assert_uint_eq(network->n_links, 12);
	for (unsigned i = 0; i < 6; i++)
		close(fds[i]);
	run_until(count_ports() == 10);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &all), 0);
	for (unsigned i = 6; i < G_N_ELEMENTS(fds); i++)
		close(fds[i]);
	run_until(count_ports() == 2);
	ck_assert_uint_eq(network->n_links, 2);
}
END_TEST

START_TEST(a_destroyed_netdev_closes_its_links_and_unlinks_its_socket)
{
	struct netdev *netdev = network_find_netdev(network, "lan");
	g_autofree char *path = g_build_filename(dir, "lan.sock", NULL);

	send_frame(guest_a, 60, MAC_BROADCAST, MAC_A, 0);
	netdev->ops->destroy(netdev);
	ck_assert_uint_eq(count_ports(), 0);
	ck_assert(!g_file_test(path, G_FILE_TEST_EXISTS));
	expect_closed(guest_b);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stream");
	TCase *tc = tcase_create("stream");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, guests_of_one_server_reach_each_other);
	tcase_add_test(tc, a_frame_may_come_byte_by_byte);
	tcase_add_loop_test(tc, an_illegal_length_closes_that_link_alone, 0,
			    G_N_ELEMENTS(bad_lengths));
	tcase_add_test(tc, a_runt_is_counted_and_the_link_stays);
	tcase_add_test(tc, what_a_guest_said_before_it_went_is_delivered);
	tcase_add_test(tc, a_guest_that_does_not_read_does_not_stop_the_others);
	tcase_add_test(tc, nobody_waits_when_the_receiver_of_a_paused_feeder_goes);
	tcase_add_test(tc, a_paused_port_whose_peer_is_found_gone_reads_its_last_words);
	tcase_add_test(tc, ports_say_who_is_there);
	tcase_add_test(tc, a_full_server_lets_others_wait_till_one_goes);
	tcase_add_test(tc, a_client_waits_for_its_server_and_for_its_return);
	tcase_add_test(tc, a_client_in_our_own_process_links_two_netdevs);
	tcase_add_test(tc, tcp_carries_frames_and_tells_the_address);
	tcase_add_test(tc, a_connected_fd_is_one_port_and_is_not_opened_again);
	tcase_add_test(tc, an_fd_that_is_no_stream_is_refused_and_stays_the_callers);
	tcase_add_loop_test(tc, a_large_frame_in_small_parts_is_put_together, 997, 999);
	tcase_add_test(tc, unfinished_frames_are_bounded_and_the_oldest_gives_way);
	tcase_add_test(tc, links_hold_a_quarter_of_the_descriptors_and_others_wait);
	tcase_add_test(tc, a_destroyed_netdev_closes_its_links_and_unlinks_its_socket);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
