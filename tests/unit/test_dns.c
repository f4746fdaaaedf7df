/* SPDX-License-Identifier: BSD-3-Clause */

#include "dnsbed.h"
#include "run_suite.h"

START_TEST(local_name_is_answered_at_once)
{
	fake_open(&one, loop, "127.0.0.1", FAKE_ANSWER, "192.0.2.1");
	open_with(false);
	ask(7, "Gateway", DNS_TYPE_A);
	ck_assert_uint_eq(got.n, 1);
	ck_assert_uint_eq(dns_get16(got.last.data), 7);
	assert_got(DNS_NOERROR, "AN gateway 1 10.0.2.2;");
	ask(8, "nobody.usernet.internal", DNS_TYPE_A);
	ask(9, "dns", DNS_TYPE_A);
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
	/* The question went out unchanged but for the id and the name's case. */
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
		/* Plus the OPT record that announces our, or the server's, EDNS. */
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
	/* One client repeats itself. */
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
	/*
	 * 100,000 queries of one guest under many names, some with other MAC addresses; another
	 * guest asks.
	 */
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
	/* Some may have waited long enough to be ended. */
	ck_assert_uint_eq(stats.dropped + stats.displaced, 100000 - DNS_MAX_PER_PORT);
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
	for (unsigned i = 0; i < 2 * DNS_MAX_OUTSTANDING; i++) {
		g_autofree char *name = g_strdup_printf("n%u.example.org", i);

		query_begin(&q, i, name, DNS_TYPE_A);
		send_from(i, i, 1000);
	}
	see();
	ck_assert_uint_eq(stats.outstanding, DNS_MAX_OUTSTANDING);
}
END_TEST

static void ask_many(const char *format, unsigned n, unsigned port)
{
	for (unsigned i = 0; i < n; i++) {
		g_autofree char *name = g_strdup_printf("n%u.%s", i, format);

		query_begin(&q, i, name, DNS_TYPE_A);
		send_from(port, port, 1000);
	}
}

/* The waiting clients have waited for long. */
static void be_patient(void)
{
	usec_t until = g_get_monotonic_time() + DNS_PATIENCE + 10 * USEC_PER_MSEC;

	while (g_get_monotonic_time() < until) {
		g_usleep(5000);
		run_idle();
	}
}

START_TEST(last_part_is_for_ports_that_have_few)
{
	unsigned hogs = (DNS_MAX_OUTSTANDING - DNS_RESERVE) / DNS_MAX_PER_GUEST;

	fake_open(&one, loop, "127.0.0.1", FAKE_SILENT, NULL);
	fake_open(&two, loop, "127.0.0.1", FAKE_ANSWER, "192.0.2.2");
	{
		g_autofree char *a = word("/slow.example/", &one), *b = word("", &two);

		open_dns(a, b);
	}
	for (unsigned i = 0; i <= hogs; i++) {
		g_autofree char *domain = g_strdup_printf("p%u.slow.example", i);

		ask_many(domain, DNS_MAX_PER_GUEST + 10, i + 10);
	}
	see();
	ck_assert_uint_eq(stats.outstanding, hogs * DNS_MAX_PER_GUEST + DNS_RESERVE_EACH);
	got.n = 0;
	ask(1, "www.example.org", DNS_TYPE_A);
	run_until(got.n == 1);
	assert_got(DNS_NOERROR, "AN www.example.org 1 192.0.2.2;");
}
END_TEST

START_TEST(names_that_nobody_answers_do_not_hold_up_others)
{
	fake_open(&one, loop, "127.0.0.1", FAKE_SILENT, NULL);
	fake_open(&two, loop, "127.0.0.1", FAKE_ANSWER, "192.0.2.2");
	{
		g_autofree char *a = word("/slow.example/", &one), *b = word("", &two);

		open_dns(a, b);
	}
	ask_many("slow.example", DNS_MAX_PER_GUEST, 1);
	ask(7, "www.example.org", DNS_TYPE_A);
	/* Full, and nobody has waited for long: refused at once. */
	ck_assert_uint_eq(got.n, 1);
	assert_got(DNS_SERVFAIL, "");
	be_patient();
	ask(8, "www.example.org", DNS_TYPE_A);
	/* The oldest was ended, and told so. */
	ck_assert_uint_eq(got.n, 2);
	assert_got(DNS_SERVFAIL, "");
	ck_assert_uint_eq(dns_get16(got.last.data), 0);
	ck_assert_mem_eq(got.last.data + DNS_HEADER, "\2n0\4slow", 8);
	run_until(got.n == 3);
	assert_got(DNS_NOERROR, "AN www.example.org 1 192.0.2.2;");
	see();
	ck_assert_uint_eq(stats.displaced, 1);
	ck_assert_uint_eq(stats.dropped, 1);
	ck_assert_uint_eq(stats.outstanding, DNS_MAX_PER_GUEST - 1);
}
END_TEST

START_TEST(flood_is_told_of_refusals_only_so_often)
{
	fake_open(&one, loop, "127.0.0.1", FAKE_SILENT, NULL);
	open_with(false);
	/* All within one turn, in which the clock stands still. */
	ask_many("example.org", DNS_MAX_PER_GUEST + 2 * DNS_REFUSALS, 1);
	ck_assert_uint_eq(got.n, DNS_REFUSALS);
	ask_many("p2.example.org", DNS_MAX_PER_GUEST + 1, 2);
	ck_assert_uint_eq(got.by_port[2], 1);
	see();
	ck_assert_uint_eq(stats.dropped, 2 * DNS_REFUSALS + 1);
}
END_TEST

START_TEST(many_lookups_at_once_are_answered)
{
	fake_open(&one, loop, "127.0.0.1", FAKE_ANSWER, "192.0.2.1");
	open_with(false);
	ask_many("example.org", 300, 1);
	run_until(got.n == 300);
	see();
	ck_assert_uint_eq(stats.failed + stats.dropped, 0);
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
	ask(1, "nas", DNS_TYPE_A);
	assert_got(DNS_NXDOMAIN, "NS . 6;");
	run_idle();
	ck_assert_uint_eq(one.queries, 0);
}
END_TEST

START_TEST(single_label_of_the_hosts_network_is_found)
{
	fake_open(&one, loop, "127.0.0.1", FAKE_ANSWER, "192.168.1.5");
	open_with(false);
	ask(1, "nas", DNS_TYPE_A);
	run_until(got.n == 1);
	assert_got(DNS_NOERROR, "AN nas 1 192.168.1.5;");
	ask(2, "printer.local", DNS_TYPE_A);
	run_until(got.n == 2);
	assert_got(DNS_NOERROR, "AN printer.local 1 192.168.1.5;");
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

START_TEST(wrong_server_is_refused_by_name)
{
	static const char *const words[] = {"192.0.2.1#0",   "192.0.2.1#000", "dns.example",
					    "/corp.example", "//1.1.1.1",     "",
					    "1.1.1.1#99999"};

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

int main(void)
{
	Suite *suite = suite_create("dns");
	TCase *tc = tcase_create("dns");

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
	tcase_add_test(tc, last_part_is_for_ports_that_have_few);
	tcase_add_test(tc, names_that_nobody_answers_do_not_hold_up_others);
	tcase_add_test(tc, flood_is_told_of_refusals_only_so_often);
	tcase_add_test(tc, many_lookups_at_once_are_answered);
	tcase_add_test(tc, domain_has_servers_of_its_own);
	tcase_add_test(tc, restricted_network_learns_our_names_only);
	tcase_add_test(tc, single_label_of_the_hosts_network_is_found);
	tcase_add_test(tc, what_is_no_query_for_us_is_told_so);
	tcase_add_test(tc, wrong_server_is_refused_by_name);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
