/* SPDX-License-Identifier: BSD-3-Clause */
#include <check.h>

#include "policy/verdicts.h"
#include "run_suite.h"

#define MAC 0x525400123456

static struct verdicts *verdicts;
static usec_t now;

static void setup(void)
{
	verdicts = verdicts_new();
	now = USEC_PER_SEC;
}

static void teardown(void)
{
	verdicts_free(verdicts);
}

static void asks_for(const char *name, unsigned port_id)
{
	struct dns_name asked;

	ck_assert(dns_name_parse(&asked, name));
	verdicts_note(verdicts,
		      &(struct verdict){.mac = MAC,
					.port_id = port_id,
					.lookup = true,
					.rule = "deny=*",
					.asked = &asked},
		      now);
}

static void opens(const char *name)
{
	verdicts_note(
		verdicts,
		&(struct verdict){
			.mac = MAC, .allow = true, .proto = IPPROTO_TCP, .port = 443, .name = name},
		now);
}

static void has(unsigned nth, const char *name, uint64_t count)
{
	const struct verdict *verdict = verdicts_nth(verdicts, nth);

	ck_assert_ptr_nonnull(verdict);
	ck_assert_str_eq(verdict->name, name);
	ck_assert_uint_eq(verdict->count, count);
	ck_assert_ptr_null(verdict->asked);
}

START_TEST(a_lookup_is_kept_as_text)
{
	asks_for("API.example.com", 1);
	has(0, "api.example.com", 1);
	ck_assert_str_eq(verdicts_nth(verdicts, 0)->rule, "deny=*");
	ck_assert_ptr_null(verdicts_nth(verdicts, 1));
}
END_TEST

START_TEST(equal_ones_in_a_row_are_one_with_a_count)
{
	asks_for("api.example.com", 1);
	asks_for("api.example.com", 1);
	asks_for("www.example.com", 1);
	opens("www.example.com");
	opens("www.example.com");
	opens("www.example.com");
	asks_for("www.example.com", 1);
	has(3, "api.example.com", 2);
	has(2, "www.example.com", 1);
	has(1, "www.example.com", 3);
	ck_assert(!verdicts_nth(verdicts, 1)->lookup);
	has(0, "www.example.com", 1);
	ck_assert(verdicts_nth(verdicts, 0)->lookup);
}
END_TEST

/* Names A and B in turn, so that no two in a row are equal. */
static void asks_often(unsigned times, unsigned port_id)
{
	for (unsigned i = 0; i < times; i++)
		asks_for(i % 2 ? "b.example.com" : "a.example.com", port_id);
}

static unsigned kept(void)
{
	unsigned n = 0;

	while (verdicts_nth(verdicts, n))
		n++;
	return n;
}

START_TEST(a_port_has_a_rate)
{
	asks_often(VERDICTS_RATE + 10, 1);
	ck_assert_uint_eq(kept(), VERDICTS_RATE);
	asks_for("other.example.com", 2);
	has(0, "other.example.com", 1);
	ck_assert_uint_eq(kept(), VERDICTS_RATE + 1);
	now += USEC_PER_SEC;
	asks_often(1, 1);
	has(0, "a.example.com", 1);
	ck_assert_uint_eq(kept(), VERDICTS_RATE + 2);
}
END_TEST

START_TEST(what_was_left_out_is_not_taken_for_the_newest)
{
	asks_often(VERDICTS_RATE, 1);
	has(0, "b.example.com", 1);
	asks_for("left.example.com", 1);
	asks_for("left.example.com", 1);
	asks_for("b.example.com", 1);
	has(0, "b.example.com", 2);
}
END_TEST

START_TEST(the_oldest_goes)
{
	for (unsigned i = 0; i < VERDICTS_MAX + 2; i++) {
		asks_often(1, 1);
		opens("c.example.com");
		now += USEC_PER_SEC;
	}
	ck_assert_uint_eq(kept(), VERDICTS_MAX);
	has(0, "c.example.com", 1);
	has(VERDICTS_MAX - 1, "a.example.com", 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("policy_verdicts");
	TCase *tc = tcase_create("policy_verdicts");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_lookup_is_kept_as_text);
	tcase_add_test(tc, equal_ones_in_a_row_are_one_with_a_count);
	tcase_add_test(tc, a_port_has_a_rate);
	tcase_add_test(tc, what_was_left_out_is_not_taken_for_the_newest);
	tcase_add_test(tc, the_oldest_goes);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
