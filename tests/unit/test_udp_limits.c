/* SPDX-License-Identifier: BSD-3-Clause */
#include "udpbed.h"

#include <netinet/udp.h>
#include <sys/resource.h>

#include "run_suite.h"

/* What the room holds, how long, and who is charged. */
static uint8_t data[65536];

static void setup(void)
{
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + i / 251);
	bed_open();
}

static void teardown(void)
{
	bed_close();
}

static struct charge *guest_charge(void)
{
	return charge_get(bed.charges, bed.guest.port.id);
}

START_TEST(errors_to_guests_are_bounded)
{
	struct host closed;
	struct ends ends;

	host_open(&closed, false);
	close(closed.fd);
	ends = bed_ends(false, 4000, closed.port);
	for (unsigned i = 0; i < 4 * UDP_ERRORS_BURST; i++) {
		bed_send(&ends, "x", 1);
		udp_run(bed.udp);
		bed_collect();
	}
	ck_assert_uint_ge(bed.got->len, UDP_ERRORS_BURST);
	ck_assert_uint_lt(bed.got->len, 3 * UDP_ERRORS_BURST);
}
END_TEST

START_TEST(sockets_end_with_their_conns)
{
	struct charge *charge = guest_charge();
	struct host host;
	struct ends ends;

	host_open(&host, false);
	ends = bed_ends(false, 4000, host.port);
	bed_send(&ends, "a", 1);
	host_receive(&host);
	ck_assert_uint_eq(charge_held(charge, CHARGE_FDS), 1);
	conn_table_expire(bed.conns, loop_now(bed.loop) + CONN_DATAGRAMS + 1);
	ck_assert_uint_eq(conn_count_all(bed.conns), 0);
	ck_assert_uint_eq(udp_count(bed.udp), 0);
	ck_assert_uint_eq(charge_held(charge, CHARGE_FDS), 0);
	charge_put(charge);
	close(host.fd);
}
END_TEST

/* A conn that ends within the turn does not affect its queued datagrams. */
START_TEST(conns_may_end_before_the_turn_does)
{
	struct host host;
	struct ends ends;

	host_open(&host, false);
	ends = bed_ends(false, 4000, host.port);
	bed_send(&ends, "a", 1);
	conn_guest_gone(bed.conns, GUEST_MAC, 1);
	conn_table_expire(bed.conns, 1 + CONN_GUEST_GRACE);
	ck_assert_uint_eq(host_receive(&host), 1);
	ck_assert_uint_eq(udp_count(bed.udp), 0);
	close(host.fd);
}
END_TEST

START_TEST(the_longest_silent_socket_gives_way)
{
	struct charge *charge = guest_charge();
	unsigned all = charge_book_max(bed.charges, CHARGE_FDS);
	unsigned max = all - all / CHARGE_DENOMINATOR; /* the rest is for other ports */
	struct host host;
	struct ends ends;
	uint16_t port;

	host_open(&host, false);
	for (unsigned i = 0; i < max; i++) {
		ends = bed_ends(false, (uint16_t)(5000 + i), host.port);
		ck_assert_int_eq(bed_send(&ends, "x", 1), DROP_N_REASONS);
		host_receive(&host);
	}
	ck_assert_uint_eq(udp_count(bed.udp), max);
	/* The first one sends again, so the second is now silent for longest. */
	ends = bed_ends(false, 5000, host.port);
	bed_send(&ends, "x", 1);
	host_receive(&host);
	port = host_client_port(&host);
	ends.sport = 9000;
	ck_assert_int_eq(bed_send(&ends, "new", 3), DROP_N_REASONS);
	ck_assert_uint_eq(host_receive(&host), 3);
	ck_assert_uint_eq(udp_count(bed.udp), max);
	ck_assert_uint_eq(udp_evicted(bed.udp), 1);
	ends.sport = 5000;
	bed_send(&ends, "x", 1);
	host_receive(&host);
	ck_assert_uint_eq(host_client_port(&host), port);
	/* The closed one sends again: it gets a socket again. */
	ends.sport = 5001;
	ck_assert_int_eq(bed_send(&ends, "back", 4), DROP_N_REASONS);
	ck_assert_uint_eq(host_receive(&host), 4);
	ck_assert_uint_eq(udp_evicted(bed.udp), 2);
	ck_assert_uint_eq(charge_held(charge, CHARGE_FDS), max);
	charge_put(charge);
	close(host.fd);
}
END_TEST

START_TEST(without_descriptors_it_is_the_budget)
{
	struct charge *other = charge_get(bed.charges, 999);
	struct ends ends = bed_ends(false, 4000, 9);

	charge_force(other, CHARGE_FDS, charge_book_max(bed.charges, CHARGE_FDS));
	ck_assert_int_eq(bed_send(&ends, "x", 1), DROP_BUDGET);
	charge_give(other, CHARGE_FDS, charge_book_max(bed.charges, CHARGE_FDS));
	charge_put(other);
}
END_TEST

START_TEST(a_congested_guest_is_not_read_for)
{
	struct host host;
	struct ends ends;

	host_open(&host, false);
	ends = bed_ends(false, 4000, host.port);
	bed_send(&ends, "a", 1);
	host_receive(&host);
	bed.guest.port.congested = true;
	host_answer(&host, &host, "later", 5);
	run_loop(20);
	ck_assert_uint_eq(bed.got->len, 0);
	ck_assert(!list_empty(&bed.guest.port.udp_held));
	bed.guest.port.congested = false;
	udp_port_drained(&bed.guest.port);
	ck_assert(list_empty(&bed.guest.port.udp_held));
	bed_expect(1);
	bed_check(0, host.port, 4000, "later", 5);
	close(host.fd);
}
END_TEST

START_TEST(a_turn_reads_a_bounded_amount)
{
	static struct host hosts[8];
	unsigned turns = 0;
	int segment = 1400;

	for (uint16_t i = 0; i < G_N_ELEMENTS(hosts); i++) {
		struct ends ends;

		host_open(&hosts[i], false);
		ends = bed_ends(false, (uint16_t)(4000 + i), hosts[i].port);
		bed_send(&ends, "a", 1);
		host_receive(&hosts[i]);
	}
	for (unsigned i = 0; i < 2 * G_N_ELEMENTS(hosts); i++) {
		struct host *host = &hosts[i / 2];

		setsockopt(host->fd, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment));
		host_answer(host, host, data, 40 * 1400);
	}
	while (bed.got->len < 640 && turns++ < 1000) {
		unsigned before = bed.got->len;

		g_main_context_iteration(NULL, FALSE);
		ck_assert_uint_le(bed.got->len - before,
				  (UDP_TURN_BYTES + 4 * 65536 + 1399) / 1400);
	}
	ck_assert_uint_eq(bed.got->len, 640);
	ck_assert_uint_ge(turns, 2);
	for (unsigned i = 0; i < G_N_ELEMENTS(hosts); i++)
		close(hosts[i].fd);
}
END_TEST

START_TEST(a_guest_at_another_port_pays_there)
{
	struct charge *charge = guest_charge(), *other = charge_get(bed.charges, 999);
	struct host host;
	struct ends ends;
	struct packet packet;
	uint8_t *frame;
	size_t len;
	struct conn *conn;

	host_open(&host, false);
	ends = bed_ends(false, 4000, host.port);
	bed_send(&ends, "a", 1);
	host_receive(&host);
	ck_assert_uint_eq(charge_held(charge, CHARGE_FDS), 1);
	frame = bed_put(&ends, "b", 1, &len);
	packet = parsed(frame, len);
	conn = bed_conn(&packet);
	charge_put(conn->charge);
	conn->charge = charge_ref(other);
	bed_input(frame, len);
	host_receive(&host);
	ck_assert_uint_eq(charge_held(charge, CHARGE_FDS), 0);
	ck_assert_uint_eq(charge_held(other, CHARGE_FDS), 1);
	conn_table_expire(bed.conns, loop_now(bed.loop) + CONN_DATAGRAMS + 1);
	ck_assert_uint_eq(charge_held(other, CHARGE_FDS), 0);
	charge_put(charge);
	charge_put(other);
	close(host.fd);
}
END_TEST

START_TEST(more_datagrams_than_a_message_or_the_queue_holds)
{
	struct host host;
	struct ends ends;
	int size = 4 << 20;

	host_open(&host, false);
	setsockopt(host.fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	ends = bed_ends(false, 4000, host.port);
	for (unsigned i = 0; i < 1200; i++)
		bed_send(&ends, data + i, 40);
	for (unsigned i = 0; i < 1200; i++) {
		ck_assert_uint_eq(host_receive(&host), 40);
		ck_assert_mem_eq(host.data, data + i, 40);
	}
	close(host.fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("udp_limits");
	TCase *tests = tcase_create("udp_limits");
	struct rlimit few;

	/* Not the hard limit, which valgrind does not let a program change. */
	getrlimit(RLIMIT_NOFILE, &few);
	few.rlim_cur = 80;
	setrlimit(RLIMIT_NOFILE, &few);
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, errors_to_guests_are_bounded);
	tcase_add_test(tests, sockets_end_with_their_conns);
	tcase_add_test(tests, conns_may_end_before_the_turn_does);
	tcase_add_test(tests, the_longest_silent_socket_gives_way);
	tcase_add_test(tests, without_descriptors_it_is_the_budget);
	tcase_add_test(tests, a_congested_guest_is_not_read_for);
	tcase_add_test(tests, a_turn_reads_a_bounded_amount);
	tcase_add_test(tests, a_guest_at_another_port_pays_there);
	tcase_add_test(tests, more_datagrams_than_a_message_or_the_queue_holds);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
