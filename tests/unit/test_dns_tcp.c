/* SPDX-License-Identifier: BSD-3-Clause */

#include "dns/tcp.h"
#include "dnsbed.h"
#include "run_suite.h"

/* base/limit.c: the defaults of DNS_TCP_MAX and DNS_TCP_PER_PORT. */
#define ALL       128
#define OF_A_PORT 16

/* A connection of the guest at @port, as the gateway passes it on. */
static int dial_from(unsigned port)
{
	struct dns_client client = {.port_id = port, .mac = port};
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends),
			 0);
	ck_assert(dns_take_tcp(dns, ends[1], &client));
	return ends[0];
}

static int dial(void)
{
	return dial_from(1);
}

static void send_tcp(int fd, bool in_pieces)
{
	uint8_t bytes[1024];

	dns_put16(bytes, (unsigned)q.len);
	memcpy(bytes + 2, q.data, q.len);
	for (size_t at = 0; at < q.len + 2; at += in_pieces ? 1 : q.len + 2) {
		ck_assert_int_gt(send(fd, bytes + at, in_pieces ? 1 : q.len + 2, 0), 0);
		if (in_pieces)
			run_idle();
	}
}

static uint8_t stream[200000];
static size_t stream_len;

static bool received(int fd, size_t messages)
{
	size_t at = 0, n = 0;
	ssize_t len = recv(fd, stream + stream_len, sizeof stream - stream_len, MSG_DONTWAIT);

	if (len > 0)
		stream_len += (size_t)len;
	while (stream_len - at >= 2 && stream_len - at - 2 >= dns_get16(stream + at)) {
		at += 2u + dns_get16(stream + at);
		n++;
	}
	return n >= messages;
}

static bool hung_up(int fd)
{
	uint8_t byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

START_TEST(tcp_client_gets_the_whole_answer)
{
	int fd;

	fake_open(&one, loop, "127.0.0.1", FAKE_BIG, NULL);
	open_with(false);
	fd = dial();
	stream_len = 0;
	query_begin(&q, 5, "big.example.org", DNS_TYPE_TXT);
	send_tcp(fd, true);
	run_until(received(fd, 1));
	ck_assert_uint_gt(stream_len, 4096);
	ck_assert_uint_eq(dns_get16(stream + 2), 5);
	ck_assert_uint_eq(count_of(stream + 2, DNS_ANSWER), 20);
	close(fd);
	run_idle();
	see();
	ck_assert_uint_eq(stats.tcp_connections, 0);
	ck_assert_uint_eq(stats.queries_tcp, 1);
}
END_TEST

START_TEST(tcp_queries_are_pipelined_and_answered_as_they_are_ready)
{
	int fd;

	fake_open(&one, loop, "127.0.0.1", FAKE_ANSWER, "192.0.2.1");
	open_with(false);
	fd = dial();
	stream_len = 0;
	query_begin(&q, 1, "www.example.org", DNS_TYPE_A);
	send_tcp(fd, false);
	query_begin(&q, 2, "gateway", DNS_TYPE_A);
	send_tcp(fd, false);
	run_until(received(fd, 2));
	ck_assert_uint_eq(dns_get16(stream + 2), 2);
	/* Half closed: pending queries are still answered, then it is closed. */
	query_begin(&q, 3, "x.example.org", DNS_TYPE_A);
	send_tcp(fd, false);
	shutdown(fd, SHUT_WR);
	run_until(received(fd, 3));
	run_until(hung_up(fd));
	close(fd);
}
END_TEST

START_TEST(tcp_client_that_goes_leaves_nothing)
{
	int fd;

	fake_open(&one, loop, "127.0.0.1", FAKE_SILENT, NULL);
	open_with(false);
	fd = dial();
	for (unsigned i = 0; i < 2 * DNS_TCP_WAITING; i++) {
		query_begin(&q, i, "www.example.org", DNS_TYPE_A);
		send_tcp(fd, false);
	}
	run_until(one.queries);
	see();
	ck_assert_uint_eq(stats.outstanding, DNS_TCP_WAITING);
	close(fd);
	run_idle();
	one.behaviour = FAKE_ANSWER;
	one.addr = "192.0.2.1";
	/* The next try brings an answer that nobody takes. */
	run_until((see(), stats.outstanding == 0));
}
END_TEST

START_TEST(tcp_connections_are_bounded)
{
	int fds[ALL + 10];

	fake_open(&one, loop, "127.0.0.1", FAKE_SILENT, NULL);
	open_with(false);
	for (unsigned i = 0; i < G_N_ELEMENTS(fds); i++) {
		fds[i] = dial_from(i);
		run_idle();
	}
	see();
	ck_assert_uint_eq(stats.tcp_connections, ALL);
	ck_assert_uint_eq(stats.tcp_displaced, 10);
	/* The newest is served, the oldest was closed. */
	ck_assert(hung_up(fds[0]));
	stream_len = 0;
	query_begin(&q, 1, "gateway", DNS_TYPE_A);
	send_tcp(fds[G_N_ELEMENTS(fds) - 1], false);
	run_until(received(fds[G_N_ELEMENTS(fds) - 1], 1));
	for (unsigned i = 0; i < G_N_ELEMENTS(fds); i++)
		close(fds[i]);
}
END_TEST

START_TEST(one_ports_connections_take_none_of_others)
{
	int mine = 0, fds[ALL + 20];

	fake_open(&one, loop, "127.0.0.1", FAKE_SILENT, NULL);
	open_with(false);
	mine = dial_from(7);
	/* More than one port's limit; then more than the total limit, from several ports. */
	for (unsigned i = 0; i < G_N_ELEMENTS(fds); i++) {
		fds[i] = dial_from(i < 36 ? 1 : 8 + i % 9);
		if (i == 35) {
			see();
			ck_assert_uint_eq(stats.tcp_connections, OF_A_PORT + 1);
			ck_assert(hung_up(fds[0]));
		}
	}
	see();
	ck_assert_uint_eq(stats.tcp_connections, ALL);
	stream_len = 0;
	query_begin(&q, 1, "gateway", DNS_TYPE_A);
	send_tcp(mine, false);
	run_until(received(mine, 1));
	close(mine);
	for (unsigned i = 0; i < G_N_ELEMENTS(fds); i++)
		close(fds[i]);
}
END_TEST

START_TEST(lookups_by_tcp_are_the_guests_own)
{
	int fds[OF_A_PORT];

	fake_open(&one, loop, "127.0.0.1", FAKE_SILENT, NULL);
	fake_open(&two, loop, "127.0.0.1", FAKE_ANSWER, "192.0.2.2");
	{
		g_autofree char *a = word("/slow.example/", &one), *b = word("", &two);

		open_dns(a, b);
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(fds); i++) {
		fds[i] = dial_from(1);
		for (unsigned n = 0; n < DNS_TCP_WAITING; n++) {
			g_autofree char *name = g_strdup_printf("n%u-%u.slow.example", i, n);

			query_begin(&q, n, name, DNS_TYPE_A);
			send_tcp(fds[i], false);
		}
		run_idle();
	}
	see();
	ck_assert_uint_eq(stats.outstanding, DNS_MAX_PER_GUEST);
	query_begin(&q, 9, "www.example.org", DNS_TYPE_A);
	send_from(2, 2, 1000);
	run_until(got.by_port[2] == 1);
	assert_got(DNS_NOERROR, "AN www.example.org 1 192.0.2.2;");
	for (unsigned i = 0; i < G_N_ELEMENTS(fds); i++)
		close(fds[i]);
}
END_TEST

START_TEST(ending_while_all_is_under_way_leaves_nothing)
{
	int fd;

	fake_open(&one, loop, "127.0.0.1", FAKE_SILENT, NULL);
	open_with(false);
	fd = dial();
	ask(1, "www.example.org", DNS_TYPE_A);
	send_tcp(fd, false);
	run_until(one.queries == 1);
	run_idle();
	g_clear_pointer(&dns, dns_free);
	close(fd);
	ck_assert_uint_eq(got.n, 0);
}
END_TEST

START_TEST(one_answer_is_cut_for_udp_and_whole_for_tcp)
{
	int fd;

	fake_open(&one, loop, "127.0.0.1", FAKE_SILENT, NULL);
	open_with(false);
	fd = dial();
	stream_len = 0;
	ask(1, "big.Example.org", DNS_TYPE_TXT);
	query_begin(&q, 2, "BIG.example.org", DNS_TYPE_TXT);
	send_tcp(fd, false);
	run_idle();
	ask(3, "big.example.ORG", DNS_TYPE_TXT);
	/* The next try brings an answer. */
	one.behaviour = FAKE_BIG;
	run_until(received(fd, 1) && got.n == 2);
	ck_assert_uint_eq(one.tcp_queries, 1);
	ck_assert_uint_eq(count_of(stream + 2, DNS_ANSWER), 20);
	ck_assert_uint_eq(dns_get16(stream + 2), 2);
	ck_assert_mem_eq(stream + 2 + DNS_HEADER, "\3BIG\7example\3org", 17);
	ck_assert_uint_eq(dns_get16(got.last.data), 3);
	ck_assert(dns_get16(got.last.data + 2) & DNS_TC);
	ck_assert_uint_eq(count_of(got.last.data, DNS_ANSWER), 0);
	ck_assert_mem_eq(got.last.data + DNS_HEADER, "\3big\7example\3ORG", 17);
	see();
	ck_assert_uint_eq(stats.truncated, 2);
	ck_assert_uint_eq(stats.shared, 2);
	close(fd);
}
END_TEST

/* --- answers that a client does not take --- */

static struct dns_tcp_conn *asking;

static void note_asking(void *data, struct dns_tcp_conn *conn, const uint8_t *message, size_t len)
{
	asking = conn;
}

/* A connection of its own server; returns the client's end. */
static int dial_alone(struct dns_tcp **tcp)
{
	struct dns_client client = {.port_id = 1};
	int ends[2];

	*tcp = dns_tcp_new(loop, note_asking, NULL);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends),
			 0);
	ck_assert(dns_tcp_take(*tcp, ends[1], &client));
	return ends[0];
}

static void ask_alone(int fd)
{
	static const uint8_t query[] = {0, 2, 'a', 'b'};

	asking = NULL;
	ck_assert_int_eq(send(fd, query, sizeof(query), 0), sizeof(query));
	run_idle();
	ck_assert_ptr_nonnull(asking);
}

START_TEST(client_that_takes_no_answers_is_closed)
{
	static const uint8_t answer[60000];
	struct dns_tcp *tcp;
	int fd = dial_alone(&tcp);

	for (unsigned i = 0; i < 20; i++)
		ask_alone(fd);
	/* All of them are under way; each has a long answer. */
	for (unsigned i = 0; i < 20; i++) {
		dns_tcp_answer(asking, answer, sizeof(answer));
		ck_assert_uint_le(dns_tcp_bytes(tcp), DNS_TCP_UNREAD);
	}
	run_idle();
	ck_assert_uint_eq(dns_tcp_count(tcp), 0);
	ck_assert_uint_eq(dns_tcp_displaced(tcp), 1);
	ck_assert_uint_eq(dns_tcp_bytes(tcp), 0);
	close(fd);
	dns_tcp_free(tcp);
}
END_TEST

START_TEST(slow_client_does_not_make_taken_answers_pile_up)
{
	static const uint8_t answer[30000];
	struct dns_tcp *tcp;
	int fd = dial_alone(&tcp);

	while (dns_tcp_bytes(tcp) < sizeof(answer)) {
		ask_alone(fd);
		dns_tcp_answer(asking, answer, sizeof(answer));
		run_idle();
	}
	for (unsigned i = 0; i < 100; i++) {
		for (size_t taken = 0; taken < sizeof(answer) + 2;) {
			ssize_t n = recv(fd, stream, sizeof(answer) + 2 - taken, 0);

			ck_assert_int_gt(n, 0);
			taken += (size_t)n;
		}
		run_idle();
		ask_alone(fd);
		dns_tcp_answer(asking, answer, sizeof(answer));
		run_idle();
		ck_assert_uint_gt(dns_tcp_bytes(tcp), 0);
		ck_assert_uint_le(dns_tcp_bytes(tcp), DNS_TCP_UNREAD);
	}
	ck_assert_uint_eq(dns_tcp_displaced(tcp), 0);
	close(fd);
	dns_tcp_free(tcp);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dns_tcp");
	TCase *tc = tcase_create("dns_tcp");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, tcp_client_gets_the_whole_answer);
	tcase_add_test(tc, tcp_queries_are_pipelined_and_answered_as_they_are_ready);
	tcase_add_test(tc, tcp_client_that_goes_leaves_nothing);
	tcase_add_test(tc, tcp_connections_are_bounded);
	tcase_add_test(tc, one_ports_connections_take_none_of_others);
	tcase_add_test(tc, lookups_by_tcp_are_the_guests_own);
	tcase_add_test(tc, one_answer_is_cut_for_udp_and_whole_for_tcp);
	tcase_add_test(tc, client_that_takes_no_answers_is_closed);
	tcase_add_test(tc, slow_client_does_not_make_taken_answers_pile_up);
	tcase_add_test(tc, ending_while_all_is_under_way_leaves_nothing);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
