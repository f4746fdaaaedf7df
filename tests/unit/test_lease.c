/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <check.h>

#include "dhcp/lease.h"
#include "run_suite.h"

#define MAC(n) (UINT64_C(0x525400000000) + (n))
#define HOUR   (3600 * USEC_PER_SEC)

static struct lease_pool *pool;
static const struct in_addr any;
static unsigned n_ended;
static struct in_addr last_ended;

static struct in_addr ip(const char *text)
{
	return (struct in_addr){inet_addr(text)};
}

static void on_end(void *data, const struct lease *lease)
{
	n_ended++;
	last_ended = lease->addr;
}

static void use(const char *start, const char *end)
{
	lease_pool_free(pool);
	pool = lease_pool_new(ip(start), ip(end), NULL);
	lease_pool_observe(pool, on_end, NULL);
	n_ended = 0;
}

static void setup(void)
{
	use("10.0.2.15", "10.0.2.254");
}

static void teardown(void)
{
	lease_pool_free(pool);
	pool = NULL;
}

static struct lease_client client(unsigned n, unsigned port)
{
	return (struct lease_client){.mac = MAC(n), .port_id = port};
}

static struct lease_client client_id(unsigned n, unsigned port, const char *id)
{
	return (struct lease_client){MAC(n), (const uint8_t *)id, strlen(id), port};
}

static void assert_at(const struct lease *lease, const char *addr)
{
	char text[INET_ADDRSTRLEN];

	ck_assert_ptr_nonnull(lease);
	inet_ntop(AF_INET, &lease->addr, text, sizeof text);
	ck_assert_str_eq(text, addr);
}

/* Offered and bound for an hour. */
static const struct lease *get(struct lease_client c, usec_t now)
{
	const struct lease *lease = lease_offer(pool, &c, any, now);

	return lease ? lease_bind(pool, &c, lease->addr, NULL, now + HOUR, now) : NULL;
}

START_TEST(first_client_gets_the_first_address)
{
	assert_at(get(client(1, 1), 0), "10.0.2.15");
	assert_at(get(client(2, 2), 0), "10.0.2.16");
	ck_assert_uint_eq(lease_pool_bound(pool), 2);
	ck_assert_uint_eq(lease_pool_size(pool), 240);
}
END_TEST

START_TEST(client_keeps_its_address_whatever_it_asks_for)
{
	struct lease_client c = client(1, 1);

	get(c, 0);
	assert_at(lease_offer(pool, &c, ip("10.0.2.99"), 1), "10.0.2.15");
	ck_assert_int_eq(lease_find(pool, &c, 1)->state, LEASE_BOUND);
	/* It keeps it after its lease has ended, if nobody else needs it. */
	assert_at(lease_offer(pool, &c, ip("10.0.2.99"), 2 * HOUR), "10.0.2.15");
	ck_assert_int_eq(lease_find(pool, &c, 2 * HOUR)->state, LEASE_OFFERED);
}
END_TEST

START_TEST(free_address_asked_for_is_given)
{
	struct lease_client a = client(1, 1), b = client(2, 2), c = client(3, 3);

	assert_at(lease_offer(pool, &a, ip("10.0.2.77"), 0), "10.0.2.77");
	assert_at(lease_offer(pool, &b, ip("10.0.2.77"), 0), "10.0.2.15");
	assert_at(lease_offer(pool, &c, ip("192.0.2.1"), 0), "10.0.2.16");
}
END_TEST

START_TEST(skipped_addresses_are_never_given)
{
	struct in_addr skip[] = {ip("10.0.2.16"), ip("10.0.2.16"), ip("10.0.9.9"), {0}};
	struct lease_client c = client(9, 9);

	lease_pool_free(pool);
	pool = lease_pool_new(ip("10.0.2.15"), ip("10.0.2.17"), skip);
	ck_assert_uint_eq(lease_pool_size(pool), 2);
	assert_at(get(client(1, 1), 0), "10.0.2.15");
	ck_assert_ptr_null(lease_bind(pool, &c, ip("10.0.2.16"), NULL, HOUR, 0));
	assert_at(lease_offer(pool, &c, ip("10.0.2.16"), 0), "10.0.2.17");
	ck_assert_ptr_null(get(client(3, 3), 0));
}
END_TEST

START_TEST(pool_up_to_the_last_address_there_is_ends)
{
	use("255.255.255.254", "255.255.255.255");
	assert_at(get(client(1, 1), 0), "255.255.255.254");
	assert_at(get(client(2, 1), 0), "255.255.255.255");
	ck_assert_ptr_null(get(client(3, 1), 0));
}
END_TEST

START_TEST(full_pool_gives_again_what_expired_longest_ago)
{
	struct lease_client c;

	use("10.0.2.15", "10.0.2.17");
	get(client(1, 1), 0);
	get(client(2, 2), 10);
	get(client(3, 3), 20);
	c = client(4, 4);
	ck_assert_ptr_null(lease_offer(pool, &c, any, HOUR - 1));
	assert_at(get(client(1, 1), HOUR - 1), "10.0.2.15"); /* renewed: now reused last */
	assert_at(get(client(4, 4), HOUR + 30), "10.0.2.16");
	assert_at(get(client(5, 5), HOUR + 30), "10.0.2.17");
	ck_assert_ptr_null(get(client(6, 6), HOUR + 30));
	/* A client that lost its address gets another, once there is one. */
	ck_assert_ptr_null(get(client(2, 2), HOUR + 30));
	assert_at(get(client(2, 2), 2 * HOUR), "10.0.2.15");
}
END_TEST

START_TEST(offer_lapses_when_it_is_not_taken)
{
	struct lease_client a = client(1, 1), b = client(2, 2);

	use("10.0.2.15", "10.0.2.15");
	ck_assert_ptr_nonnull(lease_offer(pool, &a, any, 0));
	ck_assert_ptr_null(lease_offer(pool, &b, any, LEASE_OFFER_HOLD - 1));
	ck_assert_int_eq(lease_next_end(pool), LEASE_OFFER_HOLD);
	assert_at(lease_offer(pool, &b, any, LEASE_OFFER_HOLD), "10.0.2.15");
	ck_assert_uint_eq(n_ended, 0);
	ck_assert_ptr_null(lease_bind(pool, &a, ip("10.0.2.15"), NULL, HOUR, LEASE_OFFER_HOLD));
}
END_TEST

START_TEST(offer_does_not_cut_a_running_lease_short)
{
	struct lease_client c = client(1, 1);

	get(c, 0);
	lease_offer(pool, &c, any, 5);
	ck_assert_int_eq(lease_find(pool, &c, 5)->expires, HOUR);
	lease_offer(pool, &c, any, HOUR - 1);
	ck_assert_int_eq(lease_find(pool, &c, 5)->expires, HOUR - 1 + LEASE_OFFER_HOLD);
}
END_TEST

START_TEST(nobody_binds_what_another_has)
{
	struct lease_client b = client(2, 2);

	get(client(1, 1), 0);
	ck_assert_ptr_null(lease_bind(pool, &b, ip("10.0.2.15"), NULL, HOUR, 1));
	ck_assert_ptr_null(lease_bind(pool, &b, ip("10.0.3.15"), NULL, HOUR, 1));
	ck_assert_ptr_null(lease_find(pool, &b, 1));
	/* Unknown to us, but free: the client is older than this process. */
	assert_at(lease_bind(pool, &b, ip("10.0.2.200"), "web", HOUR, 1), "10.0.2.200");
	ck_assert_str_eq(lease_find(pool, &b, 1)->hostname, "web");
}
END_TEST

START_TEST(client_that_binds_another_address_gives_up_its_own)
{
	struct lease_client a = client(1, 1), b = client(2, 2);

	use("10.0.2.15", "10.0.2.16");
	get(a, 0);
	assert_at(lease_bind(pool, &a, ip("10.0.2.16"), NULL, HOUR, 1), "10.0.2.16");
	ck_assert_uint_eq(n_ended, 1);
	ck_assert_uint_eq(last_ended.s_addr, ip("10.0.2.15").s_addr);
	ck_assert_uint_eq(lease_pool_bound(pool), 1);
	assert_at(get(b, 1), "10.0.2.15");
}
END_TEST

START_TEST(released_address_is_free_and_remembered)
{
	struct lease_client a = client(1, 1), b = client(2, 2);

	get(a, 0);
	ck_assert(!lease_release(pool, &b, ip("10.0.2.15"), 1));
	ck_assert(!lease_release(pool, &a, ip("10.0.2.16"), 1));
	ck_assert(lease_release(pool, &a, ip("10.0.2.15"), 1));
	ck_assert(!lease_release(pool, &a, ip("10.0.2.15"), 1));
	ck_assert_uint_eq(lease_pool_bound(pool), 0);
	ck_assert_int_eq(lease_by_addr(pool, ip("10.0.2.15"))->state, LEASE_EXPIRED);
	assert_at(get(b, 1), "10.0.2.16"); /* never used ones first */
	assert_at(get(a, 2), "10.0.2.15");
	ck_assert_uint_eq(n_ended, 0);
}
END_TEST

START_TEST(declined_address_rests)
{
	struct lease_client a = client(1, 1), b = client(2, 2);

	use("10.0.2.15", "10.0.2.16");
	get(a, 0);
	ck_assert(!lease_decline(pool, &b, ip("10.0.2.15"), 1));
	ck_assert(lease_decline(pool, &a, ip("10.0.2.15"), 1));
	ck_assert_int_eq(lease_by_addr(pool, ip("10.0.2.15"))->state, LEASE_DECLINED);
	assert_at(get(a, 1), "10.0.2.16");
	ck_assert_ptr_null(get(b, 1));
	ck_assert_ptr_null(lease_bind(pool, &b, ip("10.0.2.15"), NULL, HOUR, 1));
	assert_at(get(b, 1 + LEASE_DECLINE_REST), "10.0.2.15");
}
END_TEST

START_TEST(observer_hears_of_leases_that_run_out)
{
	get(client(1, 1), 0);
	get(client(2, 1), 5);
	lease_sweep(pool, HOUR - 1);
	ck_assert_uint_eq(n_ended, 0);
	lease_sweep(pool, HOUR);
	ck_assert_uint_eq(n_ended, 1);
	ck_assert_uint_eq(last_ended.s_addr, ip("10.0.2.15").s_addr);
	ck_assert_int_eq(lease_next_end(pool), HOUR + 5);
	lease_sweep(pool, 2 * HOUR);
	ck_assert_uint_eq(n_ended, 2);
	ck_assert_int_eq(lease_next_end(pool), LEASE_FOREVER);
}
END_TEST

START_TEST(infinite_lease_never_ends)
{
	struct lease_client a = client(1, 1);

	lease_bind(pool, &a, ip("10.0.2.15"), NULL, LEASE_FOREVER, 0);
	lease_offer(pool, &a, any, 100 * HOUR);
	ck_assert_int_eq(lease_find(pool, &a, INT64_MAX - 1)->state, LEASE_BOUND);
}
END_TEST

START_TEST(identifier_that_only_repeats_the_mac_is_none)
{
	uint8_t id[7] = {1};
	struct lease_client a = client(1, 1), b = a;

	mac_write(id + 1, a.mac);
	b.client_id = id;
	b.client_id_len = sizeof id;
	get(a, 0);
	assert_at(get(b, 1), "10.0.2.15");
	ck_assert_uint_eq(lease_find(pool, &a, 1)->client_id_len, 0);
}
END_TEST

START_TEST(firmware_and_system_of_one_machine_share_an_address)
{
	struct lease_client firmware = client(1, 1), os = client_id(1, 1, "\377duid-of-the-os");

	assert_at(get(firmware, 0), "10.0.2.15");
	assert_at(get(os, 1), "10.0.2.15");
	assert_at(get(os, 2), "10.0.2.15");
	assert_at(get(firmware, 3), "10.0.2.15");
	ck_assert_uint_eq(lease_pool_bound(pool), 1);
}
END_TEST

START_TEST(clients_behind_one_mac_are_told_apart)
{
	assert_at(get(client_id(1, 1, "container-a"), 0), "10.0.2.15");
	assert_at(get(client_id(1, 1, "container-b"), 0), "10.0.2.16");
	assert_at(get(client_id(1, 1, "container-a"), 1), "10.0.2.15");
	assert_at(get(client_id(1, 1, "container-b"), 1), "10.0.2.16");
}
END_TEST

START_TEST(cloned_images_get_an_address_each)
{
	struct lease_client a = client_id(1, 1, "machine-id"), b = client_id(2, 2, "machine-id");

	assert_at(get(a, 0), "10.0.2.15");
	assert_at(get(b, 0), "10.0.2.16");
	assert_at(get(a, 1), "10.0.2.15");
	assert_at(get(b, 1), "10.0.2.16");
	/* Nor can one end the other's lease by naming it. */
	ck_assert(!lease_release(pool, &b, ip("10.0.2.15"), 1));
	ck_assert(!lease_decline(pool, &b, ip("10.0.2.15"), 1));
}
END_TEST

START_TEST(client_with_a_new_network_card_keeps_its_address)
{
	assert_at(get(client_id(1, 1, "machine-id"), 0), "10.0.2.15");
	assert_at(get(client_id(2, 1, "machine-id"), 1), "10.0.2.15");
	/* On another port once the old one's lease is over. */
	assert_at(get(client_id(3, 7, "machine-id"), 3 * HOUR), "10.0.2.15");
}
END_TEST

START_TEST(long_identifiers_are_told_apart)
{
	char a[301], b[301];

	memset(a, 'x', 300);
	a[300] = '\0';
	memcpy(b, a, sizeof b);
	b[299] = 'y';
	assert_at(get(client_id(1, 1, a), 0), "10.0.2.15");
	assert_at(get(client_id(1, 1, b), 0), "10.0.2.16");
	assert_at(get(client_id(1, 1, a), 0), "10.0.2.15");
}
END_TEST

START_TEST(one_port_holds_its_share_at_most)
{
	struct lease_client c;

	for (unsigned i = 0; i < LEASE_SHARE; i++)
		ck_assert_ptr_nonnull(get(client(i, 1), 0));
	ck_assert_ptr_null(get(client(200, 1), 0));
	ck_assert_str_eq(lease_pool_why(pool),
			 "its port holds as many leases as leases-per-port= allows");
	c = client(201, 1);
	ck_assert_ptr_null(lease_bind(pool, &c, ip("10.0.2.250"), NULL, HOUR, 0));
	ck_assert_ptr_nonnull(get(client(3, 1), 1)); /* renewing is not more */
	ck_assert_ptr_nonnull(get(client(300, 2), 1));
	/* Declining does not give the share back. */
	c = client(0, 1);
	ck_assert(lease_decline(pool, &c, ip("10.0.2.15"), 1));
	ck_assert_ptr_null(get(client(200, 1), 1));
	/* Releasing, running out and moving to another port do. */
	c = client(1, 1);
	ck_assert(lease_release(pool, &c, ip("10.0.2.16"), 1));
	ck_assert_ptr_nonnull(get(client(200, 1), 1));
	ck_assert_ptr_null(get(client(202, 1), 1));
	ck_assert_ptr_nonnull(get(client(5, 2), 1));
	ck_assert_ptr_nonnull(get(client(202, 1), 1));
}
END_TEST

START_TEST(small_pool_may_be_one_ports)
{
	use("10.0.2.15", "10.0.2.30");
	for (unsigned i = 0; i < 16; i++)
		ck_assert_ptr_nonnull(get(client(i, 1), 0));
	ck_assert_ptr_null(get(client(64, 2), 0));
	ck_assert_str_eq(lease_pool_why(pool), "no address is free");
}
END_TEST

START_TEST(a_ports_share_is_configured)
{
	lease_pool_set_share(pool, 2);
	ck_assert_ptr_nonnull(get(client(1, 1), 0));
	ck_assert_ptr_nonnull(get(client(2, 1), 0));
	ck_assert_ptr_null(get(client(3, 1), 0));
	lease_pool_set_share(pool, 0);
	ck_assert_uint_eq(lease_pool_share(pool), LEASE_SHARE);
}
END_TEST

START_TEST(address_of_a_guest_that_left_goes_to_a_newcomer_when_none_is_free)
{
	use("10.0.2.15", "10.0.2.17");
	assert_at(get(client(1, 1), 0), "10.0.2.15");
	assert_at(get(client(2, 2), 0), "10.0.2.16");
	lease_port_gone(pool, 2);
	lease_port_gone(pool, 1);
	assert_at(get(client(3, 3), 1), "10.0.2.17"); /* while others are free they keep theirs */
	ck_assert_uint_eq(lease_pool_bound(pool), 3);
	assert_at(get(client(4, 4), 2), "10.0.2.16"); /* the port that went first */
	ck_assert_uint_eq(n_ended, 1);
	assert_at(get(client(1, 5), 3), "10.0.2.15"); /* it is back, and keeps its own */
	ck_assert_ptr_null(get(client(5, 6), 4));
	ck_assert_ptr_null(get(client(2, 7), 5));
}
END_TEST

START_TEST(guest_that_came_back_without_asking_keeps_its_address)
{
	use("10.0.2.15", "10.0.2.15");
	get(client(1, 1), 0);
	lease_port_gone(pool, 1);
	lease_came_back(pool, MAC(1), 2);
	ck_assert_ptr_null(get(client(2, 3), 1));
	lease_port_gone(pool, 1);
	ck_assert_ptr_null(get(client(2, 3), 1));
	lease_port_gone(pool, 2);
	assert_at(get(client(2, 3), 1), "10.0.2.15");
}
END_TEST

START_TEST(port_that_comes_ever_anew_takes_no_others_address)
{
	assert_at(get(client(1, 1), 0), "10.0.2.15");
	for (unsigned i = 0; i < 1000; i++) {
		ck_assert_ptr_nonnull(get(client(100 + i, 10 + i), i));
		lease_port_gone(pool, 10 + i);
	}
	ck_assert_ptr_nonnull(get(client(2, 2), 1000));
	assert_at(get(client(1, 1), 1001), "10.0.2.15");
}
END_TEST

static usec_t heard_at[8]; /* by the last digit of the MAC address */

static bool heard(void *data, const struct lease *lease, usec_t since)
{
	return heard_at[lease->mac & 7] > since;
}

START_TEST(lease_that_is_not_used_ends_in_minutes)
{
	memset(heard_at, 0, sizeof heard_at);
	lease_pool_set_heard(pool, heard, NULL);
	for (unsigned i = 1; i <= 4; i++)
		get(client(i, 1), 0);
	heard_at[1] = USEC_PER_SEC; /* only while it was getting its lease */
	heard_at[2] = 10 * USEC_PER_SEC;
	lease_used(pool, ip("10.0.2.17"), MAC(3));
	lease_used(pool, ip("10.0.2.18"), MAC(3)); /* another's frames do not count */
	ck_assert_int_eq(lease_next_end(pool), LEASE_UNUSED);
	lease_sweep(pool, LEASE_UNUSED - 1);
	ck_assert_uint_eq(lease_pool_bound(pool), 4);
	lease_sweep(pool, LEASE_UNUSED);
	ck_assert_uint_eq(lease_pool_bound(pool), 2);
	ck_assert_uint_eq(n_ended, 2);
	ck_assert_int_eq(lease_by_mac(pool, MAC(2))->state, LEASE_BOUND);
	ck_assert_int_eq(lease_by_mac(pool, MAC(3))->state, LEASE_BOUND);
	ck_assert_int_eq(lease_next_end(pool), HOUR);
	/* Renewed, it is used as before. */
	get(client(2, 1), HOUR / 2);
	lease_sweep(pool, HOUR / 2 + LEASE_UNUSED);
	ck_assert_int_eq(lease_by_mac(pool, MAC(2))->state, LEASE_BOUND);
	/* The client that comes late gets its own. */
	assert_at(get(client(4, 1), HOUR / 2), "10.0.2.18");
}
END_TEST

START_TEST(absent_client_gives_way_when_its_ports_share_is_used_up)
{
	memset(heard_at, 0, sizeof heard_at);
	lease_pool_set_heard(pool, heard, NULL);
	lease_pool_set_share(pool, 2);
	get(client(1, 1), 0);
	get(client(2, 1), 0);
	heard_at[1] = heard_at[2] = 10 * USEC_PER_SEC;
	lease_sweep(pool, LEASE_UNUSED);
	ck_assert_ptr_null(get(client(3, 1), LEASE_ABSENT));
	heard_at[2] = LEASE_UNUSED;
	ck_assert_ptr_nonnull(get(client(3, 1), LEASE_UNUSED + USEC_PER_SEC));
	ck_assert_int_eq(lease_by_mac(pool, MAC(1))->state, LEASE_EXPIRED);
	ck_assert_int_eq(lease_by_mac(pool, MAC(2))->state, LEASE_BOUND);
}
END_TEST

static void count(void *data, const struct lease *lease)
{
	uint32_t *last = data;

	ck_assert_uint_gt(ntohl(lease->addr.s_addr), *last);
	*last = ntohl(lease->addr.s_addr);
	n_ended++;
}

START_TEST(five_thousand_clients_in_a_slash_8)
{
	gint64 start = g_get_monotonic_time();
	uint32_t last = 0;

	use("10.0.2.15", "10.255.255.254");
	lease_pool_set_share(pool, 1000);
	ck_assert_uint_eq(lease_pool_size(pool), 0x00fffffe - 0x20f + 1);
	for (unsigned round = 0; round < 3; round++)
		for (unsigned i = 0; i < 5000; i++) {
			const struct lease *lease = get(client(i, 1 + i % 7), round);

			ck_assert_ptr_nonnull(lease);
			ck_assert_uint_eq(ntohl(lease->addr.s_addr), 0x0a00020f + i);
		}
	ck_assert_uint_eq(lease_pool_bound(pool), 5000);
	lease_foreach(pool, count, &last);
	ck_assert_uint_eq(n_ended, 5000);
	n_ended = 0;
	lease_sweep(pool, 2 * HOUR);
	ck_assert_uint_eq(n_ended, 5000);
	ck_assert_uint_eq(lease_pool_bound(pool), 0);
	/* 15,000 exchanges take 50 ms; walking all clients or addresses would take minutes. */
	ck_assert_int_lt(g_get_monotonic_time() - start, 20 * USEC_PER_SEC);
}
END_TEST

START_TEST(what_is_remembered_is_bounded)
{
	usec_t now = 0;

	use("10.0.0.15", "10.255.255.254");
	for (unsigned i = 0; i < LEASE_MAX + 5000; i++) {
		struct lease_client c = client(i, 1);

		/* A port that makes up clients as fast as its share allows. */
		if (i % lease_pool_share(pool) == 0)
			now += LEASE_OFFER_HOLD;
		ck_assert_ptr_nonnull(lease_offer(pool, &c, any, now));
	}
	ck_assert_ptr_null(lease_by_addr(pool, (struct in_addr){htonl(0x0a00000f + LEASE_MAX)}));
	ck_assert_ptr_nonnull(lease_by_addr(pool, ip("10.0.0.15")));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("lease");
	TCase *tcase = tcase_create("lease");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, first_client_gets_the_first_address);
	tcase_add_test(tcase, client_keeps_its_address_whatever_it_asks_for);
	tcase_add_test(tcase, free_address_asked_for_is_given);
	tcase_add_test(tcase, skipped_addresses_are_never_given);
	tcase_add_test(tcase, pool_up_to_the_last_address_there_is_ends);
	tcase_add_test(tcase, full_pool_gives_again_what_expired_longest_ago);
	tcase_add_test(tcase, offer_lapses_when_it_is_not_taken);
	tcase_add_test(tcase, offer_does_not_cut_a_running_lease_short);
	tcase_add_test(tcase, nobody_binds_what_another_has);
	tcase_add_test(tcase, client_that_binds_another_address_gives_up_its_own);
	tcase_add_test(tcase, released_address_is_free_and_remembered);
	tcase_add_test(tcase, declined_address_rests);
	tcase_add_test(tcase, observer_hears_of_leases_that_run_out);
	tcase_add_test(tcase, infinite_lease_never_ends);
	tcase_add_test(tcase, identifier_that_only_repeats_the_mac_is_none);
	tcase_add_test(tcase, firmware_and_system_of_one_machine_share_an_address);
	tcase_add_test(tcase, clients_behind_one_mac_are_told_apart);
	tcase_add_test(tcase, cloned_images_get_an_address_each);
	tcase_add_test(tcase, client_with_a_new_network_card_keeps_its_address);
	tcase_add_test(tcase, long_identifiers_are_told_apart);
	tcase_add_test(tcase, one_port_holds_its_share_at_most);
	tcase_add_test(tcase, small_pool_may_be_one_ports);
	tcase_add_test(tcase, a_ports_share_is_configured);
	tcase_add_test(tcase, address_of_a_guest_that_left_goes_to_a_newcomer_when_none_is_free);
	tcase_add_test(tcase, guest_that_came_back_without_asking_keeps_its_address);
	tcase_add_test(tcase, port_that_comes_ever_anew_takes_no_others_address);
	tcase_add_test(tcase, lease_that_is_not_used_ends_in_minutes);
	tcase_add_test(tcase, absent_client_gives_way_when_its_ports_share_is_used_up);
	tcase_add_test(tcase, five_thousand_clients_in_a_slash_8);
	tcase_add_test(tcase, what_is_remembered_is_bounded);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
