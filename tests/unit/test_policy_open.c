/* SPDX-License-Identifier: BSD-3-Clause */
#include <check.h>

#include "base/address.h"
#include "policy/opened.h"
#include "run_suite.h"

#define SECOND USEC_PER_SEC
#define ALICE  1
#define BOB    2

static struct policy_open *open_table;

static void setup(void)
{
	open_table = policy_open_new();
}

static void teardown(void)
{
	policy_open_free(open_table);
}

static struct in6_addr nth(unsigned n)
{
	return address_map4(htonl(0xc0000200 + n));
}

static void open_at(unsigned port_id, mac_t mac, unsigned n, const char *text, uint32_t ttl,
		    usec_t now)
{
	struct in6_addr addr = nth(n);
	struct dns_name name;

	ck_assert(dns_name_parse(&name, text));
	policy_open_add(open_table, port_id, mac, &addr, policy_open_name(open_table, &name), ttl,
			now);
}

/* Each guest has a port of its own. */
static void open_as(mac_t mac, unsigned n, const char *text, uint32_t ttl, usec_t now)
{
	open_at((unsigned)mac, mac, n, text, ttl, now);
}

/* The names, newest first, joined by blanks. */
static const char *names(mac_t mac, unsigned n, usec_t now)
{
	const struct policy_known *known[POLICY_OPEN_PER_ADDRESS];
	struct in6_addr addr = nth(n);
	unsigned count = policy_open_find(open_table, mac, &addr, now, known);
	static char text[1024];

	text[0] = '\0';
	for (unsigned i = 0; i < count; i++) {
		g_strlcat(text, known[i]->text, sizeof(text));
		g_strlcat(text, i + 1 < count ? " " : "", sizeof(text));
	}
	return text;
}

START_TEST(name_opens_until_ttl_and_grace_have_passed)
{
	open_as(ALICE, 1, "a.example", 30, 0);
	ck_assert_str_eq(names(ALICE, 1, 0), "a.example");
	ck_assert_str_eq(names(ALICE, 1, 30 * SECOND + POLICY_OPEN_GRACE - 1), "a.example");
	ck_assert_str_eq(names(ALICE, 1, 30 * SECOND + POLICY_OPEN_GRACE), "");
	ck_assert_str_eq(names(ALICE, 2, 0), "");
}
END_TEST

START_TEST(ttl_of_zero_is_the_grace)
{
	open_as(ALICE, 1, "a.example", 0, 0);
	ck_assert_str_eq(names(ALICE, 1, POLICY_OPEN_GRACE - 1), "a.example");
	ck_assert_str_eq(names(ALICE, 1, POLICY_OPEN_GRACE), "");
}
END_TEST

START_TEST(ttl_is_bounded)
{
	open_as(ALICE, 1, "a.example", UINT32_MAX, 0);
	ck_assert_str_eq(names(ALICE, 1, POLICY_OPEN_TTL_MAX * SECOND + POLICY_OPEN_GRACE), "");
}
END_TEST

START_TEST(guests_are_apart)
{
	open_as(ALICE, 1, "a.example", 30, 0);
	ck_assert_str_eq(names(BOB, 1, 0), "");
}
END_TEST

START_TEST(address_has_several_names_each_with_its_time)
{
	open_as(ALICE, 1, "a.example", 30, 0);
	open_as(ALICE, 1, "b.example", 300, 0);
	open_as(ALICE, 1, "a.example", 10, SECOND);
	ck_assert_uint_eq(policy_open_count(open_table), 2);
	ck_assert_str_eq(names(ALICE, 1, SECOND), "a.example b.example");
	/* The longer time of a name counts. */
	ck_assert_str_eq(names(ALICE, 1, 29 * SECOND + POLICY_OPEN_GRACE), "a.example b.example");
	ck_assert_str_eq(names(ALICE, 1, 30 * SECOND + POLICY_OPEN_GRACE), "b.example");
}
END_TEST

static bool renew(unsigned n, const char *text, uint32_t ttl, usec_t now)
{
	struct in6_addr addr = nth(n);
	struct dns_name name;

	ck_assert(dns_name_parse(&name, text));
	return policy_open_renew(open_table, ALICE, ALICE, &addr, &name, ttl, now);
}

START_TEST(newest_name_of_an_address_is_renewed)
{
	ck_assert(!renew(1, "a.example", 30, 0));
	open_as(ALICE, 1, "a.example", 30, 0);
	ck_assert(renew(1, "a.example", 30, 10 * SECOND));
	/* An answer from a cache has less time left than the one before. */
	ck_assert(renew(1, "a.example", 5, 11 * SECOND));
	ck_assert_str_eq(names(ALICE, 1, 40 * SECOND + POLICY_OPEN_GRACE - 1), "a.example");
	ck_assert_str_eq(names(ALICE, 1, 40 * SECOND + POLICY_OPEN_GRACE), "");
	open_as(ALICE, 1, "b.example", 30, 12 * SECOND);
	ck_assert(!renew(1, "a.example", 30, 12 * SECOND));
	ck_assert(!renew(2, "b.example", 30, 12 * SECOND));
	ck_assert_str_eq(names(ALICE, 1, 12 * SECOND), "b.example a.example");
}
END_TEST

START_TEST(what_is_renewed_is_no_longer_the_oldest)
{
	for (unsigned i = 0; i < POLICY_OPEN_PER_GUEST; i++)
		open_as(ALICE, i, "a.example", 30, i);
	ck_assert(renew(0, "a.example", 30, POLICY_OPEN_PER_GUEST));
	open_as(ALICE, POLICY_OPEN_PER_GUEST, "a.example", 30, POLICY_OPEN_PER_GUEST);
	ck_assert_str_eq(names(ALICE, 0, POLICY_OPEN_PER_GUEST), "a.example");
	ck_assert_str_eq(names(ALICE, 1, POLICY_OPEN_PER_GUEST), "");
}
END_TEST

START_TEST(oldest_goes_at_the_bound_of_an_address)
{
	char text[32];

	for (unsigned i = 0; i <= POLICY_OPEN_PER_ADDRESS; i++) {
		g_snprintf(text, sizeof(text), "n%u.example", i);
		open_as(ALICE, 1, text, 30, i);
	}
	ck_assert_uint_eq(policy_open_count(open_table), POLICY_OPEN_PER_ADDRESS);
	ck_assert_uint_eq(policy_open_displaced(open_table), 1);
	ck_assert_ptr_null(strstr(names(ALICE, 1, 0), "n0.example"));
	ck_assert_ptr_nonnull(strstr(names(ALICE, 1, 0), "n1.example"));
}
END_TEST

START_TEST(oldest_of_the_guest_goes_at_its_bound)
{
	open_as(BOB, 1, "b.example", 30, 0);
	for (unsigned i = 0; i <= POLICY_OPEN_PER_GUEST; i++)
		open_as(ALICE, i, "a.example", 30, i);
	ck_assert_uint_eq(policy_open_count(open_table), POLICY_OPEN_PER_GUEST + 1);
	ck_assert_str_eq(names(ALICE, 0, 2000), "");
	ck_assert_str_eq(names(ALICE, 1, 2000), "a.example");
	ck_assert_str_eq(names(BOB, 1, 2000), "b.example");
	ck_assert_uint_eq(policy_open_displaced(open_table), 1);
}
END_TEST

START_TEST(what_has_ended_goes_unsaid)
{
	for (unsigned i = 0; i <= POLICY_OPEN_PER_GUEST; i++)
		open_as(ALICE, i, "a.example", 0, i * POLICY_OPEN_GRACE);
	ck_assert_uint_eq(policy_open_displaced(open_table), 0);
}
END_TEST

START_TEST(all_ports_together_are_bounded)
{
	for (unsigned i = 0; i < POLICY_OPEN_MAX + 10; i++)
		open_as(1 + i / 128, i, "a.example", 30, 0);
	ck_assert_uint_eq(policy_open_count(open_table), POLICY_OPEN_MAX);
	ck_assert_uint_eq(policy_open_displaced(open_table), 10);
}
END_TEST

START_TEST(oldest_of_the_port_goes_at_its_bound)
{
	unsigned n = POLICY_OPEN_PER_PORT;

	open_at(2, BOB, 1, "b.example", 30, 0);
	for (unsigned i = 0; i <= n; i++)
		open_at(1, 1000 + i % 100, i, "a.example", 30, i);
	ck_assert_uint_eq(policy_open_count(open_table), n + 1);
	ck_assert_str_eq(names(1000, 0, n), "");
	ck_assert_str_eq(names(1001, 1, n), "a.example");
	ck_assert_str_eq(names(BOB, 1, n), "b.example");
}
END_TEST

/* Four ports, whose guests are 100 to 227, have all that there is. */
static void fill(usec_t now)
{
	for (unsigned i = 0; i < POLICY_OPEN_MAX; i++)
		open_at(1 + i / (POLICY_OPEN_MAX / 4), 100 + i / 512, i, "a.example", 30, now);
}

START_TEST(full_ports_do_not_close_what_others_have)
{
	open_at(9, BOB, 1, "b.example", 30, 0);
	fill(1);
	ck_assert_str_eq(names(BOB, 1, 1), "b.example");
	for (unsigned i = 0; i < POLICY_OPEN_PER_GUEST; i++)
		open_at(10, ALICE, i, "a.example", 30, 2);
	ck_assert_str_eq(names(ALICE, 0, 2), "a.example");
	ck_assert_str_eq(names(BOB, 1, 2), "b.example");
	ck_assert_uint_eq(policy_open_count(open_table), POLICY_OPEN_MAX);
}
END_TEST

START_TEST(what_has_ended_makes_room_first)
{
	usec_t later = 31 * SECOND + POLICY_OPEN_GRACE;

	open_at(9, BOB, 1, "b.example", 3600, 0);
	fill(1);
	open_at(9, BOB, 2, "b.example", 30, later);
	ck_assert_uint_eq(policy_open_count(open_table), 2);
	ck_assert_uint_eq(policy_open_displaced(open_table), 1); /* by fill() */
	ck_assert_str_eq(names(BOB, 1, later), "b.example");
}
END_TEST

START_TEST(guest_that_moves_takes_no_more_than_its_new_port_may_have)
{
	unsigned n = POLICY_OPEN_PER_PORT;
	char text[32];

	for (unsigned i = 0; i < n; i++)
		open_at(1, 100 + i / 512, i, "a.example", 30, 0);
	/* The bound of the address is reached at another port, then that of port 1. */
	for (unsigned i = 0; i < 2 * POLICY_OPEN_PER_ADDRESS; i++) {
		g_snprintf(text, sizeof(text), "n%u.example", i);
		open_at(i < POLICY_OPEN_PER_ADDRESS ? 2 : 1, ALICE, 1, text, 30, 0);
	}
	ck_assert_uint_eq(policy_open_count(open_table), n);
	open_at(2, ALICE, 1, "n31.example", 30, 0);
	ck_assert_uint_eq(policy_open_count(open_table), n);
}
END_TEST

START_TEST(renewal_at_another_port_is_refused)
{
	struct in6_addr addr = nth(1);
	struct dns_name name;

	ck_assert(dns_name_parse(&name, "a.example"));
	open_at(1, ALICE, 1, "a.example", 30, 0);
	ck_assert(policy_open_renew(open_table, 1, ALICE, &addr, &name, 30, 0));
	ck_assert(!policy_open_renew(open_table, 2, ALICE, &addr, &name, 30, 0));
}
END_TEST

static unsigned n_each;

static void count(void *data, const struct in6_addr *addr, const struct policy_known *known,
		  usec_t left)
{
	n_each++;
	ck_assert_str_eq(known->text, "a.example");
	ck_assert_int_eq(left, 30 * SECOND + POLICY_OPEN_GRACE);
}

START_TEST(what_a_guest_has_open_is_listed)
{
	n_each = 0;
	open_as(ALICE, 1, "a.example", 30, 0);
	open_as(ALICE, 2, "a.example", 30, 0);
	open_as(BOB, 3, "b.example", 30, 0);
	policy_open_each(open_table, ALICE, 0, count, NULL);
	policy_open_each(open_table, 99, 0, count, NULL);
	ck_assert_uint_eq(n_each, 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("policy_open");
	TCase *tcase = tcase_create("policy_open");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, name_opens_until_ttl_and_grace_have_passed);
	tcase_add_test(tcase, ttl_of_zero_is_the_grace);
	tcase_add_test(tcase, newest_name_of_an_address_is_renewed);
	tcase_add_test(tcase, what_is_renewed_is_no_longer_the_oldest);
	tcase_add_test(tcase, ttl_is_bounded);
	tcase_add_test(tcase, guests_are_apart);
	tcase_add_test(tcase, address_has_several_names_each_with_its_time);
	tcase_add_test(tcase, oldest_goes_at_the_bound_of_an_address);
	tcase_add_test(tcase, oldest_of_the_guest_goes_at_its_bound);
	tcase_add_test(tcase, what_has_ended_goes_unsaid);
	tcase_add_test(tcase, all_ports_together_are_bounded);
	tcase_add_test(tcase, oldest_of_the_port_goes_at_its_bound);
	tcase_add_test(tcase, full_ports_do_not_close_what_others_have);
	tcase_add_test(tcase, what_has_ended_makes_room_first);
	tcase_add_test(tcase, guest_that_moves_takes_no_more_than_its_new_port_may_have);
	tcase_add_test(tcase, renewal_at_another_port_is_refused);
	tcase_add_test(tcase, what_a_guest_has_open_is_listed);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
