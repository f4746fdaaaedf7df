/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <check.h>
#include <stdlib.h>

#include "net/mac.h"
#include "net/reservation.h"
#include "run_suite.h"

#define MAC(n) (UINT64_C(0x525400000000) + (n))

static struct reservation_table *table;

static void setup(void)
{
	table = reservation_table_new("lab");
}

static void teardown(void)
{
	reservation_table_free(table);
}

static struct in_addr ip(const char *text)
{
	return (struct in_addr){inet_addr(text)};
}

static const struct reservation *add(const char *name, mac_t mac, const char *addr)
{
	struct reservation_spec spec = {.name = name, .mac = mac};
	g_autoptr(GError) error = NULL;
	const struct reservation *r;

	if (addr)
		spec.addr = ip(addr);
	r = reservation_add(table, &spec, &error);
	ck_assert_msg(r, "%s", error ? error->message : "");
	return r;
}

static void assert_refused(const struct reservation_spec *spec, const char *because)
{
	g_autoptr(GError) error = NULL;
	unsigned before = reservation_count(table);

	ck_assert_ptr_null(reservation_add(table, spec, &error));
	ck_assert_ptr_nonnull(error);
	ck_assert_msg(strstr(error->message, because) != NULL, "%s", error->message);
	ck_assert_uint_eq(reservation_count(table), before);
}

START_TEST(mac_is_the_same_in_every_run)
{
	mac_t mac = guest_mac_derive("lab", "web", 0);
	char text[GUEST_MAC_TEXT];

	/* A fixed value, because guests' command lines contain it: it must never change. */
	guest_mac_format(text, mac);
	ck_assert_str_eq(text, "52:54:00:d9:d5:5c");
	ck_assert_uint_eq(guest_mac_derive("lab", "WEB", 0), mac);
	ck_assert_uint_ne(guest_mac_derive("lab", "web", 1), mac);
	ck_assert_uint_ne(guest_mac_derive("lab2", "web", 0), mac);
	ck_assert_uint_ne(guest_mac_derive("la", "bweb", 0), guest_mac_derive("lab", "web", 0));
	ck_assert_uint_eq(add("Web", 0, NULL)->mac, mac);
	ck_assert_str_eq(reservation_by_mac(table, mac)->name, "web");
}
END_TEST

/* MAC_RUNS: fewer under valgrind. One of 65,536 would be QEMU's. */
START_TEST(derived_mac_is_never_one_of_qemus_own)
{
	const char *text = g_getenv("MAC_RUNS");
	unsigned runs = text ? (unsigned)atoi(text) : 200000;

	for (unsigned i = 0; i < runs; i++) {
		mac_t mac = guest_mac_derive("lab", "web", i);

		ck_assert_uint_eq(mac >> 24, 0x525400);
		ck_assert_uint_ne(mac >> 8, UINT64_C(0x5254001234));
	}
}
END_TEST

START_TEST(names_that_meet_get_a_mac_each)
{
	/* Takes the first choice of "web". */
	add("other", guest_mac_derive("lab", "web", 0), NULL);
	ck_assert_uint_eq(add("web", 0, NULL)->mac, guest_mac_derive("lab", "web", 1));
}
END_TEST

START_TEST(five_thousand_names_have_as_many_macs)
{
	for (unsigned i = 0; i < 5000; i++) {
		g_autofree char *name = g_strdup_printf("guest-%u", i);
		const struct reservation *r = add(name, 0, NULL);

		ck_assert_ptr_eq(reservation_by_mac(table, r->mac), r);
		ck_assert_ptr_eq(reservation_by_name(table, name), r);
	}
	ck_assert_uint_eq(reservation_count(table), 5000);
}
END_TEST

START_TEST(mac_is_read_and_written)
{
	static const struct {
		const char *text;
		mac_t mac;
	} right[] = {
		{"52:54:00:12:34:02", 0x525400123402},
		{"52:54:0:a:b:C", 0x5254000a0b0c},
		{"FE:ff:ff:ff:ff:ff", 0xfeffffffffff},
	};
	static const char *const wrong[] = {
		"",
		"52:54:00:12:34",
		"52:54:00:12:34:02:",
		"52:54:00:12:34:002",
		"52-54-00-12-34-02",
		"52:54:00:12:34:0g",
		" 52:54:00:12:34:02",
		"00:00:00:00:00:00",
		"ff:ff:ff:ff:ff:ff",
		"01:00:5e:00:00:01",
		"52:54::12:34:02",
	};
	mac_t mac;

	for (unsigned i = 0; i < G_N_ELEMENTS(right); i++) {
		ck_assert_msg(guest_mac_parse(right[i].text, &mac), "%s", right[i].text);
		ck_assert_uint_eq(mac, right[i].mac);
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(wrong); i++)
		ck_assert_msg(!guest_mac_parse(wrong[i], &mac), "%s", wrong[i]);
}
END_TEST

START_TEST(names_are_host_names)
{
	static const char *const wrong[] = {
		"",          "-web",
		"web-",      "web.lan",
		"w_b",       "web 1",
		"w\xc3\xa4", "a123456789012345678901234567890123456789012345678901234567890123"};
	static const char *const ours[] = {"gateway", "Host", "localhost"};

	for (unsigned i = 0; i < G_N_ELEMENTS(wrong); i++)
		assert_refused(&(struct reservation_spec){.name = wrong[i]}, "not a host name");
	for (unsigned i = 0; i < G_N_ELEMENTS(ours); i++)
		assert_refused(&(struct reservation_spec){.name = ours[i]}, "network's own");
	add("a12345678901234567890123456789012345678901234567890123456789012", 0, NULL);
	add("1", 0, NULL);
}
END_TEST

START_TEST(what_is_anothers_is_refused_by_name)
{
	add("web", MAC(1), "10.0.2.20");
	assert_refused(&(struct reservation_spec){.name = "WEB"}, "guest 'web': there is");
	assert_refused(&(struct reservation_spec){.name = "db", .mac = MAC(1)},
		       "guest 'db': mac=52:54:00:00:00:01 is guest 'web'");
	assert_refused(&(struct reservation_spec){.name = "db", .addr = ip("10.0.2.20")},
		       "guest 'db': ip=10.0.2.20 is guest 'web'");
	assert_refused(&(struct reservation_spec){.name = "db", .mac = MAC_BROADCAST}, "single");
}
END_TEST

START_TEST(removed_reservation_is_free_for_others)
{
	add("web", MAC(1), "10.0.2.20");
	ck_assert(!reservation_allows_v4(table, MAC(2), ip("10.0.2.20")));
	ck_assert(reservation_allows_v4(table, MAC(1), ip("10.0.2.20")));
	ck_assert(!reservation_allows_name(table, MAC(2), "Web"));
	ck_assert(reservation_allows_name(table, MAC(1), "web"));
	ck_assert(reservation_remove(table, "WEB"));
	ck_assert(!reservation_remove(table, "web"));
	ck_assert(reservation_allows_v4(table, MAC(2), ip("10.0.2.20")));
	ck_assert(reservation_allows_name(table, MAC(2), "web"));
	ck_assert_ptr_null(reservation_by_mac(table, MAC(1)));
	add("db", MAC(1), "10.0.2.20");
}
END_TEST

START_TEST(nobody_goes_by_the_networks_own_names)
{
	ck_assert(!reservation_allows_name(table, MAC(1), "gateway"));
	ck_assert(!reservation_allows_name(table, MAC(1), "host"));
}
END_TEST

START_TEST(guest_may_be_bound_to_a_netdev)
{
	struct reservation_spec spec = {.name = "web", .mac = MAC(1), .netdev = "lan"};

	ck_assert(reservation_allows_netdev(table, MAC(1), "wan"));
	ck_assert_ptr_nonnull(reservation_add(table, &spec, NULL));
	ck_assert(!reservation_allows_netdev(table, MAC(1), "wan"));
	ck_assert(reservation_allows_netdev(table, MAC(1), "lan"));
	ck_assert(reservation_allows_netdev(table, MAC(2), "wan"));
	ck_assert(reservation_remove(table, "web"));
	ck_assert(reservation_allows_netdev(table, MAC(1), "wan"));
}
END_TEST

/* Gives 10.0.2.15 to reservations without an address, and refuses .99. */
static unsigned n_added, n_removed;

static bool admit(struct reservation_observer *observer, struct reservation *r, GError **error)
{
	if (r->addr.s_addr == ip("10.0.2.99").s_addr) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "no %s", r->name);
		return false;
	}
	if (!r->addr.s_addr)
		r->addr = ip("10.0.2.15");
	return true;
}

static void added(struct reservation_observer *observer, const struct reservation *r)
{
	n_added++;
}

static void removed(struct reservation_observer *observer, const struct reservation *r)
{
	n_removed++;
}

START_TEST(observer_gives_the_address_or_refuses)
{
	struct reservation_observer observer = {admit, added, removed, {NULL, NULL}};

	n_added = n_removed = 0;
	reservation_observe(table, &observer);
	add("web", 0, NULL);
	ck_assert_str_eq(reservation_by_v4(table, ip("10.0.2.15"))->name, "web");
	assert_refused(&(struct reservation_spec){.name = "db", .addr = ip("10.0.2.99")}, "no db");
	ck_assert_ptr_null(reservation_by_v4(table, ip("10.0.2.99")));
	ck_assert_uint_eq(n_added, 1);
	ck_assert_uint_eq(n_removed, 1);
	ck_assert(reservation_remove(table, "web"));
	ck_assert_uint_eq(n_removed, 2);
	list_remove(&observer.link);
}
END_TEST

START_TEST(address_is_settled_later)
{
	const struct reservation *web = add("web", 0, NULL), *db = add("db", 0, "10.0.2.20");

	ck_assert(!reservation_set_v4(table, web, ip("10.0.2.20")));
	ck_assert(!reservation_set_v4(table, db, ip("10.0.2.21")));
	ck_assert(reservation_set_v4(table, web, ip("10.0.2.16")));
	ck_assert(reservation_set_v4(table, web, ip("10.0.2.17")));
	ck_assert_ptr_null(reservation_by_v4(table, ip("10.0.2.16")));
	ck_assert_ptr_eq(reservation_by_v4(table, ip("10.0.2.17")), web);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reservation");
	TCase *tc = tcase_create("reservation");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, mac_is_the_same_in_every_run);
	tcase_add_test(tc, derived_mac_is_never_one_of_qemus_own);
	tcase_add_test(tc, names_that_meet_get_a_mac_each);
	tcase_add_test(tc, five_thousand_names_have_as_many_macs);
	tcase_add_test(tc, mac_is_read_and_written);
	tcase_add_test(tc, names_are_host_names);
	tcase_add_test(tc, what_is_anothers_is_refused_by_name);
	tcase_add_test(tc, removed_reservation_is_free_for_others);
	tcase_add_test(tc, nobody_goes_by_the_networks_own_names);
	tcase_add_test(tc, guest_may_be_bound_to_a_netdev);
	tcase_add_test(tc, observer_gives_the_address_or_refuses);
	tcase_add_test(tc, address_is_settled_later);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
