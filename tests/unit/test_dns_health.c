/* SPDX-License-Identifier: BSD-3-Clause */

#include <check.h>
#include <string.h>

#include "dns/health.h"
#include "run_suite.h"

/* The order in which servers are asked; the test passes the time in. */
static struct dns_health health[3];
static struct dns_health *const servers[] = {&health[0], &health[1], &health[2]};
static usec_t now;
static bool probe;

static void setup(void)
{
	memset(health, 0, sizeof health);
	now = 1000 * USEC_PER_SEC;
}

static void assert_order(const char *expected)
{
	uint8_t order[3];
	char is[4] = "";

	probe = dns_health_order(servers, 3, now, order);
	for (unsigned i = 0; i < 3; i++)
		is[i] = (char)('0' + order[i]);
	ck_assert_str_eq(is, expected);
}

START_TEST(servers_are_asked_as_listed)
{
	assert_order("012");
	ck_assert(!probe);
}
END_TEST

START_TEST(server_that_failed_stands_back_and_is_probed_by_one_query)
{
	dns_health_failed(&health[0], now);
	assert_order("120");
	now += DNS_HEALTH_BACK_OFF - 1;
	assert_order("120");
	ck_assert(!probe);
	now += 1;
	assert_order("012");
	ck_assert(probe);
	/* The next query does not wait for it. */
	assert_order("120");
	ck_assert(!probe);
	dns_health_answered(&health[0]);
	assert_order("012");
	ck_assert(!probe);
}
END_TEST

START_TEST(back_off_doubles_up_to_its_limit)
{
	usec_t back_off = DNS_HEALTH_BACK_OFF;

	dns_health_failed(&health[0], now);
	for (unsigned i = 0; i < 6; i++) {
		now += back_off - 1;
		assert_order("120");
		now += 1;
		assert_order("012");
		ck_assert(probe);
		dns_health_failed(&health[0], now);
		back_off = back_off < DNS_HEALTH_BACK_OFF_MAX ? 2 * back_off : back_off;
	}
	ck_assert_int_eq(back_off, DNS_HEALTH_BACK_OFF_MAX);
}
END_TEST

START_TEST(many_queries_that_fail_together_count_once)
{
	for (unsigned i = 0; i < 100; i++)
		dns_health_failed(&health[0], now + i);
	now += DNS_HEALTH_BACK_OFF;
	assert_order("012");
}
END_TEST

START_TEST(those_who_stand_back_come_last_the_next_to_return_first)
{
	dns_health_failed(&health[1], now);
	dns_health_failed(&health[0], now + 1);
	assert_order("210");
	dns_health_failed(&health[2], now + 2);
	assert_order("102");
	ck_assert(!probe);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dns_health");
	TCase *tc = tcase_create("dns_health");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, servers_are_asked_as_listed);
	tcase_add_test(tc, server_that_failed_stands_back_and_is_probed_by_one_query);
	tcase_add_test(tc, back_off_doubles_up_to_its_limit);
	tcase_add_test(tc, many_queries_that_fail_together_count_once);
	tcase_add_test(tc, those_who_stand_back_come_last_the_next_to_return_first);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
