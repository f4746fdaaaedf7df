/* SPDX-License-Identifier: BSD-3-Clause */

#include "dns/channel.h"
#include "fakedns.h"
#include "linkbed.h"
#include "run_suite.h"

/* One server, and what an off-path attacker cannot know of a query to it. */
static struct dns_channel *channel;
static struct fakedns server;
static struct message q, got;
static unsigned n_done, n_failed;

static void setup(void)
{
	bed_setup();
	n_done = n_failed = 0;
}

static void teardown(void)
{
	g_clear_pointer(&channel, dns_channel_free);
	fake_close(&server);
	bed_teardown();
}

static void open_with(enum behaviour behaviour)
{
	struct sockaddr_any addr;
	g_autofree char *port = NULL;

	fake_open(&server, loop, "127.0.0.1", behaviour, "192.0.2.1");
	port = g_strdup_printf("%u", server.port);
	ck_assert(sockaddr_inet(&addr, "127.0.0.1", port, NULL));
	channel = dns_channel_new(loop, &addr);
}

static void done(void *data, const struct dns_attempt *attempt, uint8_t *answer, size_t len)
{
	n_done++;
	n_failed += !answer;
	got.len = 0;
	put(&got, answer, len);
}

static struct dns_attempt *ask(const char *name)
{
	struct dns_query query;

	query_begin(&q, 1, name, DNS_TYPE_A);
	ck_assert_int_eq(dns_query_parse(&query, q.data, q.len), DNS_NOERROR);
	return dns_channel_send(channel, &query, done, NULL);
}

static void ask_and_wait(const char *name)
{
	unsigned before = n_done;

	ck_assert_ptr_nonnull(ask(name));
	run_until(n_done == before + 1);
}

static unsigned uppers(const struct message *m)
{
	unsigned n = 0;

	for (const uint8_t *p = m->data + DNS_HEADER; *p; p++)
		n += g_ascii_isupper(*p);
	return n;
}

static unsigned open_descriptors(void)
{
	GDir *fds = g_dir_open("/proc/self/fd", 0, NULL);
	unsigned n = 0;

	while (g_dir_read_name(fds))
		n++;
	g_dir_close(fds);
	return n;
}

START_TEST(queries_come_from_many_ports_of_few_sockets)
{
	unsigned before;

	open_with(FAKE_ANSWER);
	before = open_descriptors();
	for (unsigned i = 0; i < 2000; i++)
		ask_and_wait("www.example.org");
	ck_assert_uint_ge(server.n_ports, 20);
	ck_assert_uint_le(open_descriptors(), before + 2 * DNS_CHANNEL_SOCKETS);
}
END_TEST

START_TEST(case_of_letters_is_drawn_and_nothing_else_changed)
{
	unsigned n = 0;

	open_with(FAKE_ANSWER);
	for (unsigned i = 0; i < 20; i++) {
		ask_and_wait("www-0.example.org");
		n += uppers(&server.last);
		ck_assert_uint_eq(server.last.len, q.len);
		ck_assert_int_eq(g_ascii_strncasecmp((char *)server.last.data + DNS_HEADER,
						     (char *)q.data + DNS_HEADER, 19),
				 0);
		ck_assert_mem_eq(server.last.data + DNS_HEADER + 19, q.data + DNS_HEADER + 19, 4);
	}
	/* 280 letters; half change, but for a chance of one in a million. */
	ck_assert_uint_gt(n, 90);
	ck_assert_uint_lt(n, 190);
}
END_TEST

START_TEST(owners_without_compression_are_told_in_lower_case)
{
	open_with(FAKE_PLAIN);
	for (unsigned i = 0; i < 5; i++) {
		ask_and_wait("www.example.org");
		ck_assert_mem_eq(got.data + q.len, "\3www\7example\3org", 17);
	}
}
END_TEST

START_TEST(server_that_loses_the_case_is_asked_as_the_client_wrote)
{
	open_with(FAKE_LOWER);
	for (unsigned i = 0; i < 8 && uppers(&server.last) == 0; i++)
		ask_and_wait("www.example.org");
	ask_and_wait("wWw.example.org");
	ck_assert_uint_eq(uppers(&server.last), 1);
	ck_assert_uint_eq(server.tcp_queries, 0);
	ck_assert_uint_eq(n_failed, 0);
}
END_TEST

START_TEST(other_case_of_a_server_that_keeps_it_is_asked_about_by_tcp)
{
	open_with(FAKE_ANSWER);
	for (unsigned i = 0; i < 10; i++)
		ask_and_wait("www.example.org");
	server.behaviour = FAKE_LOWER_UDP;
	for (unsigned i = 0; i < 10; i++)
		ask_and_wait("www.example.org");
	ck_assert_uint_ge(server.tcp_queries, 8);
	ck_assert_uint_eq(n_failed, 0);
	/* A server that does so by TCP too has changed. */
	server.behaviour = FAKE_LOWER;
	for (unsigned i = 0; i < 10; i++)
		ask_and_wait("www.example.org");
	ck_assert_uint_eq(uppers(&server.last), 0);
	ck_assert_uint_eq(n_failed, 0);
}
END_TEST

START_TEST(long_answers_come_by_one_connection_that_may_end_between)
{
	open_with(FAKE_BIG);
	ask_and_wait("big.example.org");
	ask_and_wait("big.example.org");
	ck_assert_uint_gt(got.len, 4000);
	fake_hang_up(&server);
	/* Sent on a connection that has closed unnoticed. */
	ask_and_wait("big.example.org");
	ck_assert_uint_gt(got.len, 4000);
	run_idle();
	ask_and_wait("big.example.org");
	ck_assert_uint_eq(n_failed, 0);
}
END_TEST

START_TEST(connection_that_is_refused_ends_the_attempt)
{
	open_with(FAKE_BIG);
	loop_io_remove(&server.tcp_io);
	close(server.tcp);
	ask_and_wait("big.example.org");
	ck_assert_uint_eq(n_failed, 1);
	server.tcp = dup(server.udp);
	loop_io_add(loop, &server.tcp_io, server.tcp, 0, fake_accept);
}
END_TEST

START_TEST(error_without_a_question_ends_the_attempt)
{
	open_with(FAKE_BARE);
	server.rcode = DNS_FORMERR;
	ask_and_wait("www.example.org");
	ck_assert_uint_eq(n_failed, 1);
}
END_TEST

START_TEST(closed_port_ends_all_attempts)
{
	open_with(FAKE_SILENT);
	fake_close(&server);
	for (unsigned i = 0; i < 100; i++)
		ck_assert_ptr_nonnull(ask("www.example.org"));
	run_until(n_done == 100);
	ck_assert_uint_eq(n_failed, 100);
}
END_TEST

START_TEST(abandoned_attempt_says_nothing)
{
	struct dns_attempt *attempt;

	open_with(FAKE_ANSWER);
	attempt = ask("www.example.org");
	dns_attempt_abandon(attempt);
	run_until(server.queries == 1);
	run_idle();
	ck_assert_uint_eq(n_done, 0);
	ask_and_wait("www.example.org");
}
END_TEST

START_TEST(attempts_are_bounded)
{
	open_with(FAKE_SILENT);
	loop_io_remove(&server.udp_io);
	for (unsigned i = 0; i < DNS_CHANNEL_MAX; i++)
		ck_assert_ptr_nonnull(ask("www.example.org"));
	ck_assert_ptr_null(ask("www.example.org"));
	loop_io_add(loop, &server.udp_io, server.udp, EPOLLIN, fake_udp);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dns_channel");
	TCase *tc = tcase_create("dns_channel");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, queries_come_from_many_ports_of_few_sockets);
	tcase_add_test(tc, case_of_letters_is_drawn_and_nothing_else_changed);
	tcase_add_test(tc, owners_without_compression_are_told_in_lower_case);
	tcase_add_test(tc, server_that_loses_the_case_is_asked_as_the_client_wrote);
	tcase_add_test(tc, other_case_of_a_server_that_keeps_it_is_asked_about_by_tcp);
	tcase_add_test(tc, long_answers_come_by_one_connection_that_may_end_between);
	tcase_add_test(tc, connection_that_is_refused_ends_the_attempt);
	tcase_add_test(tc, error_without_a_question_ends_the_attempt);
	tcase_add_test(tc, closed_port_ends_all_attempts);
	tcase_add_test(tc, abandoned_attempt_says_nothing);
	tcase_add_test(tc, attempts_are_bounded);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
