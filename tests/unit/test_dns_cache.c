/* SPDX-License-Identifier: BSD-3-Clause */

#include "dns/cache.h"
#include "dnsmessage.h"
#include "run_suite.h"

static struct dns_cache *cache;
static struct message q, a;
static struct dns_query query;

#define SECONDS(n) ((n)*USEC_PER_SEC)

static void setup(void)
{
	cache = dns_cache_new();
}

static void teardown(void)
{
	dns_cache_free(cache);
}

static void parse(void)
{
	ck_assert_int_eq(dns_query_parse(&query, q.data, q.len), DNS_NOERROR);
}

/* A question, and the beginning of an answer. */
static void begin(const char *name, unsigned type, unsigned rcode)
{
	query_begin(&q, 1, name, type);
	answer_begin(&a, q.data, rcode);
	parse();
}

static void keep(usec_t now)
{
	dns_cache_put(cache, &query, a.data, a.len, now);
}

static bool has(usec_t now)
{
	size_t len;

	return dns_cache_get(cache, &query, now, &len) != NULL;
}

START_TEST(answer_is_given_back_with_its_time_counted_down)
{
	uint8_t *answer;
	size_t len;

	begin("www.example.org", DNS_TYPE_A, 0);
	put_alias(&a, NULL, DNS_TYPE_CNAME, "b.example.org");
	put_a(&a, "b.example.org", 100, "192.0.2.1");
	query_edns(&a, 1232, true, NULL, 0);
	keep(0);
	answer = dns_cache_get(cache, &query, SECONDS(0), &len);
	ck_assert_ptr_nonnull(answer);
	ck_assert_uint_eq(len, a.len);
	ck_assert_mem_eq(answer, a.data, len);
	answer = dns_cache_get(cache, &query, SECONDS(40), &len);
	ck_assert_uint_eq(dns_get32(answer + q.len + 6), 260);
	ck_assert_uint_eq(dns_get32(answer + len - DNS_OPT_LEN - 10), 60);
	/* The OPT record's flags are not a TTL. */
	ck_assert_mem_eq(answer + len - DNS_OPT_LEN, a.data + len - DNS_OPT_LEN, DNS_OPT_LEN);
	ck_assert(has(SECONDS(99)));
	ck_assert(!has(SECONDS(100)));
	ck_assert_uint_eq(dns_cache_count(cache), 0);
	ck_assert_uint_eq(dns_cache_bytes(cache), 0);
}
END_TEST

START_TEST(what_is_not_there_is_kept_as_long_as_the_soa_says)
{
	begin("no.example.org", DNS_TYPE_A, DNS_NXDOMAIN);
	put_soa(&a, "example.org", 60, 30);
	keep(0);
	ck_assert(has(SECONDS(29)));
	ck_assert(!has(SECONDS(30)));
	begin("www.example.org", DNS_TYPE_AAAA, DNS_NOERROR);
	put_soa(&a, "example.org", 20, 86400);
	keep(0);
	ck_assert(has(SECONDS(19)));
	ck_assert(!has(SECONDS(20)));
	/* An alias to a name without records is negative too. */
	begin("www.example.org", DNS_TYPE_AAAA, DNS_NOERROR);
	put_alias(&a, NULL, DNS_TYPE_CNAME, "b.example.org");
	put_soa(&a, "example.org", 86400, 10);
	keep(0);
	ck_assert(has(SECONDS(9)));
	ck_assert(!has(SECONDS(10)));
}
END_TEST

START_TEST(times_are_bounded)
{
	begin("www.example.org", DNS_TYPE_A, 0);
	put_a(&a, NULL, 30 * 86400, "192.0.2.1");
	keep(0);
	ck_assert(has(SECONDS(DNS_CACHE_TTL_MAX - 1)));
	ck_assert(!has(SECONDS(DNS_CACHE_TTL_MAX)));
	begin("no.example.org", DNS_TYPE_A, DNS_NXDOMAIN);
	put_soa(&a, "example.org", 86400, 86400);
	keep(0);
	ck_assert(!has(SECONDS(DNS_CACHE_NEGATIVE_MAX)));
}
END_TEST

START_TEST(what_must_not_be_kept_is_not)
{
	begin("www.example.org", DNS_TYPE_A, DNS_SERVFAIL);
	keep(0);
	ck_assert(!has(0));
	begin("www.example.org", DNS_TYPE_A, 0);
	put_a(&a, NULL, 0, "192.0.2.1");
	keep(0);
	ck_assert(!has(0));
	begin("www.example.org", DNS_TYPE_A, 0);
	put_a(&a, NULL, 0x80000001, "192.0.2.1"); /* RFC 2181 8 */
	keep(0);
	ck_assert(!has(0));
	begin("no.example.org", DNS_TYPE_A, DNS_NXDOMAIN); /* no SOA */
	keep(0);
	ck_assert(!has(0));
	begin("www.example.org", DNS_TYPE_A, 0);
	put_a(&a, NULL, 60, "192.0.2.1");
	dns_put16(a.data + 2, dns_get16(a.data + 2) | DNS_TC);
	keep(0);
	ck_assert(!has(0));
	begin("www.example.org", DNS_TYPE_A, 0);
	put_a(&a, NULL, 60, "192.0.2.1");
	put_record(&a, DNS_ADDITIONAL, "k", DNS_TYPE_TSIG, 60, "x", 1);
	keep(0);
	ck_assert(!has(0));
	ck_assert_uint_eq(dns_cache_count(cache), 0);
}
END_TEST

START_TEST(queries_with_options_are_not_answered_from_it)
{
	begin("www.example.org", DNS_TYPE_A, 0);
	put_a(&a, NULL, 60, "192.0.2.1");
	query_edns(&q, 1232, false, "\0\12\0\10abcdefgh", 12);
	parse();
	keep(0);
	ck_assert(!has(0));
	ck_assert_uint_eq(dns_cache_count(cache), 0);
}
END_TEST

START_TEST(flags_and_dnssec_make_another_question)
{
	begin("www.example.org", DNS_TYPE_A, 0);
	put_a(&a, NULL, 60, "192.0.2.1");
	keep(0);
	query.flags |= DNS_CD;
	ck_assert(!has(0));
	parse();
	query_edns(&q, 1232, false, NULL, 0);
	parse();
	ck_assert(!has(0));
	keep(0);
	ck_assert(has(0));
	query.edns_do = true;
	ck_assert(!has(0));
	query_begin(&q, 2, "WWW.Example.org", DNS_TYPE_A);
	parse();
	ck_assert(has(0));
	query_begin(&q, 2, "www.example.org", DNS_TYPE_AAAA);
	parse();
	ck_assert(!has(0));
}
END_TEST

static void keep_nth(unsigned n)
{
	g_autofree char *name = g_strdup_printf("n%u.example.org", n);

	begin(name, DNS_TYPE_A, 0);
	put_a(&a, NULL, 3600, "192.0.2.1");
	keep(0);
}

static bool has_nth(unsigned n)
{
	g_autofree char *name = g_strdup_printf("n%u.example.org", n);

	query_begin(&q, 1, name, DNS_TYPE_A);
	parse();
	return has(0);
}

START_TEST(the_one_not_asked_for_the_longest_gives_way)
{
	for (unsigned i = 0; i < DNS_CACHE_MAX; i++)
		keep_nth(i);
	ck_assert(has_nth(0));
	for (unsigned i = 0; i < 10; i++)
		keep_nth(DNS_CACHE_MAX + i);
	ck_assert_uint_eq(dns_cache_count(cache), DNS_CACHE_MAX);
	ck_assert(has_nth(0));
	ck_assert(!has_nth(1));
	ck_assert(has_nth(DNS_CACHE_MAX + 9));
}
END_TEST

START_TEST(bytes_are_bounded)
{
	static const uint8_t text[60000];

	for (unsigned i = 0; i < 1000; i++) {
		g_autofree char *name = g_strdup_printf("n%u.example.org", i);

		begin(name, DNS_TYPE_TXT, 0);
		put_record(&a, DNS_ANSWER, NULL, DNS_TYPE_TXT, 60, text, 16000);
		keep(0);
		ck_assert_uint_le(dns_cache_bytes(cache), DNS_CACHE_BYTES_MAX);
	}
	ck_assert_uint_gt(dns_cache_count(cache), 400);
	begin("huge.example.org", DNS_TYPE_TXT, 0);
	put_record(&a, DNS_ANSWER, NULL, DNS_TYPE_TXT, 60, text, sizeof text);
	keep(0);
	ck_assert(!has(0));
}
END_TEST

START_TEST(limit_cuts_how_long_answers_are_kept)
{
	dns_cache_limit(cache, 30);
	begin("www.example.org", DNS_TYPE_A, 0);
	put_a(&a, NULL, 300, "192.0.2.1");
	keep(0);
	ck_assert(has(SECONDS(29)));
	ck_assert(!has(SECONDS(30)));
	dns_cache_limit(cache, 0);
	keep(0);
	ck_assert(has(SECONDS(299)));
}
END_TEST

START_TEST(cleared_cache_is_empty)
{
	keep_nth(1);
	dns_cache_clear(cache);
	ck_assert(!has_nth(1));
	ck_assert_uint_eq(dns_cache_bytes(cache), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dns_cache");
	TCase *tc = tcase_create("dns_cache");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, answer_is_given_back_with_its_time_counted_down);
	tcase_add_test(tc, what_is_not_there_is_kept_as_long_as_the_soa_says);
	tcase_add_test(tc, times_are_bounded);
	tcase_add_test(tc, what_must_not_be_kept_is_not);
	tcase_add_test(tc, queries_with_options_are_not_answered_from_it);
	tcase_add_test(tc, flags_and_dnssec_make_another_question);
	tcase_add_test(tc, the_one_not_asked_for_the_longest_gives_way);
	tcase_add_test(tc, bytes_are_bounded);
	tcase_add_test(tc, limit_cuts_how_long_answers_are_kept);
	tcase_add_test(tc, cleared_cache_is_empty);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
