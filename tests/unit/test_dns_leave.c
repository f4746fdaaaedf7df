/* SPDX-License-Identifier: BSD-3-Clause */

#include "dns/addresses.h"
#include "dnsbed.h"
#include "run_suite.h"

/* Which queries leave the host, and which addresses are told. */
static enum dns_leave leave;
static GString *told;

static enum dns_leave may_leave(void *data, const struct dns_client *client,
				const struct dns_name *name)
{
	return leave;
}

static void has_address(void *data, const struct dns_client *client, const struct dns_name *name,
			const struct in6_addr *addr, uint32_t ttl)
{
	g_autofree char *text = dns_name_format(name);
	char address[INET6_ADDRSTRLEN];

	inet_ntop(AF_INET6, addr, address, sizeof address);
	/* The address is told before the answer. */
	g_string_append_printf(told, "%u %s %s %u;", got.n, text, address, ttl);
}

static const struct dns_ops leave_ops = {
	.answer_udp = answered,
	.may_leave = may_leave,
	.has_address = has_address,
};

static void leave_setup(void)
{
	setup();
	told = g_string_new(NULL);
	leave = DNS_LEAVE;
}

static void leave_teardown(void)
{
	g_string_free(told, TRUE);
	teardown();
}

static void open_leave(void)
{
	g_autofree char *server = word("", &one);
	const char *const words[] = {server, NULL};

	config.dns_servers = words;
	dns = dns_new(network, &config, &leave_ops, NULL, NULL);
	config.dns_servers = NULL;
	ck_assert_ptr_nonnull(dns);
}

START_TEST(name_that_may_not_leave_is_answered_at_once)
{
	fake_open(&one, loop, "127.0.0.1", FAKE_ANSWER, "192.0.2.1");
	open_leave();
	leave = DNS_LEAVE_REFUSED;
	ask(1, "www.example.org", DNS_TYPE_A);
	ck_assert_uint_eq(got.n, 1);
	assert_got(DNS_REFUSED, "");
	leave = DNS_LEAVE_NXDOMAIN;
	ask(2, "www.example.org", DNS_TYPE_A);
	assert_got(DNS_NXDOMAIN, "");
	run_idle();
	ck_assert_uint_eq(one.queries, 0);
	see();
	ck_assert_uint_eq(stats.refused, 2);
	ck_assert_str_eq(told->str, "");
}
END_TEST

START_TEST(bare_query_has_no_options)
{
	fake_open(&one, loop, "127.0.0.1", FAKE_ANSWER, "192.0.2.1");
	open_leave();
	leave = DNS_LEAVE_BARE;
	query_begin(&q, 0x4711, "WwW.Example.org", DNS_TYPE_A);
	query_edns(&q, 1232, true, "\xfd\xe9\0\2hi", 6);
	send_from(1, 1, 1000);
	run_until(got.n == 1);
	ck_assert_uint_eq(dns_get16(got.last.data), 0x4711);
	ck_assert_mem_eq(got.last.data + DNS_HEADER, q.data + DNS_HEADER, 17);
	ck_assert_uint_eq(one.last.len, q.len - 6);
	ck_assert_mem_eq(one.last.data + one.last.len - 6, "\0\0\x80\0\0\0", 6);
}
END_TEST

/* A query without options can hide something only in unused bits. */
START_TEST(bare_query_has_no_unused_bits)
{
	fake_open(&one, loop, "127.0.0.1", FAKE_ANSWER, "192.0.2.1");
	open_leave();
	leave = DNS_LEAVE_BARE;
	query_begin(&q, 0x4711, "www.example.org", DNS_TYPE_A);
	query_edns(&q, 1232, true, "", 0);
	q.data[3] |= 0x40;
	q.data[q.len - 3] = 0x55;
	send_from(1, 1, 1000);
	run_until(got.n == 1);
	ck_assert_uint_eq(one.last.len, q.len);
	ck_assert_uint_eq(one.last.data[3] & 0x40, 0);
	ck_assert_mem_eq(one.last.data + one.last.len - 6, "\0\0\x80\0\0\0", 6);
}
END_TEST

START_TEST(address_is_told_before_its_answer_and_from_the_cache_again)
{
	fake_open(&one, loop, "127.0.0.1", FAKE_ANSWER, "192.0.2.1");
	open_leave();
	ask(1, "www.example.org", DNS_TYPE_A);
	run_until(got.n == 1);
	ck_assert_ptr_nonnull(strstr(told->str, "0 www.example.org ::ffff:192.0.2.1 "));
	ask(2, "WWW.example.org", DNS_TYPE_A);
	ck_assert_uint_eq(got.n, 2);
	ck_assert_ptr_nonnull(strstr(told->str, "1 www.example.org ::ffff:192.0.2.1 "));
	ck_assert_uint_eq(one.queries, 1);
}
END_TEST

static void note(void *data, const struct in6_addr *addr, uint32_t ttl)
{
	char address[INET6_ADDRSTRLEN];

	inet_ntop(AF_INET6, addr, address, sizeof address);
	g_string_append_printf(told, "%s %u;", address, ttl);
}

static struct message answer;

static void begin(unsigned rcode)
{
	query_begin(&q, 1, "www.example.org", DNS_TYPE_A);
	answer_begin(&answer, q.data, rcode);
}

static const char *addresses(void)
{
	g_string_truncate(told, 0);
	dns_addresses_each(answer.data, answer.len, note, NULL);
	return told->str;
}

START_TEST(least_ttl_of_the_chain_counts)
{
	begin(DNS_NOERROR);
	put_alias(&answer, "www.example.org", DNS_TYPE_CNAME, "cdn.example");
	put_a(&answer, "cdn.example", 300, "192.0.2.1");
	put_a(&answer, "cdn.example", 7, "192.0.2.2");
	ck_assert_str_eq(addresses(), "::ffff:192.0.2.1 7;::ffff:192.0.2.2 7;");
}
END_TEST

START_TEST(errors_and_what_is_cut_or_not_an_answer_tell_nothing)
{
	begin(DNS_SERVFAIL);
	put_a(&answer, "www.example.org", 300, "192.0.2.1");
	ck_assert_str_eq(addresses(), "");
	begin(DNS_NOERROR);
	put_a(&answer, "www.example.org", 300, "192.0.2.1");
	answer.data[2] |= DNS_TC >> 8;
	ck_assert_str_eq(addresses(), "");
	answer.data[2] &= (uint8_t) ~(DNS_TC >> 8);
	ck_assert_str_eq(addresses(), "::ffff:192.0.2.1 300;");
	answer.len--;
	ck_assert_str_eq(addresses(), "");
}
END_TEST

START_TEST(hints_are_read_within_their_bounds)
{
	static const uint8_t right[] = {0, 1, 0,   0, 1, 0, 2,   'h', '2', 0, 4,
					0, 8, 192, 0, 2, 1, 192, 0,   2,   2};
	static const uint8_t odd[] = {0, 1, 0, 0, 4, 0, 5, 192, 0, 2, 1, 192};
	static const uint8_t cut[] = {0, 1, 0, 0, 4, 0, 8, 192, 0, 2, 1};
	static const uint8_t name[] = {0, 1, 63, 'a'};

	begin(DNS_NOERROR);
	put_record(&answer, DNS_ANSWER, "www.example.org", DNS_TYPE_HTTPS, 60, right, sizeof right);
	ck_assert_str_eq(addresses(), "::ffff:192.0.2.1 60;::ffff:192.0.2.2 60;");
	begin(DNS_NOERROR);
	put_record(&answer, DNS_ANSWER, "www.example.org", DNS_TYPE_SVCB, 60, odd, sizeof odd);
	ck_assert_str_eq(addresses(), "::ffff:192.0.2.1 60;");
	begin(DNS_NOERROR);
	put_record(&answer, DNS_ANSWER, "www.example.org", DNS_TYPE_HTTPS, 60, cut, sizeof cut);
	put_record(&answer, DNS_ANSWER, "www.example.org", DNS_TYPE_HTTPS, 60, name, sizeof name);
	ck_assert_str_eq(addresses(), "");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dns_leave");
	TCase *tcase = tcase_create("dns_leave");

	tcase_add_checked_fixture(tcase, leave_setup, leave_teardown);
	tcase_add_test(tcase, name_that_may_not_leave_is_answered_at_once);
	tcase_add_test(tcase, bare_query_has_no_options);
	tcase_add_test(tcase, bare_query_has_no_unused_bits);
	tcase_add_test(tcase, address_is_told_before_its_answer_and_from_the_cache_again);
	tcase_add_test(tcase, least_ttl_of_the_chain_counts);
	tcase_add_test(tcase, errors_and_what_is_cut_or_not_an_answer_tell_nothing);
	tcase_add_test(tcase, hints_are_read_within_their_bounds);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
