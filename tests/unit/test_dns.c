/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "fakedns.h"
#include "linkbed.h"
#include "svc/dns.h"
#include "svc/dns_tcp.h"
#include "svc/dns_zone.h"
#include "svc/gateway.h"

/* The name server from a guest's datagram to the world and back. */
#define ANSWERS 4096

static struct user_config config;
static struct dns *dns;
static struct fakedns one, two;
static struct message q;
static struct dns_stats stats;

/* What came back by UDP. */
static struct {
	unsigned n;
	unsigned by_port[8];
	struct message last;
	struct dns_client client;
} got;

static void answered(void *data, const struct dns_client *client, const uint8_t *message,
		     size_t len)
{
	got.n++;
	got.by_port[client->port_id % 8]++;
	got.client = *client;
	got.last.len = 0;
	put(&got.last, message, len);
}

static const struct dns_ops ops = {.answer_udp = answered};

static void setup(void)
{
	bed_setup();
	user_config_defaults(&config);
	ck_assert(user_config_resolve(&config, NULL));
	memset(&got, 0, sizeof got);
	memset(&one, 0, sizeof one);
	memset(&two, 0, sizeof two);
}

static void teardown(void)
{
	g_clear_pointer(&dns, dns_free);
	fake_close(&one);
	fake_close(&two);
	bed_teardown();
}

static void open_dns(const char *first, const char *second)
{
	const char *const words[] = {first, second, NULL};
	g_autoptr(GError) error = NULL;

	config.dns_servers = first ? words : NULL;
	dns = dns_new(network, &config, &ops, NULL, &error);
	config.dns_servers = NULL;
	ck_assert_msg(dns != NULL, "%s", error ? error->message : "");
}

static char *word(const char *prefix, const struct fakedns *fake)
{
	return g_strdup_printf("%s127.0.0.1#%u", prefix, fake->port);
}

/* Servers for all: the first one, or both. */
static void open_with(bool both)
{
	g_autofree char *a = word("", &one), *b = both ? word("", &two) : NULL;

	open_dns(a, b);
}

static void send_from(unsigned port, unsigned mac, unsigned sport)
{
	struct dns_client client = {.port_id = port, .mac = mac, .src_port = (uint16_t)sport};

	client.dst_port = 53;
	dns_query_udp(dns, &client, q.data, q.len, loop_now(loop));
}

static void ask(unsigned id, const char *name, unsigned type)
{
	query_begin(&q, id, name, type);
	send_from(1, 1, 1000);
}

static void assert_got(unsigned rcode, const char *records)
{
	ck_assert_uint_eq(rcode_of(got.last.data), rcode);
	assert_records(got.last.data, got.last.len, records);
}

#define see() dns_stats(dns, &stats)

START_TEST(local_name_is_answered_at_once)
{
	fake_open(&one, loop, "127.0.0.1", FAKE_ANSWER, "192.0.2.1");
	open_with(false);
	ask(7, "Gateway", DNS_TYPE_A);
	ck_assert_uint_eq(got.n, 1);
	ck_assert_uint_eq(dns_get16(got.last.data), 7);
	assert_got(DNS_NOERROR, "AN gateway 1 10.0.2.2;");
	ask(8, "nobody.usernet.internal", DNS_TYPE_A);
	ask(9, "nobody", DNS_TYPE_A);
	ask(10, "9.2.0.10.in-addr.arpa", DNS_TYPE_PTR);
	run_idle();
	ck_assert_uint_eq(got.n, 4);
	ck_assert_uint_eq(one.queries, 0);
	see();
	ck_assert_uint_eq(stats.local, 4);
}
END_TEST

START_TEST(name_of_the_world_is_asked_for_and_answered_raw)
{
	fake_open(&one, loop, "127.0.0.1", FAKE_ANSWER, "192.0.2.1");
	open_with(false);
	query_begin(&q, 0x4711, "WwW.Example.org", DNS_TYPE_A);
	query_edns(&q, 1232, true, "\xfd\xe9\0\2hi", 6);
	send_from(3, 1, 1234);
	ck_assert_uint_eq(got.n, 0);
	run_until(got.n == 1);
	ck_assert_uint_eq(got.client.port_id, 3);
	ck_assert_uint_eq(got.client.src_port, 1234);
	ck_assert_uint_eq(dns_get16(got.last.data), 0x4711);
	ck_assert_mem_eq(got.last.data + DNS_HEADER, q.data + DNS_HEADER, 17);
	assert_got(DNS_NOERROR, "AN www.example.org 1 192.0.2.1;OPT;");
	/* And the question went out with every byte but the id and the name's case. */
	ck_assert_uint_eq(one.last.len, q.len);
	ck_assert_mem_eq(one.last.data + 2, q.data + 2, 10);
	ck_assert_mem_eq(one.last.data + DNS_HEADER + 17, q.data + DNS_HEADER + 17,
			 q.len - DNS_HEADER - 17);
}
END_TEST

START_TEST(unknown_types_pass)
{
	fake_open(&one, loop, "127.0.0.1", FAKE_RCODE, NULL);
	open_with(false);
	ask(1, "www.example.org", 65280);
	run_until(got.n == 1);
	ck_assert_uint_eq(dns_get16(got.last.data + got.last.len - 4), 65280);
}
END_TEST

START_TEST(forged_answers_are_not_taken)
{
	static const enum behaviour forgeries[] = {FAKE_WRONG_ID, FAKE_WRONG_QUESTION,
						   FAKE_WRONG_PORT, FAKE_GARBAGE};

	fake_open(&one, loop, "127.0.0.1", FAKE_ANSWER, "192.0.2.1");
	open_with(false);
	for (unsigned i = 0; i < G_N_ELEMENTS(forgeries); i++) {
		g_autofree char *name = g_strdup_printf("n%u.example.org", i);
		g_autofree char *record = g_strdup_printf("AN %s 1 192.0.2.1;", name);

		one.behaviour = forgeries[i];
		ask(i, name, DNS_TYPE_A);
		run_until(got.n == i + 1);
		assert_got(DNS_NOERROR, record);
	}
}
END_TEST

START_TEST(alias_out_of_the_blue_is_refused)
{
	fake_open(&one, loop, "127.0.0.1", FAKE_BLUE_CNAME, NULL);
	open_with(false);
	ask(1, "www.example.org", DNS_TYPE_A);
	run_until(got.n == 1);
	assert_got(DNS_SERVFAIL, "");
	see();
	ck_assert_uint_eq(stats.upstream_bad, 1);
	ck_assert_uint_eq(stats.failed, 1);
	ck_assert_uint_eq(stats.cache_entries, 0);
}
END_TEST

START_TEST(large_answer_comes_by_tcp_and_is_cut_for_udp)
{
	fake_open(&one, loop, "127.0.0.1", FAKE_BIG, NULL);
	open_with(false);
	query_begin(&q, 1, "big.example.org", DNS_TYPE_TXT);
	query_edns(&q, 1232, false, NULL, 0);
	send_from(1, 1, 1000);
	run_until(got.n == 1);
	ck_assert_uint_eq(one.tcp_queries, 1);
	ck_assert(dns_get16(got.last.data + 2) & DNS_TC);
	assert_got(DNS_NOERROR, "OPT;");
	see();
	ck_assert_uint_eq(stats.truncated, 1);
}
END_TEST

START_TEST(error_of_one_server_is_the_next_ones_turn)
{
	static const unsigned errors[] = {DNS_SERVFAIL, DNS_REFUSED, DNS_NOTIMP, DNS_FORMERR};

	for (unsigned i = 0; i < G_N_ELEMENTS(errors); i++) {
		fake_open(&one, loop, "127.0.0.1", FAKE_RCODE, NULL);
		fake_open(&two, loop, "127.0.0.1", FAKE_ANSWER, "192.0.2.2");
		open_with(true);
		one.rcode = errors[i];
		got.n = 0;
		query_begin(&q, 1, "www.example.org", DNS_TYPE_A);
		query_edns(&q, 1232, false, NULL, 0);
		send_from(1, 1, 1000);
		run_until(got.n == 1);
		assert_got(DNS_NOERROR, "AN www.example.org 1 192.0.2.2;OPT;");
		ck_assert_uint_eq(one.queries, 1);
		g_clear_pointer(&dns, dns_free);
		fake_close(&one);
		fake_close(&two);
	}
}
END_TEST

START_TEST(error_that_all_servers_give_goes_back_as_it_came)
{
	static const unsigned errors[] = {DNS_SERVFAIL, DNS_REFUSED, DNS_NOTIMP, DNS_FORMERR};

	fake_open(&one, loop, "127.0.0.1", FAKE_RCODE, NULL);
	open_with(false);
	for (unsigned i = 0; i < G_N_ELEMENTS(errors); i++) {
		one.rcode = errors[i];
		ask(i, "www.example.org", DNS_TYPE_A);
		run_until(got.n == i + 1);
		assert_got(errors[i], "");
		/* With the OPT record that says that we, or the server, know of EDNS. */
		ck_assert_uint_eq(one.queries, i + 1);
	}
	see();
	ck_assert_uint_eq(stats.cache_entries, 0);
}
END_TEST

START_TEST(query_is_never_shortened_for_a_server_without_edns)
{
	fake_open(&one, loop, "127.0.0.1", FAKE_RCODE, NULL);
	open_with(false);
	one.rcode = DNS_FORMERR;
	ask(1, "www.example.org", DNS_TYPE_A);
	run_until(got.n == 1);
	ck_assert_uint_eq(one.queries, 1);
	ck_assert_uint_eq(one.last.len, q.len);
}
END_TEST

START_TEST(silent_server_is_passed_over_and_then_asked_last)
{
	usec_t began;

	fake_open(&one, loop, "127.0.0.1", FAKE_SILENT, NULL);
	fake_open(&two, loop, "127.0.0.1", FAKE_ANSWER, "192.0.2.2");
	open_with(true);
	began = g_get_monotonic_time();
	ask(1, "a.example.org", DNS_TYPE_A);
	run_until(got.n == 1);
	ck_assert_int_lt(g_get_monotonic_time() - began, 3 * USEC_PER_SEC);
	ask(2, "b.example.org", DNS_TYPE_A);
	run_until(got.n == 2);
	ck_assert_uint_eq(one.queries, 1);
	see();
	ck_assert_uint_eq(stats.timeouts, 1);
}
END_TEST

START_TEST(server_that_is_not_there_fails_at_once)
{
	usec_t began = g_get_monotonic_time();

	fake_open(&one, loop, "127.0.0.1", FAKE_ANSWER, NULL);
	open_with(false);
	fake_close(&one);
	ask(1, "www.example.org", DNS_TYPE_A);
	run_until(got.n == 1);
	assert_got(DNS_SERVFAIL, "");
	ck_assert_int_lt(g_get_monotonic_time() - began, 3 * USEC_PER_SEC);
}
END_TEST

START_TEST(same_question_is_asked_once)
{
	fake_open(&one, loop, "127.0.0.1", FAKE_ANSWER, "192.0.2.1");
	open_with(false);
	for (unsigned i = 0; i < 50; i++) {
		query_begin(&q, i, i % 2 ? "www.EXAMPLE.org" : "WWW.example.org", DNS_TYPE_A);
		send_from(1 + i % 4, i, 1000 + i);
	}
	/* One repeats itself. */
	send_from(1 + 49 % 4, 49, 1049);
	run_until(got.n == 50);
	run_idle();
	ck_assert_uint_eq(one.queries, 1);
	ck_assert_uint_eq(got.n, 50);
	ck_assert_mem_eq(got.last.data + DNS_HEADER, "\3www\7EXAMPLE", 12);
	ck_assert_uint_eq(dns_get16(got.last.data), 49);
	see();
	ck_assert_uint_eq(stats.forwarded, 1);
	ck_assert_uint_eq(stats.shared, 50);
	ck_assert_uint_eq(stats.outstanding, 0);
}
END_TEST

START_TEST(other_flags_are_another_question)
{
	fake_open(&one, loop, "127.0.0.1", FAKE_ANSWER, "192.0.2.1");
	open_with(false);
	ask(1, "www.example.org", DNS_TYPE_A);
	query_edns(&q, 1232, true, NULL, 0);
	send_from(1, 1, 1001);
	query_begin(&q, 2, "www.example.org", DNS_TYPE_A);
	q.data[3] |= DNS_CD;
	send_from(1, 1, 1002);
	run_until(got.n == 3);
	ck_assert_uint_eq(one.queries, 3);
}
END_TEST

START_TEST(answer_is_cached_for_its_time)
{
	fake_open(&one, loop, "127.0.0.1", FAKE_ANSWER, "192.0.2.1");
	open_with(false);
	ask(1, "www.example.org", DNS_TYPE_A);
	run_until(got.n == 1);
	ask(2, "WWW.example.org", DNS_TYPE_A);
	ck_assert_uint_eq(got.n, 2);
	ck_assert_uint_eq(dns_get16(got.last.data), 2);
	ck_assert_mem_eq(got.last.data + DNS_HEADER, "\3WWW", 4);
	assert_got(DNS_NOERROR, "AN www.example.org 1 192.0.2.1;");
	ck_assert_uint_eq(one.queries, 1);
	see();
	ck_assert_uint_eq(stats.cached, 1);
}
END_TEST

START_TEST(one_guest_cannot_take_it_all)
{
	fake_open(&one, loop, "127.0.0.1", FAKE_SILENT, NULL);
	fake_open(&two, loop, "127.0.0.1", FAKE_ANSWER, "192.0.2.2");
	{
		g_autofree char *a = word("/slow.example/", &one), *b = word("", &two);

		open_dns(a, b);
	}
	/* 100,000 of one guest under many names, some under many MAC addresses; another asks. */
	for (unsigned i = 0; i < 100000; i++) {
		g_autofree char *name = g_strdup_printf("n%u.slow.example", i);

		query_begin(&q, i, name, DNS_TYPE_A);
		send_from(1, i % 2 ? 7 : i, 1000 + i % 60000);
		if (i % 10000 == 0) {
			g_autofree char *other = g_strdup_printf("n%u.example.org", i);

			query_begin(&q, i, other, DNS_TYPE_A);
			send_from(2, 9, 1000);
			run_until(got.by_port[2] == i / 10000 + 1);
		}
	}
	see();
	ck_assert_uint_eq(stats.outstanding, DNS_MAX_PER_PORT);
	ck_assert_uint_eq(stats.dropped, 100000 - DNS_MAX_PER_PORT);
	ck_assert_uint_eq(got.by_port[2], 10);
	ck_assert_uint_le(one.queries, 2 * DNS_MAX_PER_PORT);
}
END_TEST

START_TEST(one_mac_address_is_bounded_below_its_port)
{
	fake_open(&one, loop, "127.0.0.1", FAKE_SILENT, NULL);
	open_with(false);
	for (unsigned i = 0; i < 1000; i++) {
		g_autofree char *name = g_strdup_printf("n%u.example.org", i);

		query_begin(&q, i, name, DNS_TYPE_A);
		send_from(1, 7, 1000);
	}
	see();
	ck_assert_uint_eq(stats.outstanding, DNS_MAX_PER_GUEST);
}
END_TEST

START_TEST(all_waiting_is_bounded)
{
	fake_open(&one, loop, "127.0.0.1", FAKE_SILENT, NULL);
	open_with(false);
	for (unsigned i = 0; i < 4000; i++) {
		g_autofree char *name = g_strdup_printf("n%u.example.org", i);

		query_begin(&q, i, name, DNS_TYPE_A);
		send_from(i, i, 1000);
	}
	see();
	ck_assert_uint_eq(stats.outstanding, DNS_MAX_OUTSTANDING);
}
END_TEST

START_TEST(domain_has_servers_of_its_own)
{
	fake_open(&one, loop, "127.0.0.1", FAKE_ANSWER, "192.0.2.1");
	fake_open(&two, loop, "127.0.0.1", FAKE_ANSWER, "192.0.2.2");
	{
		g_autofree char *a = word("", &one), *b = word("/corp.example/", &two);

		open_dns(a, b);
	}
	ask(1, "www.Corp.example", DNS_TYPE_A);
	run_until(got.n == 1);
	assert_got(DNS_NOERROR, "AN www.corp.example 1 192.0.2.2;");
	ask(2, "xcorp.example", DNS_TYPE_A);
	run_until(got.n == 2);
	assert_got(DNS_NOERROR, "AN xcorp.example 1 192.0.2.1;");
	ck_assert_uint_eq(two.queries, 1);
}
END_TEST

START_TEST(restricted_network_learns_our_names_only)
{
	fake_open(&one, loop, "127.0.0.1", FAKE_ANSWER, "192.0.2.1");
	config.restricted = true;
	open_with(false);
	ask(1, "www.example.org", DNS_TYPE_A);
	ck_assert_uint_eq(got.n, 1);
	assert_got(DNS_REFUSED, "");
	ask(1, "gateway", DNS_TYPE_A);
	assert_got(DNS_NOERROR, "AN gateway 1 10.0.2.2;");
}
END_TEST

START_TEST(what_is_no_query_for_us_is_told_so)
{
	fake_open(&one, loop, "127.0.0.1", FAKE_ANSWER, "192.0.2.1");
	open_with(false);
	ask(1, "version.bind", DNS_TYPE_TXT);
	query_begin(&q, 1, "version.bind", DNS_TYPE_TXT);
	dns_put16(q.data + q.len - 2, 3); /* CHAOS */
	send_from(1, 1, 1);
	assert_got(DNS_REFUSED, "");
	query_begin(&q, 1, "example.org", DNS_TYPE_AXFR);
	send_from(1, 1, 1);
	assert_got(DNS_REFUSED, "");
	q.len = DNS_HEADER + 3;
	send_from(1, 1, 1);
	assert_got(DNS_FORMERR, "");
	got.n = 0;
	q.len = DNS_HEADER - 1;
	send_from(1, 1, 1);
	query_begin(&q, 1, "example.org", DNS_TYPE_A);
	q.data[2] |= 0x80;
	send_from(1, 1, 1);
	ck_assert_uint_eq(got.n, 0);
	see();
	ck_assert_uint_eq(stats.dropped, 2);
}
END_TEST

/* --- resolv.conf --- */

static void write_conf(const char *name, const char *text)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);

	ck_assert(g_file_set_contents(path, text, -1, NULL));
}

static void remove_conf(const char *name)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);

	ck_assert_int_eq(unlink(path), 0);
}

static void assert_servers(const char *expected)
{
	g_auto(GStrv) servers = dns_servers(dns);
	g_autofree char *is = g_strjoinv(" ", servers);

	ck_assert_str_eq(is, expected);
}

static unsigned config_changes(void)
{
	see();
	return (unsigned)stats.config_changes;
}

START_TEST(resolv_conf_is_followed_when_it_is_replaced_or_rewritten)
{
	g_autofree char *path = g_build_filename(dir, "resolv.conf", NULL);
	FILE *file;

	write_conf("resolv.conf", "# nobody\nnameserver 192.0.2.1\nnameserver 192.0.2.2 x\n");
	config.resolv_conf = path;
	open_dns(NULL, NULL);
	assert_servers("192.0.2.1 192.0.2.2");
	write_conf("resolv.conf", "nameserver ::1\n"); /* by a rename */
	run_until(config_changes() == 1);
	assert_servers("::1");
	file = fopen(path, "w");
	fputs("nameserver 192.0.2.3\n", file);
	fclose(file);
	run_until(config_changes() == 2);
	assert_servers("192.0.2.3");
	remove_conf("resolv.conf");
	run_until(config_changes() == 3);
	assert_servers("127.0.0.1");
}
END_TEST

START_TEST(resolv_conf_is_followed_through_a_symlink)
{
	g_autofree char *path = g_build_filename(dir, "resolv.conf", NULL);
	g_autofree char *sub = g_build_filename(dir, "run", NULL);

	ck_assert_int_eq(mkdir(sub, 0700), 0);
	write_conf("run/stub.conf", "nameserver 192.0.2.1\n");
	ck_assert_int_eq(symlink("run/stub.conf", path), 0);
	config.resolv_conf = path;
	open_dns(NULL, NULL);
	assert_servers("192.0.2.1");
	write_conf("run/stub.conf", "nameserver 192.0.2.2\n");
	run_until(config_changes() == 1);
	assert_servers("192.0.2.2");
	write_conf("run/other.conf", "nameserver 192.0.2.3\n");
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(symlink("run/other.conf", path), 0);
	run_until(config_changes() == 2);
	assert_servers("192.0.2.3");
	g_clear_pointer(&dns, dns_free);
	remove_conf("run/stub.conf");
	remove_conf("run/other.conf");
	remove_conf("resolv.conf");
	ck_assert_int_eq(rmdir(sub), 0);
}
END_TEST

START_TEST(question_under_way_is_asked_of_the_new_servers)
{
	g_autofree char *path = g_build_filename(dir, "resolv.conf", NULL);
	usec_t began;

	/* resolv.conf has no ports: a server on 53 must be had, or the test says nothing. */
	fake_open(&two, loop, "127.0.0.1", FAKE_ANSWER, "192.0.2.2");
	write_conf("resolv.conf", "nameserver 127.0.0.1\n");
	config.resolv_conf = path;
	{
		g_autofree char *b = word("/corp.example/", &two);

		open_dns(b, NULL);
	}
	ask(1, "a.corp.example", DNS_TYPE_A);
	two.behaviour = FAKE_SILENT;
	run_until(two.queries == 1);
	ck_assert_uint_eq(got.n, 0);
	two.behaviour = FAKE_ANSWER;
	began = g_get_monotonic_time();
	write_conf("resolv.conf", "nameserver 192.0.2.9\n");
	run_until(got.n == 1);
	ck_assert_int_lt(g_get_monotonic_time() - began, DNS_TCP_IDLE / 20);
	assert_got(DNS_NOERROR, "AN a.corp.example 1 192.0.2.2;");
	remove_conf("resolv.conf");
}
END_TEST

START_TEST(wrong_server_is_refused_by_name)
{
	static const char *const words[] = {
		"192.0.2.1#0", "dns.example", "/corp.example", "//1.1.1.1", "", "1.1.1.1#99999"};

	for (unsigned i = 0; i < G_N_ELEMENTS(words); i++) {
		const char *const list[] = {words[i], NULL};
		g_autoptr(GError) error = NULL;

		config.dns_servers = list;
		ck_assert_ptr_null(dns_new(network, &config, &ops, NULL, &error));
		ck_assert_msg(g_str_has_prefix(error->message, "user: dns-server: '"), "%s",
			      error->message);
	}
	config.dns_servers = NULL;
}
END_TEST

/* --- TCP --- */

static int dial(void)
{
	g_autofree char *port = g_strdup_printf("%u", dns_tcp_port(dns, false));
	struct sockaddr_any addr;
	bool in_progress;
	int fd;

	ck_assert(sockaddr_inet(&addr, "127.0.0.1", port, NULL));
	fd = socket_connect(&addr, SOCK_STREAM, &in_progress);
	ck_assert_int_ge(fd, 0);
	return fd;
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
	/* Half closed: what was asked is still answered, then it is closed. */
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
	int fds[DNS_TCP_MAX + 10];

	fake_open(&one, loop, "127.0.0.1", FAKE_SILENT, NULL);
	open_with(false);
	for (unsigned i = 0; i < G_N_ELEMENTS(fds); i++) {
		fds[i] = dial();
		run_idle();
	}
	see();
	ck_assert_uint_eq(stats.tcp_connections, DNS_TCP_MAX);
	/* The newest is served, the oldest has gone. */
	ck_assert(hung_up(fds[0]));
	stream_len = 0;
	query_begin(&q, 1, "gateway", DNS_TYPE_A);
	send_tcp(fds[G_N_ELEMENTS(fds) - 1], false);
	run_until(received(fds[G_N_ELEMENTS(fds) - 1], 1));
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

int main(void)
{
	Suite *suite = suite_create("dns");
	TCase *tc = tcase_create("dns");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, local_name_is_answered_at_once);
	tcase_add_test(tc, name_of_the_world_is_asked_for_and_answered_raw);
	tcase_add_test(tc, unknown_types_pass);
	tcase_add_test(tc, forged_answers_are_not_taken);
	tcase_add_test(tc, alias_out_of_the_blue_is_refused);
	tcase_add_test(tc, large_answer_comes_by_tcp_and_is_cut_for_udp);
	tcase_add_test(tc, error_of_one_server_is_the_next_ones_turn);
	tcase_add_test(tc, error_that_all_servers_give_goes_back_as_it_came);
	tcase_add_test(tc, query_is_never_shortened_for_a_server_without_edns);
	tcase_add_test(tc, silent_server_is_passed_over_and_then_asked_last);
	tcase_add_test(tc, server_that_is_not_there_fails_at_once);
	tcase_add_test(tc, same_question_is_asked_once);
	tcase_add_test(tc, other_flags_are_another_question);
	tcase_add_test(tc, answer_is_cached_for_its_time);
	tcase_add_test(tc, one_guest_cannot_take_it_all);
	tcase_add_test(tc, one_mac_address_is_bounded_below_its_port);
	tcase_add_test(tc, all_waiting_is_bounded);
	tcase_add_test(tc, domain_has_servers_of_its_own);
	tcase_add_test(tc, restricted_network_learns_our_names_only);
	tcase_add_test(tc, what_is_no_query_for_us_is_told_so);
	tcase_add_test(tc, resolv_conf_is_followed_when_it_is_replaced_or_rewritten);
	tcase_add_test(tc, resolv_conf_is_followed_through_a_symlink);
	tcase_add_test(tc, question_under_way_is_asked_of_the_new_servers);
	tcase_add_test(tc, wrong_server_is_refused_by_name);
	tcase_add_test(tc, tcp_client_gets_the_whole_answer);
	tcase_add_test(tc, tcp_queries_are_pipelined_and_answered_as_they_are_ready);
	tcase_add_test(tc, tcp_client_that_goes_leaves_nothing);
	tcase_add_test(tc, tcp_connections_are_bounded);
	tcase_add_test(tc, ending_while_all_is_under_way_leaves_nothing);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
