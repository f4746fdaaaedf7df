/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <check.h>
#include <glib/gstdio.h>

#include "dhcp/lease.h"
#include "dhcp/lease_store.h"
#include "net/guest.h"
#include "net/network.h"
#include "net/port.h"
#include "net/reservation.h"
#include "net/user_config.h"
#include "run_suite.h"

#define MAC(n) (UINT64_C(0x525400000000) + (n))
#define HOUR   (3600 * USEC_PER_SEC)

/* A network, its configuration and its lease store; stop() and start() are a restart. */
static char *dir, *path;
static struct user_config config;
static struct loop *loop;
static struct network *network;
static struct lease_pool *pool;
static struct lease_store *store;
static struct port port;

static struct in_addr ip(const char *text)
{
	return (struct in_addr){inet_addr(text)};
}

static void make_network(void)
{
	loop = loop_new(NULL);
	network = network_new(loop, "test");
	port_init(&port, NULL, NULL, "p");
	pool = lease_pool_new(config.dhcp_start, config.dhcp_end, NULL);
}

static void stop(void)
{
	lease_store_free(store);
	store = NULL;
	lease_pool_free(pool);
	guest_forget_port(network->guests, &port);
	port_fini(&port);
	network_free(network);
	loop_free(loop);
}

static void keep(void)
{
	g_autoptr(GError) error = NULL;

	store = lease_store_new(network, &config, pool, &error);
	ck_assert_msg(store, "%s", error ? error->message : "");
}

static void restart(void)
{
	stop();
	make_network();
}

static void setup(void)
{
	dir = g_dir_make_tmp("usernet-keeper-XXXXXX", NULL);
	path = g_build_filename(dir, "leases", NULL);
	user_config_defaults(&config);
	config.dhcp_start = ip("10.0.2.15");
	config.dhcp_end = ip("10.0.2.30");
	config.host = ip("10.0.2.2");
	config.dns = ip("10.0.2.3");
	config.lease_file = path;
	make_network();
}

static void teardown(void)
{
	stop();
	g_unlink(path);
	g_rmdir(dir);
	g_clear_pointer(&path, g_free);
	g_clear_pointer(&dir, g_free);
}

static const struct lease *lease_to(unsigned n, const char *name)
{
	struct lease_client client = {.mac = MAC(n), .port_id = 1};
	usec_t now = loop_now(loop);
	const struct lease *lease = lease_offer(pool, &client, (struct in_addr){0}, now);

	return lease ? lease_bind(pool, &client, lease->addr, name, now + HOUR, now) : NULL;
}

static void assert_at(const struct lease *lease, const char *addr)
{
	char text[INET_ADDRSTRLEN];

	ck_assert_ptr_nonnull(lease);
	ck_assert_str_eq(inet_ntop(AF_INET, &lease->addr, text, sizeof text), addr);
}

static const struct reservation *reserve(unsigned n, const char *name, const char *addr)
{
	struct reservation_spec spec = {.name = name, .mac = n ? MAC(n) : 0};
	g_autoptr(GError) error = NULL;
	const struct reservation *r;

	spec.addr.s_addr = addr ? inet_addr(addr) : 0;
	r = reservation_add(network->reservations, &spec, &error);
	ck_assert_msg(r, "%s", error ? error->message : "");
	return r;
}

static char *refused(const char *name, const char *addr)
{
	struct reservation_spec spec = {.name = name, .addr = ip(addr)};
	GError *error = NULL;
	char *message;

	ck_assert_ptr_null(reservation_add(network->reservations, &spec, &error));
	message = g_strdup(error->message);
	g_error_free(error);
	return message;
}

START_TEST(leases_are_there_after_a_restart)
{
	keep();
	assert_at(lease_to(1, "web"), "10.0.2.15");
	assert_at(lease_to(2, NULL), "10.0.2.16");
	restart();
	keep();
	ck_assert_uint_eq(lease_store_restored(store), 2);
	ck_assert_uint_eq(lease_pool_bound(pool), 2);
	ck_assert_str_eq(lease_by_addr(pool, ip("10.0.2.15"))->hostname, "web");
	assert_at(lease_to(3, NULL), "10.0.2.17");
	assert_at(lease_to(2, NULL), "10.0.2.16");
	ck_assert_int_le(lease_by_mac(pool, MAC(1))->expires, loop_now(loop) + HOUR + USEC_PER_SEC);
	ck_assert_int_gt(lease_by_mac(pool, MAC(1))->expires, loop_now(loop) + HOUR / 2);
}
END_TEST

START_TEST(guest_seen_after_a_restart_has_its_lease_and_name)
{
	struct guest *guest;

	keep();
	lease_to(1, "web");
	restart();
	keep();
	guest = guest_seen(network->guests, MAC(1), &port, 0);
	ck_assert_uint_eq(guest->v4.s_addr, inet_addr("10.0.2.15"));
	ck_assert(guest->v4_leased);
	ck_assert_str_eq(guest->name, "web");
	/* So no other guest can claim it. */
	ck_assert(!guest_set_v4(network->guests, guest_seen(network->guests, MAC(2), &port, 0),
				ip("10.0.2.15"), false));
}
END_TEST

START_TEST(returning_guest_gets_its_old_address_after_a_restart)
{
	struct lease_client client = {.mac = MAC(1), .port_id = 1};

	keep();
	lease_to(1, NULL);
	lease_to(2, NULL);
	ck_assert(lease_release(pool, &client, ip("10.0.2.15"), loop_now(loop)));
	restart();
	keep();
	ck_assert_uint_eq(lease_pool_bound(pool), 1);
	assert_at(lease_to(3, NULL), "10.0.2.17");
	assert_at(lease_to(1, NULL), "10.0.2.15");
}
END_TEST

START_TEST(declined_address_rests_after_a_restart)
{
	struct lease_client client = {.mac = MAC(1), .port_id = 1};

	keep();
	lease_to(1, NULL);
	ck_assert(lease_decline(pool, &client, ip("10.0.2.15"), loop_now(loop)));
	restart();
	keep();
	ck_assert_int_eq(lease_by_addr(pool, ip("10.0.2.15"))->state, LEASE_DECLINED);
	assert_at(lease_to(1, NULL), "10.0.2.16");
}
END_TEST

START_TEST(name_gets_an_address_at_once_and_keeps_it)
{
	const struct reservation *web, *db;

	keep();
	lease_to(1, NULL);
	web = reserve(0, "web", NULL);
	ck_assert_uint_eq(web->addr.s_addr, inet_addr("10.0.2.16"));
	assert_at(lease_to(2, NULL), "10.0.2.17");
	/* Declared in another order the next time, before and after the gateway is there. */
	restart();
	db = reserve(0, "db", NULL);
	web = reserve(0, "web", NULL);
	ck_assert_uint_eq(web->addr.s_addr, 0);
	keep();
	ck_assert_uint_eq(web->addr.s_addr, inet_addr("10.0.2.16"));
	ck_assert_uint_eq(db->addr.s_addr, inet_addr("10.0.2.18"));
	ck_assert_ptr_eq(reservation_by_v4(network->reservations, ip("10.0.2.18")), db);
	/* No longer reserved, it is free for others. */
	restart();
	keep();
	ck_assert_int_eq(lease_by_addr(pool, ip("10.0.2.16"))->state, LEASE_EXPIRED);
}
END_TEST

START_TEST(guest_that_is_there_is_reserved_what_it_has)
{
	const struct reservation *web;

	keep();
	lease_to(1, NULL);
	lease_to(2, NULL);
	web = reserve(2, "web", NULL);
	ck_assert_uint_eq(web->addr.s_addr, inet_addr("10.0.2.16"));
	ck_assert_int_eq(lease_by_mac(pool, MAC(2))->state, LEASE_BOUND);
}
END_TEST

START_TEST(reservation_wins_over_a_lease_of_before)
{
	keep();
	lease_to(1, NULL);
	restart();
	reserve(2, "web", "10.0.2.15");
	keep();
	ck_assert_uint_eq(lease_store_restored(store), 0);
	assert_at(lease_to(2, NULL), "10.0.2.15");
	assert_at(lease_to(1, NULL), "10.0.2.16");
}
END_TEST

START_TEST(address_that_cannot_be_reserved_is_refused)
{
	static const struct {
		const char *addr, *because;
	} wrong[] = {
		{"10.0.3.1", "10.0.2.0/24"},
		{"10.0.2.255", "host's address"},
		{"10.0.2.2", "gateway's"},
		{"10.0.2.3", "name server's"},
		{"10.0.2.15", "is leased to 52:54:00:00:00:01, vm"},
	};

	keep();
	lease_to(1, "vm");
	for (unsigned i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autofree char *message = refused("web", wrong[i].addr);

		ck_assert_msg(strstr(message, wrong[i].because) != NULL, "%s", message);
		ck_assert_msg(strstr(message, "guest 'web'") != NULL, "%s", message);
	}
	ck_assert_uint_eq(reservation_count(network->reservations), 0);
	/* Errors from before there is a gateway are reported when it comes. */
	restart();
	reserve(0, "web", "10.0.3.1");
	{
		g_autoptr(GError) error = NULL;
		g_autofree char *before = NULL, *after = NULL;

		ck_assert(g_file_get_contents(path, &before, NULL, NULL));
		ck_assert_ptr_null(lease_store_new(network, &config, pool, &error));
		ck_assert_ptr_nonnull(strstr(error->message, "10.0.3.1"));
		/* And no lease is lost. */
		ck_assert(g_file_get_contents(path, &after, NULL, NULL));
		ck_assert_str_eq(before, after);
	}
}
END_TEST

START_TEST(pool_without_addresses_refuses_a_name)
{
	struct reservation_spec spec = {.name = "web"};
	g_autoptr(GError) error = NULL;

	keep();
	for (unsigned i = 1; i <= 16; i++)
		ck_assert_ptr_nonnull(lease_to(i, NULL));
	ck_assert_ptr_null(reservation_add(network->reservations, &spec, &error));
	ck_assert_ptr_nonnull(strstr(error->message, "no address is left"));
}
END_TEST

START_TEST(removed_reservation_frees_its_address)
{
	keep();
	reserve(0, "web", "10.0.2.15");
	assert_at(lease_to(1, NULL), "10.0.2.16");
	ck_assert(reservation_remove(network->reservations, "web"));
	reserve(0, "db", "10.0.2.15");
}
END_TEST

START_TEST(lease_that_ends_is_taken_from_the_guest)
{
	struct lease_client client = {.mac = MAC(1), .port_id = 1};
	usec_t now = loop_now(loop);
	struct guest *guest;

	keep();
	lease_to(1, NULL);
	guest = guest_seen(network->guests, MAC(1), &port, 0);
	ck_assert(guest->v4_leased);
	ck_assert_ptr_nonnull(
		lease_bind(pool, &client, ip("10.0.2.15"), NULL, now + 20 * USEC_PER_MSEC, now));
	loop_attach(loop, NULL);
	while (guest->v4_leased)
		g_main_context_iteration(NULL, TRUE);
	ck_assert_uint_eq(guest->v4.s_addr, 0);
	ck_assert_int_eq(lease_by_mac(pool, MAC(1))->state, LEASE_EXPIRED);
}
END_TEST

START_TEST(guest_configured_by_hand_is_believed_unless_it_is_many)
{
	keep();
	(void)guest_set_v4(network->guests, guest_seen(network->guests, MAC(9), &port, 0),
			   ip("10.0.2.15"), false);
	assert_at(lease_to(1, NULL), "10.0.2.16");
	for (unsigned i = 0; i < 100; i++) {
		g_autofree char *addr = g_strdup_printf("10.0.2.%u", 17 + i % 14);

		(void)guest_set_v4(network->guests,
				   guest_seen(network->guests, MAC(100 + i), &port, 0), ip(addr),
				   false);
	}
	assert_at(lease_to(2, NULL), "10.0.2.17");
}
END_TEST

START_TEST(without_a_file_nothing_is_kept)
{
	config.lease_file = NULL;
	keep();
	lease_to(1, NULL);
	restart();
	keep();
	ck_assert_uint_eq(lease_store_restored(store), 0);
	ck_assert(!g_file_test(path, G_FILE_TEST_EXISTS));
}
END_TEST

START_TEST(file_that_cannot_be_used_is_named)
{
	g_autoptr(GError) error = NULL;

	ck_assert_int_eq(g_mkdir(path, 0700), 0);
	ck_assert_ptr_null(lease_store_new(network, &config, pool, &error));
	ck_assert_ptr_nonnull(strstr(error->message, path));
	ck_assert_int_eq(g_rmdir(path), 0);
}
END_TEST

START_TEST(file_of_dnsmasq_is_taken_over)
{
	gint64 soon = g_get_real_time() / G_USEC_PER_SEC + 600;
	g_autofree char *text = g_strdup_printf(
		"%" G_GINT64_FORMAT " 52:54:00:00:00:01 10.0.2.20 web 01:52:54:00:00:00:01\n"
		"%" G_GINT64_FORMAT " 52:54:00:00:00:02 10.0.2.21 * ff:01:02\n"
		"%" G_GINT64_FORMAT " 52:54:00:00:00:03 10.9.9.9 old *\n"
		"broken\n",
		soon, soon, soon);

	ck_assert(g_file_set_contents(path, text, -1, NULL));
	keep();
	ck_assert_uint_eq(lease_store_restored(store), 2);
	ck_assert_uint_eq(lease_store_bad_lines(store), 1);
	assert_at(lease_to(1, NULL), "10.0.2.20");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("lease_keeper");
	TCase *tc = tcase_create("lease_keeper");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, leases_are_there_after_a_restart);
	tcase_add_test(tc, guest_seen_after_a_restart_has_its_lease_and_name);
	tcase_add_test(tc, returning_guest_gets_its_old_address_after_a_restart);
	tcase_add_test(tc, declined_address_rests_after_a_restart);
	tcase_add_test(tc, name_gets_an_address_at_once_and_keeps_it);
	tcase_add_test(tc, guest_that_is_there_is_reserved_what_it_has);
	tcase_add_test(tc, reservation_wins_over_a_lease_of_before);
	tcase_add_test(tc, address_that_cannot_be_reserved_is_refused);
	tcase_add_test(tc, pool_without_addresses_refuses_a_name);
	tcase_add_test(tc, removed_reservation_frees_its_address);
	tcase_add_test(tc, lease_that_ends_is_taken_from_the_guest);
	tcase_add_test(tc, guest_configured_by_hand_is_believed_unless_it_is_many);
	tcase_add_test(tc, without_a_file_nothing_is_kept);
	tcase_add_test(tc, file_that_cannot_be_used_is_named);
	tcase_add_test(tc, file_of_dnsmasq_is_taken_over);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
