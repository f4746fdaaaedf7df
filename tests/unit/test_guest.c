/* SPDX-License-Identifier: BSD-3-Clause */
#include <check.h>

#include "addresses.h"
#include "net/guest.h"
#include "net/port.h"
#include "net/reservation.h"
#include "run_suite.h"

#define MAC(n) (UINT64_C(0x525400000000) + (n))

static struct guest_table *table;
static struct port a, b, c;
static unsigned joined, left, changed;

static void count_joined(void *data, const struct guest *guest)
{
	ck_assert_ptr_eq(data, &joined);
	joined++;
}

static void count_left(void *data, const struct guest *guest)
{
	/* Still consistent: each address finds its guest. */
	ck_assert_ptr_eq(guest_by_mac(table, guest->mac), guest);
	left++;
}

static void count_changed(void *data, const struct guest *guest)
{
	changed++;
}

static const struct guest_observer observer = {
	.joined = count_joined,
	.left = count_left,
	.changed = count_changed,
};

static void setup(void)
{
	joined = left = changed = 0;
	table = guest_table_new();
	guest_table_observe(table, &observer, &joined);
	port_init(&a, NULL, NULL, "a");
	port_init(&b, NULL, NULL, "b");
	port_init(&c, NULL, NULL, "c");
}

static void teardown(void)
{
	guest_table_free(table);
	port_fini(&a);
	port_fini(&b);
	port_fini(&c);
}

static struct reservation_table *reservations;

static void reserve(const char *name, unsigned n, const char *addr)
{
	struct reservation_spec spec = {.name = name, .mac = MAC(n), .addr = v4(addr)};

	ck_assert_ptr_nonnull(reservation_add(reservations, &spec, NULL));
}

START_TEST(reservation_names_its_guest_and_wins)
{
	struct guest *web, *other;

	reservations = reservation_table_new("test");
	guest_table_reserve(table, reservations);
	reserve("web", 1, "10.0.2.20");
	web = guest_seen(table, MAC(1), &a, 0);
	ck_assert_str_eq(web->name, "web");
	ck_assert(!guest_set_name(table, web, "debian"));
	ck_assert(guest_set_name(table, web, "web"));
	ck_assert_str_eq(web->name, "web");
	other = guest_seen(table, MAC(2), &a, 0);
	ck_assert(!guest_set_name(table, other, "WEB"));
	ck_assert(!guest_set_name(table, other, "gateway"));
	ck_assert(guest_set_name(table, other, "db"));
	ck_assert(!guest_set_v4(table, other, v4("10.0.2.20"), false));
	ck_assert(!guest_set_v4(table, other, v4("10.0.2.20"), true));
	ck_assert(guest_set_v4(table, web, v4("10.0.2.20"), false));
	guest_table_free(table);
	reservation_table_free(reservations);
	table = guest_table_new();
}
END_TEST

START_TEST(reservation_made_later_takes_name_and_address)
{
	struct guest *web = guest_seen(table, MAC(1), &a, 0),
		     *other = guest_seen(table, MAC(2), &a, 0);

	reservations = reservation_table_new("test");
	guest_table_reserve(table, reservations);
	guest_set_name(table, other, "web");
	guest_set_v4(table, other, v4("10.0.2.20"), false);
	reserve("web", 1, "10.0.2.20");
	ck_assert_str_eq(web->name, "web");
	ck_assert_ptr_null(other->name);
	ck_assert_uint_eq(other->v4.s_addr, 0);
	ck_assert_ptr_eq(guest_by_name(table, "web"), web);
	reservation_remove(reservations, "web");
	ck_assert_ptr_null(web->name);
	ck_assert(guest_set_name(table, other, "web"));
	guest_table_free(table);
	reservation_table_free(reservations);
	table = guest_table_new();
}
END_TEST

START_TEST(guest_joins_once_and_is_seen_again)
{
	struct guest *guest = guest_seen(table, MAC(1), &a, 10);

	ck_assert_ptr_eq(guest_seen(table, MAC(1), &a, 20), guest);
	ck_assert_uint_eq(joined, 1);
	ck_assert_int_eq(guest->since, 10);
	ck_assert_int_eq(guest->seen, 20);
	ck_assert_uint_eq(guest_count(table), 1);
}
END_TEST

START_TEST(guest_seen_at_another_port_moves_there)
{
	struct guest *guest = guest_seen(table, MAC(1), &a, 0);

	ck_assert_ptr_eq(guest_seen(table, MAC(1), &b, 0), guest);
	ck_assert_ptr_eq(guest->port, &b);
	guest_forget_port(table, &a);
	ck_assert_ptr_eq(guest_by_mac(table, MAC(1)), guest);
	ck_assert_uint_eq(joined, 1);
	ck_assert_uint_eq(left, 0);
}
END_TEST

START_TEST(guest_leaves_with_its_port_and_all_it_had)
{
	struct guest *guest = guest_seen(table, MAC(1), &a, 0);
	struct in6_addr addr6 = v6("fec0::1");

	guest_set_v4(table, guest, v4("10.0.2.15"), true);
	guest_add_v6(table, guest, &addr6);
	guest_set_name(table, guest, "web");
	guest_seen(table, MAC(2), &b, 0);
	guest_forget_port(table, &a);
	ck_assert_uint_eq(left, 1);
	ck_assert_uint_eq(guest_count(table), 1);
	ck_assert_ptr_null(guest_by_mac(table, MAC(1)));
	ck_assert_ptr_null(guest_by_v4(table, v4("10.0.2.15")));
	ck_assert_ptr_null(guest_by_v6(table, &addr6));
	ck_assert_ptr_null(guest_by_name(table, "web"));
	ck_assert_uint_eq(a.n_guests, 0);
}
END_TEST

START_TEST(leased_address_is_not_given_to_another_claim)
{
	struct guest *holder = guest_seen(table, MAC(1), &a, 0);
	struct guest *other = guest_seen(table, MAC(2), &b, 0);

	ck_assert(guest_set_v4(table, holder, v4("10.0.2.15"), true));
	ck_assert(!guest_set_v4(table, other, v4("10.0.2.15"), false));
	ck_assert(!guest_set_v4(table, other, v4("10.0.2.15"), true));
	ck_assert_ptr_eq(guest_by_v4(table, v4("10.0.2.15")), holder);
	ck_assert_uint_eq(changed, 1);
}
END_TEST

START_TEST(unleased_address_goes_to_the_latest_claim)
{
	struct guest *holder = guest_seen(table, MAC(1), &a, 0);
	struct guest *other = guest_seen(table, MAC(2), &b, 0);

	ck_assert(guest_set_v4(table, holder, v4("10.0.2.15"), false));
	ck_assert(guest_set_v4(table, other, v4("10.0.2.15"), false));
	ck_assert_ptr_eq(guest_by_v4(table, v4("10.0.2.15")), other);
	ck_assert_uint_eq(holder->v4.s_addr, 0);
	ck_assert_uint_eq(changed, 3);
}
END_TEST

START_TEST(claim_of_a_leaseholder_does_not_unpin_its_lease)
{
	struct guest *guest = guest_seen(table, MAC(1), &a, 0);

	guest_set_v4(table, guest, v4("10.0.2.15"), true);
	ck_assert(guest_set_v4(table, guest, v4("10.0.2.15"), false));
	ck_assert(guest_set_v4(table, guest, v4("10.0.2.77"), false));
	ck_assert(guest->v4_leased);
	ck_assert_ptr_eq(guest_by_v4(table, v4("10.0.2.15")), guest);
	ck_assert_ptr_null(guest_by_v4(table, v4("10.0.2.77")));
	/* A new lease replaces the old one. */
	ck_assert(guest_set_v4(table, guest, v4("10.0.2.16"), true));
	ck_assert_ptr_null(guest_by_v4(table, v4("10.0.2.15")));
}
END_TEST

START_TEST(address_of_an_ended_lease_is_free)
{
	struct guest *guest = guest_seen(table, MAC(1), &a, 0);
	struct guest *other = guest_seen(table, MAC(2), &b, 0);

	guest_set_v4(table, guest, v4("10.0.2.15"), true);
	guest_clear_v4(table, v4("10.0.2.15"));
	ck_assert_uint_eq(guest->v4.s_addr, 0);
	ck_assert(guest_set_v4(table, other, v4("10.0.2.15"), false));
	/* Not by lease: nothing ends. */
	guest_clear_v4(table, v4("10.0.2.15"));
	ck_assert_ptr_eq(guest_by_v4(table, v4("10.0.2.15")), other);
}
END_TEST

START_TEST(no_guest_has_an_address_no_host_has)
{
	static const char *const v4s[] = {"0.0.0.0",   "0.1.2.3",   "127.0.0.1",
					  "224.0.0.1", "240.0.0.1", "255.255.255.255"};
	static const char *const v6s[] = {"::", "::1", "ff02::1", "::ffff:10.0.2.15"};
	struct guest *guest = guest_seen(table, MAC(1), &a, 0);

	for (unsigned i = 0; i < G_N_ELEMENTS(v4s); i++)
		ck_assert_msg(!guest_set_v4(table, guest, v4(v4s[i]), false), "%s", v4s[i]);
	for (unsigned i = 0; i < G_N_ELEMENTS(v6s); i++) {
		struct in6_addr addr = v6(v6s[i]);

		ck_assert_msg(!guest_add_v6(table, guest, &addr), "%s", v6s[i]);
	}
	ck_assert_uint_eq(changed, 0);
}
END_TEST

START_TEST(ipv6_address_seen_longest_ago_gives_way)
{
	struct guest *guest = guest_seen(table, MAC(1), &a, 0);
	struct in6_addr addr = v6("fec0::");

	for (unsigned i = 1; i <= GUEST_MAX_V6; i++) {
		addr.s6_addr[15] = (uint8_t)i;
		ck_assert(guest_add_v6(table, guest, &addr));
	}
	addr.s6_addr[15] = 1;
	guest_add_v6(table, guest, &addr);
	addr.s6_addr[15] = 100;
	guest_add_v6(table, guest, &addr);
	ck_assert_uint_eq(guest->n_v6, GUEST_MAX_V6);
	addr.s6_addr[15] = 2;
	ck_assert_ptr_null(guest_by_v6(table, &addr));
	addr.s6_addr[15] = 1;
	ck_assert_ptr_eq(guest_by_v6(table, &addr), guest);
	ck_assert_uint_eq(changed, GUEST_MAX_V6 + 1);
}
END_TEST

START_TEST(ipv6_address_goes_to_the_latest_claim)
{
	struct guest *guest = guest_seen(table, MAC(1), &a, 0);
	struct guest *other = guest_seen(table, MAC(2), &b, 0);
	struct in6_addr one = v6("fe80::1"), two = v6("fec0::1");

	guest_add_v6(table, guest, &one);
	guest_add_v6(table, guest, &two);
	guest_add_v6(table, other, &one);
	ck_assert_ptr_eq(guest_by_v6(table, &one), other);
	ck_assert_uint_eq(guest->n_v6, 1);
	ck_assert_mem_eq(&guest->v6[0], &two, sizeof(two));
}
END_TEST

START_TEST(name_is_found_in_any_case_and_held_by_one)
{
	struct guest *guest = guest_seen(table, MAC(1), &a, 0);
	struct guest *other = guest_seen(table, MAC(2), &b, 0);

	ck_assert(guest_set_name(table, guest, "Web"));
	ck_assert_ptr_eq(guest_by_name(table, "wEB"), guest);
	ck_assert(!guest_set_name(table, other, "WEB"));
	ck_assert_ptr_null(other->name);
	ck_assert(guest_set_name(table, guest, NULL));
	ck_assert_ptr_null(guest_by_name(table, "web"));
	ck_assert(guest_set_name(table, other, "web"));
	ck_assert_uint_eq(changed, 3);
}
END_TEST

START_TEST(port_brings_no_more_guests_than_its_share)
{
	unsigned n = 0;

	for (unsigned i = 0; i < GUEST_MAX_PER_PORT; i++)
		ck_assert_ptr_nonnull(guest_seen(table, MAC(i), &a, 0));
	ck_assert_ptr_null(guest_seen(table, MAC(90000), &a, 0));
	for (unsigned i = 0; i < GUEST_MAX_PER_PORT; i++)
		n += guest_seen(table, MAC(20000 + i), &b, 0) != NULL;
	ck_assert_uint_eq(n, GUEST_MAX - GUEST_RESERVE - GUEST_MAX_PER_PORT);
	for (unsigned i = 0; i < GUEST_FEW; i++)
		ck_assert_ptr_nonnull(guest_seen(table, MAC(40000 + i), &c, 0));
	ck_assert_uint_eq(joined, guest_count(table));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("guest");
	TCase *tcase = tcase_create("guest");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, reservation_names_its_guest_and_wins);
	tcase_add_test(tcase, reservation_made_later_takes_name_and_address);
	tcase_add_test(tcase, guest_joins_once_and_is_seen_again);
	tcase_add_test(tcase, guest_seen_at_another_port_moves_there);
	tcase_add_test(tcase, guest_leaves_with_its_port_and_all_it_had);
	tcase_add_test(tcase, leased_address_is_not_given_to_another_claim);
	tcase_add_test(tcase, unleased_address_goes_to_the_latest_claim);
	tcase_add_test(tcase, claim_of_a_leaseholder_does_not_unpin_its_lease);
	tcase_add_test(tcase, address_of_an_ended_lease_is_free);
	tcase_add_test(tcase, no_guest_has_an_address_no_host_has);
	tcase_add_test(tcase, ipv6_address_seen_longest_ago_gives_way);
	tcase_add_test(tcase, ipv6_address_goes_to_the_latest_claim);
	tcase_add_test(tcase, name_is_found_in_any_case_and_held_by_one);
	tcase_add_test(tcase, port_brings_no_more_guests_than_its_share);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
