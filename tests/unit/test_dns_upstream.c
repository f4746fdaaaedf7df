/* SPDX-License-Identifier: BSD-3-Clause */

#include "dns/server.h"
#include "dns/upstream.h"
#include "fakedns.h"
#include "linkbed.h"
#include "run_suite.h"

/* The server asked, the time, and the answer taken. */
static struct dns_upstream *upstream;
static struct fakedns servers[3];
static struct message q, got;
static unsigned n_done, n_failed;

static void setup(void)
{
	bed_setup();
	upstream = dns_upstream_new(loop);
	memset(servers, 0, sizeof servers);
	n_done = n_failed = 0;
}

static void teardown(void)
{
	dns_upstream_free(upstream);
	for (unsigned i = 0; i < G_N_ELEMENTS(servers); i++)
		fake_close(&servers[i]);
	bed_teardown();
}

static void done(void *data, uint8_t *answer, size_t len)
{
	n_done++;
	n_failed += !answer;
	got.len = 0;
	put(&got, answer, len);
}

static void ask(const char *name)
{
	struct dns_query query;

	query_begin(&q, 1, name, DNS_TYPE_A);
	ck_assert_int_eq(dns_query_parse(&query, q.data, q.len), DNS_NOERROR);
	ck_assert_ptr_nonnull(dns_upstream_ask(upstream, &query, done, NULL));
}

/* The servers from @first to before @end. */
static void use(unsigned first, unsigned end)
{
	GArray *array = g_array_new(FALSE, FALSE, sizeof(struct dns_server));

	for (unsigned i = first; i < end; i++) {
		g_autofree char *text = g_strdup_printf("127.0.0.1#%u", servers[i].port);
		struct dns_server server;

		ck_assert(dns_server_parse(&server, text, NULL));
		g_array_append_val(array, server);
	}
	dns_upstream_set(upstream, array);
	g_array_free(array, TRUE);
}

static void open_all(enum behaviour first, enum behaviour second, enum behaviour third)
{
	fake_open(&servers[0], loop, "127.0.0.1", first, "192.0.2.1");
	fake_open(&servers[1], loop, "127.0.0.1", second, "192.0.2.2");
	fake_open(&servers[2], loop, "127.0.0.1", third, "192.0.2.3");
}

static void assert_from(const char *addr, const char *name)
{
	g_autofree char *record = g_strdup_printf("AN %s 1 %s;", name, addr);

	assert_records(got.data, got.len, record);
}

START_TEST(first_server_is_asked_and_no_other)
{
	open_all(FAKE_ANSWER, FAKE_ANSWER, FAKE_ANSWER);
	use(0, 3);
	for (unsigned i = 0; i < 10; i++) {
		ask("www.example.org");
		run_until(n_done == i + 1);
		assert_from("192.0.2.1", "www.example.org");
	}
	ck_assert_uint_eq(servers[0].queries, 10);
	ck_assert_uint_eq(servers[1].queries + servers[2].queries, 0);
}
END_TEST

START_TEST(ids_are_not_the_clients_and_differ)
{
	unsigned last = 1, same = 0;

	open_all(FAKE_ANSWER, FAKE_ANSWER, FAKE_ANSWER);
	use(0, 1);
	for (unsigned i = 0; i < 20; i++) {
		unsigned id;

		ask("www.example.org");
		run_until(n_done == i + 1);
		id = dns_get16(servers[0].last.data);
		same += id == 1 || id == last || id == last + 1;
		last = id;
	}
	ck_assert_uint_le(same, 2);
}
END_TEST

START_TEST(third_server_answers_when_two_have_nothing)
{
	open_all(FAKE_SILENT, FAKE_RCODE, FAKE_ANSWER);
	servers[1].rcode = DNS_SERVFAIL;
	use(0, 3);
	ask("www.example.org");
	run_until(n_done);
	assert_from("192.0.2.3", "www.example.org");
	ck_assert_uint_eq(servers[0].queries, 1);
	ck_assert_uint_eq(servers[1].queries, 1);
	/* And it is asked first from now on. */
	ask("web.example.org");
	run_until(n_done == 2);
	assert_from("192.0.2.3", "web.example.org");
	ck_assert_uint_eq(servers[0].queries, 1);
}
END_TEST

START_TEST(closed_port_is_the_next_ones_turn_at_once)
{
	usec_t began = g_get_monotonic_time();

	open_all(FAKE_ANSWER, FAKE_ANSWER, FAKE_ANSWER);
	use(0, 2);
	fake_close(&servers[0]);
	ask("www.example.org");
	run_until(n_done);
	assert_from("192.0.2.2", "www.example.org");
	ck_assert_int_lt(g_get_monotonic_time() - began, DNS_UPSTREAM_WAIT / 2);
}
END_TEST

START_TEST(late_answer_of_the_first_server_is_taken)
{
	struct sockaddr_any from = {.len = sizeof from.storage};

	open_all(FAKE_SILENT, FAKE_SILENT, FAKE_SILENT);
	use(0, 2);
	/* The fake does not read it: the test answers after the second was asked. */
	loop_io_remove(&servers[0].udp_io);
	ask("www.example.org");
	run_until(servers[1].queries == 1);
	servers[0].last.len = (size_t)recvfrom(servers[0].udp, servers[0].last.data,
					       sizeof servers[0].last.data, 0, &from.sa, &from.len);
	fake_make(&servers[0], servers[0].last.data, servers[0].last.len, false);
	ck_assert_int_gt(sendto(servers[0].udp, servers[0].answer.data, servers[0].answer.len, 0,
				&from.sa, from.len),
			 0);
	run_until(n_done);
	assert_from("192.0.2.1", "www.example.org");
	loop_io_add(loop, &servers[0].udp_io, servers[0].udp, EPOLLIN, fake_udp);
}
END_TEST

START_TEST(server_slower_than_repeated_queries_is_heard)
{
	struct sockaddr_any from = {.len = sizeof from.storage};

	open_all(FAKE_SILENT, FAKE_SILENT, FAKE_SILENT);
	use(0, 1);
	loop_io_remove(&servers[0].udp_io);
	ask("www.example.org");
	servers[0].last.len = (size_t)recvfrom(servers[0].udp, servers[0].last.data,
					       sizeof servers[0].last.data, 0, &from.sa, &from.len);
	fake_make(&servers[0], servers[0].last.data, servers[0].last.len, false);
	/* At 0, 1, 3 and 5 s; the first is answered. */
	run_until(dns_upstream_stats(upstream)->sent == 4);
	ck_assert_int_gt(sendto(servers[0].udp, servers[0].answer.data, servers[0].answer.len, 0,
				&from.sa, from.len),
			 0);
	run_until(n_done);
	assert_from("192.0.2.1", "www.example.org");
	loop_io_add(loop, &servers[0].udp_io, servers[0].udp, EPOLLIN, fake_udp);
}
END_TEST

START_TEST(silence_of_all_ends_in_time)
{
	usec_t began = g_get_monotonic_time(), took;

	open_all(FAKE_SILENT, FAKE_SILENT, FAKE_SILENT);
	use(0, 3);
	ask("www.example.org");
	run_until(dns_upstream_stats(upstream)->sent == 4);
	run_until(n_done);
	took = g_get_monotonic_time() - began;
	ck_assert_uint_eq(n_failed, 1);
	ck_assert_int_gt(took, DNS_UPSTREAM_TOTAL - USEC_PER_SEC);
	ck_assert_int_lt(took, DNS_UPSTREAM_TOTAL + USEC_PER_SEC);
	/* Lost datagrams were sent again, to each. */
	ck_assert_uint_ge(servers[0].queries, 2);
	ck_assert_uint_ge(servers[2].queries, 2);
}
END_TEST

START_TEST(new_servers_take_over_what_is_under_way)
{
	open_all(FAKE_SILENT, FAKE_ANSWER, FAKE_ANSWER);
	use(0, 1);
	for (unsigned i = 0; i < 100; i++)
		ask("www.example.org");
	run_until(servers[0].queries == 100);
	ck_assert_uint_eq(n_done, 0);
	use(1, 2);
	run_until(n_done == 100);
	assert_from("192.0.2.2", "www.example.org");
	ck_assert_uint_eq(servers[1].queries, 100);
	ck_assert_uint_eq(n_failed, 0);
}
END_TEST

START_TEST(same_servers_are_no_change)
{
	GArray *a = dns_servers_from_resolv_conf("nameserver 192.0.2.1\n", 21);
	GArray *b = dns_servers_from_resolv_conf("nameserver 192.0.2.2\n", 21);

	ck_assert(dns_upstream_set(upstream, a));
	ck_assert(!dns_upstream_set(upstream, a));
	ck_assert(dns_upstream_set(upstream, b));
	g_array_free(a, TRUE);
	g_array_free(b, TRUE);
}
END_TEST

START_TEST(longest_domain_decides)
{
	const char *const words[] = {"192.0.2.1", "/example/192.0.2.2", "/corp.example/192.0.2.3",
				     NULL};
	GArray *array = dns_servers_from_words(words, NULL);
	struct dns_name name;

	dns_upstream_set(upstream, array);
	ck_assert(dns_name_parse(&name, "www.corp.example"));
	ck_assert(dns_upstream_routes(upstream, &name));
	ck_assert(dns_name_parse(&name, "example"));
	ck_assert(dns_upstream_routes(upstream, &name));
	ck_assert(dns_name_parse(&name, "example.org"));
	ck_assert(!dns_upstream_routes(upstream, &name));
	g_array_free(array, TRUE);
}
END_TEST

/* --- as written in options --- */

static void assert_resolv_conf(const char *text, const char *expected)
{
	GArray *array = dns_servers_from_resolv_conf(text, strlen(text));
	GString *is = g_string_new(NULL);

	for (guint i = 0; i < array->len; i++) {
		g_autofree char *one =
			dns_server_format(&g_array_index(array, struct dns_server, i));

		g_string_append_printf(is, "%s%s", i ? " " : "", one);
	}
	ck_assert_str_eq(is->str, expected);
	g_string_free(is, TRUE);
	g_array_free(array, TRUE);
}

START_TEST(resolv_conf_is_read_as_the_resolver_does)
{
	assert_resolv_conf("", "127.0.0.1");
	assert_resolv_conf("search x\noptions edns0\n", "127.0.0.1");
	assert_resolv_conf("nameserver 192.0.2.1", "192.0.2.1");
	assert_resolv_conf("nameserver\t192.0.2.1 # x\r\nnameserver   fe80::1%1\n"
			   "#nameserver 192.0.2.2\n;nameserver 192.0.2.3\n nameserver 192.0.2.4\n"
			   "nameservers 192.0.2.5\nnameserver\nnameserver x\n"
			   "nameserver 192.0.2.1\nnameserver ::1\n",
			   "192.0.2.1 fe80::1%1 ::1");
}
END_TEST

START_TEST(any_address_means_this_host)
{
	assert_resolv_conf("nameserver 0.0.0.0\nnameserver ::\nnameserver 0\n", "127.0.0.1 ::1");
}
END_TEST

static void assert_search(const char *text, const char *expected)
{
	g_auto(GStrv) search = dns_search_from_resolv_conf(text, strlen(text));
	g_autofree char *is = g_strjoinv(" ", search);

	ck_assert_str_eq(is, expected);
}

START_TEST(search_list_is_that_of_the_last_line)
{
	GString *many = g_string_new("search");
	g_auto(GStrv) search = NULL;

	assert_search("", "");
	assert_search("nameserver ::1\nsearch lan corp.example\n", "lan corp.example");
	assert_search("search a b\ndomain c\n", "c");
	assert_search("domain c\nsearch\ta \t b.\r\nsearchx d\n search e\n", "a b.");
	assert_search("search . a..b x", "x");
	for (unsigned i = 0; i < 100; i++)
		g_string_append_printf(many, " d%u.example", i);
	search = dns_search_from_resolv_conf(many->str, many->len);
	ck_assert_uint_eq(g_strv_length(search), DNS_SEARCH_MAX);
	g_string_free(many, TRUE);
}
END_TEST

START_TEST(words_are_written_back_as_they_were)
{
	static const char *const words[] = {"192.0.2.1", "192.0.2.1#5353",          "::1",
					    "::1#5353",  "/corp.example/192.0.2.1", "/a/::1#99"};

	for (unsigned i = 0; i < G_N_ELEMENTS(words); i++) {
		g_autofree char *text = NULL;
		struct dns_server server;

		ck_assert(dns_server_parse(&server, words[i], NULL));
		text = dns_server_format(&server);
		ck_assert_str_eq(text, words[i]);
	}
}
END_TEST

START_TEST(words_are_bounded)
{
	g_autofree const char **words = g_new0(const char *, DNS_SERVERS_MAX + 2);
	g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) error = NULL;

	for (unsigned i = 0; i <= DNS_SERVERS_MAX; i++) {
		g_ptr_array_add(texts, g_strdup_printf("192.0.2.%u", i + 1));
		words[i] = g_ptr_array_index(texts, i);
	}
	ck_assert_ptr_null(dns_servers_from_words(words, &error));
	ck_assert_str_eq(error->message,
			 "'192.0.2.33': there are 32 servers already, which is the limit");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dns_upstream");
	TCase *tc = tcase_create("dns_upstream");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, first_server_is_asked_and_no_other);
	tcase_add_test(tc, ids_are_not_the_clients_and_differ);
	tcase_add_test(tc, third_server_answers_when_two_have_nothing);
	tcase_add_test(tc, closed_port_is_the_next_ones_turn_at_once);
	tcase_add_test(tc, late_answer_of_the_first_server_is_taken);
	tcase_add_test(tc, server_slower_than_repeated_queries_is_heard);
	tcase_add_test(tc, silence_of_all_ends_in_time);
	tcase_add_test(tc, new_servers_take_over_what_is_under_way);
	tcase_add_test(tc, same_servers_are_no_change);
	tcase_add_test(tc, longest_domain_decides);
	tcase_add_test(tc, resolv_conf_is_read_as_the_resolver_does);
	tcase_add_test(tc, any_address_means_this_host);
	tcase_add_test(tc, search_list_is_that_of_the_last_line);
	tcase_add_test(tc, words_are_written_back_as_they_were);
	tcase_add_test(tc, words_are_bounded);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
