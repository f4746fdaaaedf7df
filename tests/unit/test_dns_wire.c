/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "dns/verify.h"
#include "dnsmessage.h"
#include "run_suite.h"

static struct message m, answer;
static struct dns_query query;

static int parse(void)
{
	/* On the heap, so that a sanitizer sees any byte read past the end. */
	uint8_t *exact = g_memdup2(m.data, m.len);
	int rcode = dns_query_parse(&query, exact, m.len);

	query.data = m.data;
	g_free(exact);
	return rcode;
}

static void setup(void)
{
	m.len = answer.len = 0;
}

static void teardown(void)
{
}

/* --- names --- */

static bool read_name(const void *data, size_t len, size_t pos, struct dns_name *name)
{
	uint8_t *exact = g_memdup2(data, len);
	bool ok = dns_name_read(name, exact, len, &pos);

	g_free(exact);
	return ok;
}

START_TEST(name_is_read_in_lower_case_and_through_pointers)
{
	static const uint8_t data[] = "\3WwW\7Example\3org\0\2Ab\xc0\4";
	struct dns_name name;
	g_autofree char *text = NULL;
	size_t pos = 17;

	ck_assert(dns_name_read(&name, data, sizeof data - 1, &pos));
	text = dns_name_format(&name);
	ck_assert_str_eq(text, "ab.example.org");
	ck_assert_uint_eq(pos, sizeof data - 1);
}
END_TEST

START_TEST(name_that_loops_is_refused)
{
	struct dns_name name;

	/* Each of these would loop for ever. */
	ck_assert(!read_name("\xc0\0", 2, 0, &name));
	ck_assert(!read_name("\1a\xc0\0", 4, 0, &name));
	ck_assert(!read_name("\xc0\2\xc0\0", 4, 0, &name));
	ck_assert(!read_name("\xc0\2\xc0\0", 4, 2, &name));
}
END_TEST

START_TEST(name_of_255_bytes_is_read_and_one_of_256_refused)
{
	struct dns_name name;
	uint8_t data[300] = {0};
	size_t at = 0;

	/* Three labels of 63 and one of 61: 3 * 64 + 62 + 1 = 255. */
	for (unsigned i = 0; i < 4; i++) {
		data[at] = i < 3 ? 63 : 61;
		memset(data + at + 1, 'a', data[at]);
		at += 1u + data[at];
	}
	ck_assert(read_name(data, at + 1, 0, &name));
	ck_assert_uint_eq(name.len, 255);
	data[3 * 64] = 62;
	data[3 * 64 + 62] = 'a';
	data[3 * 64 + 63] = 0;
	ck_assert(!read_name(data, at + 2, 0, &name));
}
END_TEST

START_TEST(name_is_not_made_longer_than_255_by_pointers)
{
	struct dns_name name;
	uint8_t data[512] = {0};
	size_t at = 0;

	for (unsigned i = 0; i < 3; i++) {
		data[at] = 63;
		memset(data + at + 1, 'a', 63);
		at += 64;
	}
	data[at++] = 0;
	data[at] = 63;
	memset(data + at + 1, 'b', 63);
	data[at + 64] = 0xc0;
	data[at + 65] = 0;
	ck_assert(!read_name(data, at + 66, at, &name));
	data[at + 65] = 64;
	ck_assert(read_name(data, at + 66, at, &name));
}
END_TEST

START_TEST(label_of_a_reserved_kind_is_refused)
{
	struct dns_name name;

	ck_assert(!read_name("\x41"
			     "a\0",
			     3, 0, &name)); /* RFC 6891 5: extended labels */
	ck_assert(!read_name("\x80"
			     "a\0",
			     3, 0, &name));
}
END_TEST

/* --- queries --- */

START_TEST(query_is_read)
{
	query_begin(&m, 0x1234, "WEB.example.org", DNS_TYPE_AAAA);
	ck_assert_int_eq(parse(), DNS_NOERROR);
	ck_assert_uint_eq(query.id, 0x1234);
	ck_assert_uint_eq(query.type, DNS_TYPE_AAAA);
	ck_assert_uint_eq(query.class, DNS_CLASS_IN);
	ck_assert_uint_eq(query.question_end, m.len);
	ck_assert(!query.edns);
	ck_assert_uint_eq(dns_query_udp_limit(&query), 512);
}
END_TEST

START_TEST(edns_says_how_much_the_client_takes)
{
	static const struct {
		unsigned said, limit;
	} cases[] = {{0, 512}, {100, 512}, {1232, 1232}, {4096, 4096}, {65535, 4096}};

	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		query_begin(&m, 1, "a.b", DNS_TYPE_A);
		query_edns(&m, cases[i].said, true, NULL, 0);
		ck_assert_int_eq(parse(), DNS_NOERROR);
		ck_assert(query.edns && query.edns_do && !query.edns_options);
		ck_assert_uint_eq(dns_query_udp_limit(&query), cases[i].limit);
	}
}
END_TEST

START_TEST(every_truncation_of_a_query_is_refused)
{
	query_begin(&m, 1, "www.example.org", DNS_TYPE_A);
	query_edns(&m, 1232, false, "\0\12\0\10abcdefgh", 12);
	for (size_t len = 0; len < m.len; len++) {
		uint8_t *exact = g_memdup2(m.data, len ? len : 1);

		ck_assert_int_eq(dns_query_parse(&query, exact, len),
				 len < DNS_HEADER ? -1 : DNS_FORMERR);
		g_free(exact);
	}
	ck_assert_int_eq(parse(), DNS_NOERROR);
}
END_TEST

START_TEST(bytes_behind_a_query_are_refused)
{
	query_begin(&m, 1, "www.example.org", DNS_TYPE_A);
	m.data[m.len++] = 0;
	ck_assert_int_eq(parse(), DNS_FORMERR);
}
END_TEST

START_TEST(answer_is_not_answered)
{
	query_begin(&m, 1, "www.example.org", DNS_TYPE_A);
	m.data[2] |= 0x80;
	ck_assert_int_eq(parse(), -1);
}
END_TEST

START_TEST(what_is_no_plain_query_is_refused)
{
	query_begin(&m, 1, "www.example.org", DNS_TYPE_A);
	m.data[2] = 5 << 3; /* UPDATE */
	ck_assert_int_eq(parse(), DNS_NOTIMP);
	query_begin(&m, 1, "www.example.org", DNS_TYPE_AXFR);
	ck_assert_int_eq(parse(), DNS_REFUSED);
	query_begin(&m, 1, "www.example.org", DNS_TYPE_A);
	dns_put16(m.data + 4, 0);
	ck_assert_int_eq(parse(), DNS_FORMERR);
	query_begin(&m, 1, "www.example.org", DNS_TYPE_A);
	dns_put16(m.data + 4, 2);
	ck_assert_int_eq(parse(), DNS_FORMERR);
	query_begin(&m, 1, "www.example.org", DNS_TYPE_A);
	query_edns(&m, 512, false, NULL, 0);
	query_edns(&m, 512, false, NULL, 0);
	ck_assert_int_eq(parse(), DNS_FORMERR);
}
END_TEST

START_TEST(pointer_in_a_question_is_refused)
{
	query_begin(&m, 1, "a", DNS_TYPE_A);
	m.len = DNS_HEADER;
	put(&m, "\1a\xc0\0", 4);
	put16(&m, DNS_TYPE_A);
	put16(&m, DNS_CLASS_IN);
	ck_assert_int_eq(parse(), DNS_FORMERR);
}
END_TEST

/* Checks only that nothing crashes or is read out of bounds; the sanitizers see it. */
START_TEST(mutated_messages_are_survived)
{
	uint8_t out[DNS_UDP_MIN];
	unsigned good = 0;

	srand(7);
	for (unsigned round = 0; round < 20000; round++) {
		query_begin(&m, 1, "www.example.org", DNS_TYPE_A);
		answer_begin(&answer, m.data, 0);
		put_alias(&answer, NULL, DNS_TYPE_CNAME, "x.example.org");
		put_a(&answer, "x.example.org", 60, "192.0.2.1");
		query_edns(&m, 1232, false, NULL, 0);
		query_edns(&answer, 1232, false, NULL, 0);
		for (int n = rand() % 4; n >= 0; n--) {
			m.data[(size_t)rand() % m.len] = (uint8_t)rand();
			answer.data[(size_t)rand() % answer.len] = (uint8_t)rand();
		}
		if (rand() % 4 == 0)
			answer.len = (size_t)rand() % answer.len;
		if (parse() == DNS_NOERROR) {
			uint8_t *exact = g_memdup2(answer.data, answer.len + 1);

			good++;
			dns_answer_only(out, sizeof out, &query, DNS_REFUSED);
			dns_answer_fits(exact, answer.len, &query);
			if (answer.len >= DNS_HEADER)
				ck_assert_uint_le(dns_cut(exact, answer.len, 50), answer.len);
			g_free(exact);
		}
	}
	ck_assert_uint_gt(good, 1000);
}
END_TEST

/* --- local answers --- */

START_TEST(answer_repeats_the_question_as_it_was_written)
{
	uint8_t out[DNS_UDP_MIN];
	size_t len;

	query_begin(&m, 0xbeef, "WwW.Example.org", DNS_TYPE_A);
	ck_assert_int_eq(parse(), DNS_NOERROR);
	len = dns_answer_only(out, sizeof out, &query, DNS_NXDOMAIN);
	ck_assert_uint_eq(len, m.len);
	ck_assert_uint_eq(dns_get16(out), 0xbeef);
	ck_assert_uint_eq(rcode_of(out), DNS_NXDOMAIN);
	ck_assert_uint_eq(dns_get16(out + 2) & (DNS_QR | DNS_RD | DNS_RA),
			  DNS_QR | DNS_RD | DNS_RA);
	ck_assert_mem_eq(out + DNS_HEADER, m.data + DNS_HEADER, len - DNS_HEADER);
}
END_TEST

START_TEST(answer_has_an_opt_record_when_the_query_had_one)
{
	uint8_t out[DNS_UDP_MIN];

	query_begin(&m, 1, "a.b", DNS_TYPE_A);
	query_edns(&m, 4096, true, NULL, 0);
	parse();
	assert_records(out, dns_answer_only(out, sizeof out, &query, DNS_NOERROR), "OPT;");
	query_begin(&m, 1, "a.b", DNS_TYPE_A);
	parse();
	assert_records(out, dns_answer_only(out, sizeof out, &query, DNS_NOERROR), "");
}
END_TEST

START_TEST(bad_version_is_an_extended_rcode)
{
	uint8_t out[DNS_UDP_MIN];
	size_t len;

	query_begin(&m, 1, "a.b", DNS_TYPE_A);
	query_edns(&m, 4096, false, NULL, 0);
	parse();
	len = dns_answer_only(out, sizeof out, &query, DNS_BADVERS);
	ck_assert_uint_eq(rcode_of(out), 0);
	ck_assert_uint_eq(out[len - 6], 1);
}
END_TEST

START_TEST(what_has_no_room_marks_the_answer_truncated)
{
	static const uint8_t addr[4] = {192, 0, 2, 1};
	uint8_t out[DNS_UDP_MIN];
	struct dns_writer w;

	query_begin(&m, 1, "a.b", DNS_TYPE_A);
	query_edns(&m, 512, false, NULL, 0);
	parse();
	dns_answer_begin(&w, out, sizeof out, &query);
	for (int i = 0; i < 100; i++)
		dns_answer_add(&w, DNS_ANSWER, NULL, DNS_TYPE_A, 5, addr, sizeof addr);
	ck_assert_uint_le(dns_answer_end(&w), sizeof out);
	ck_assert(dns_get16(out + 2) & DNS_TC);
	ck_assert_uint_eq(count_of(out, DNS_ANSWER), (512 - 12 - 9 - 11) / 16);
}
END_TEST

/* --- cutting --- */

START_TEST(cut_leaves_question_and_opt)
{
	static const uint8_t text[255] = {254};
	size_t len;

	query_begin(&m, 1, "big.example.org", DNS_TYPE_TXT);
	answer_begin(&answer, m.data, 0);
	for (int i = 0; i < 4; i++)
		put_record(&answer, DNS_ANSWER, NULL, DNS_TYPE_TXT, 60, text, sizeof text);
	query_edns(&answer, 1232, true, "\0\17\0\2ok", 6);
	len = dns_cut(answer.data, answer.len, 512);
	ck_assert_uint_eq(len, m.len + DNS_OPT_LEN + 6);
	ck_assert(dns_get16(answer.data + 2) & DNS_TC);
	assert_records(answer.data, len, "OPT;");
}
END_TEST

START_TEST(what_fits_is_not_touched)
{
	struct message before;

	query_begin(&m, 1, "a.example.org", DNS_TYPE_A);
	answer_begin(&answer, m.data, 0);
	put_a(&answer, NULL, 60, "192.0.2.1");
	before = answer;
	ck_assert_uint_eq(dns_cut(answer.data, answer.len, answer.len), before.len);
	ck_assert_mem_eq(answer.data, before.data, before.len);
}
END_TEST

START_TEST(broken_message_is_cut_to_its_header)
{
	memset(answer.data, 0xff, 600);
	ck_assert_uint_eq(dns_cut(answer.data, 600, 512), DNS_HEADER);
}
END_TEST

/* --- does the answer match --- */

static bool fits(void)
{
	uint8_t *exact;
	bool ok;

	ck_assert_int_eq(parse(), DNS_NOERROR);
	exact = g_memdup2(answer.data, answer.len);
	ok = dns_answer_fits(exact, answer.len, &query);
	g_free(exact);
	return ok;
}

static void ask(const char *name, unsigned type)
{
	query_begin(&m, 1, name, type);
	answer_begin(&answer, m.data, 0);
}

START_TEST(plain_answers_fit)
{
	ask("www.example.org", DNS_TYPE_A);
	ck_assert(fits());
	put_a(&answer, "WWW.example.ORG", 60, "192.0.2.1");
	ck_assert(fits());
	put_record(&answer, DNS_AUTHORITY, "elsewhere.example", DNS_TYPE_NS, 1, "\1a", 3);
	ck_assert(fits());
}
END_TEST

START_TEST(chain_of_aliases_fits_in_any_order)
{
	ask("www.example.org", DNS_TYPE_A);
	put_a(&answer, "c.example.org", 60, "192.0.2.1");
	put_alias(&answer, "b.example.org", DNS_TYPE_CNAME, "c.example.org");
	put_alias(&answer, "www.example.org", DNS_TYPE_CNAME, "b.example.org");
	ck_assert(fits());
}
END_TEST

START_TEST(alias_out_of_the_blue_does_not_fit)
{
	ask("www.example.org", DNS_TYPE_A);
	put_a(&answer, NULL, 60, "192.0.2.1");
	put_alias(&answer, "bank.example.com", DNS_TYPE_CNAME, "evil.example");
	ck_assert(!fits());
	ask("www.example.org", DNS_TYPE_A);
	put_alias(&answer, "bank.example.com", DNS_TYPE_CNAME, "www.example.org");
	ck_assert(!fits());
	ask("www.example.org", DNS_TYPE_A);
	put_a(&answer, "bank.example.com", 60, "192.0.2.1");
	ck_assert(!fits());
}
END_TEST

START_TEST(ring_of_aliases_ends)
{
	ask("www.example.org", DNS_TYPE_A);
	put_alias(&answer, "www.example.org", DNS_TYPE_CNAME, "b.example.org");
	put_alias(&answer, "b.example.org", DNS_TYPE_CNAME, "www.example.org");
	ck_assert(fits());
}
END_TEST

START_TEST(chain_over_the_bound_does_not_fit)
{
	ask("n0.example.org", DNS_TYPE_A);
	for (unsigned i = 0; i <= DNS_CHAIN_MAX; i++) {
		g_autofree char *from = g_strdup_printf("n%u.example.org", i);
		g_autofree char *to = g_strdup_printf("n%u.example.org", i + 1);

		ck_assert(fits());
		put_alias(&answer, from, DNS_TYPE_CNAME, to);
	}
	ck_assert(!fits());
}
END_TEST

START_TEST(dname_leads_on)
{
	ask("www.old.example", DNS_TYPE_A);
	put_alias(&answer, "old.example", DNS_TYPE_DNAME, "new.example");
	put_alias(&answer, "www.old.example", DNS_TYPE_CNAME, "www.new.example");
	put_a(&answer, "www.new.example", 60, "192.0.2.1");
	ck_assert(fits());
	ask("www.old.example", DNS_TYPE_A);
	put_alias(&answer, "other.example", DNS_TYPE_DNAME, "new.example");
	ck_assert(!fits());
}
END_TEST

START_TEST(answer_to_another_question_does_not_fit)
{
	ask("www.example.org", DNS_TYPE_A);
	query_begin(&m, 1, "www.example.net", DNS_TYPE_A);
	ck_assert(!fits());
	query_begin(&m, 1, "www.example.org", DNS_TYPE_AAAA);
	ck_assert(!fits());
	query_begin(&m, 1, "www.example.org", DNS_TYPE_A);
	ck_assert(fits());
	answer.data[2] &= 0x7f;
	ck_assert(!fits());
}
END_TEST

START_TEST(every_truncation_of_an_answer_does_not_fit)
{
	size_t whole;

	ask("www.example.org", DNS_TYPE_A);
	put_alias(&answer, NULL, DNS_TYPE_CNAME, "b.example.org");
	put_a(&answer, "b.example.org", 60, "192.0.2.1");
	put_soa(&answer, "example.org", 5, 5);
	whole = answer.len;
	ck_assert(fits());
	while (--answer.len)
		ck_assert_msg(!fits(), "%zu of %zu", answer.len, whole);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dns_wire");
	TCase *tc = tcase_create("dns_wire");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, name_is_read_in_lower_case_and_through_pointers);
	tcase_add_test(tc, name_that_loops_is_refused);
	tcase_add_test(tc, name_of_255_bytes_is_read_and_one_of_256_refused);
	tcase_add_test(tc, name_is_not_made_longer_than_255_by_pointers);
	tcase_add_test(tc, label_of_a_reserved_kind_is_refused);
	tcase_add_test(tc, query_is_read);
	tcase_add_test(tc, edns_says_how_much_the_client_takes);
	tcase_add_test(tc, every_truncation_of_a_query_is_refused);
	tcase_add_test(tc, bytes_behind_a_query_are_refused);
	tcase_add_test(tc, answer_is_not_answered);
	tcase_add_test(tc, what_is_no_plain_query_is_refused);
	tcase_add_test(tc, pointer_in_a_question_is_refused);
	tcase_add_test(tc, mutated_messages_are_survived);
	tcase_add_test(tc, answer_repeats_the_question_as_it_was_written);
	tcase_add_test(tc, answer_has_an_opt_record_when_the_query_had_one);
	tcase_add_test(tc, bad_version_is_an_extended_rcode);
	tcase_add_test(tc, what_has_no_room_marks_the_answer_truncated);
	tcase_add_test(tc, cut_leaves_question_and_opt);
	tcase_add_test(tc, what_fits_is_not_touched);
	tcase_add_test(tc, broken_message_is_cut_to_its_header);
	tcase_add_test(tc, plain_answers_fit);
	tcase_add_test(tc, chain_of_aliases_fits_in_any_order);
	tcase_add_test(tc, alias_out_of_the_blue_does_not_fit);
	tcase_add_test(tc, ring_of_aliases_ends);
	tcase_add_test(tc, chain_over_the_bound_does_not_fit);
	tcase_add_test(tc, dname_leads_on);
	tcase_add_test(tc, answer_to_another_question_does_not_fit);
	tcase_add_test(tc, every_truncation_of_an_answer_does_not_fit);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
