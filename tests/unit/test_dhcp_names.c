/* SPDX-License-Identifier: BSD-3-Clause */
#include "dhcpbed.h"
#include "net/reservation.h"
#include "run_suite.h"

static struct reservation_table *table;

static void begin_names(void)
{
	setup();
	config.domainname = "lan";
	table = reservation_table_new("test");
	dhcp_set_reservations(dhcp, table);
}

static void end_names(void)
{
	teardown();
	reservation_table_free(table);
}

/* As lease_store does. */
static void reserve(const char *name, unsigned n, const char *addr)
{
	struct reservation_spec spec = {.name = name, .mac = MAC(n), .addr = ip(addr)};

	ck_assert_ptr_nonnull(reservation_add(table, &spec, NULL));
	ck_assert_ptr_nonnull(lease_reserve(dhcp_leases(dhcp), MAC(n), ip(addr), now));
}

/* --- reservations --- */

START_TEST(reserved_guest_gets_its_address_and_its_name)
{
	reserve("web", 1, "10.0.2.20");
	config.hostname = "vm";
	get_lease(1, &port, "10.0.2.20");
	assert_text(DHCP_OPT_HOSTNAME, "web");
	ck_assert_str_eq(outcome.hostname, "web");
	get_lease(2, &port, "10.0.2.15");
	assert_text(DHCP_OPT_HOSTNAME, "vm");
}
END_TEST

START_TEST(reserved_address_may_lie_outside_the_pool)
{
	reserve("web", 1, "10.0.2.5");
	get_lease(1, &port, "10.0.2.5");
	now += 43200 * USEC_PER_SEC;
	begin(1, DHCP_REQUEST);
	sent_ciaddr(&m, "10.0.2.5");
	ck_assert(deliver_from(&port, MAC(1), "10.0.2.5"));
	assert_answer(DHCP_ACK, "10.0.2.5");
}
END_TEST

START_TEST(reservation_holds_for_any_client_identifier)
{
	static const char *const ids[] = {"\1ABCDEF", "\377\0\0\0\1", "firmware"};

	reserve("web", 1, "10.0.2.20");
	for (unsigned i = 0; i < G_N_ELEMENTS(ids); i++) {
		begin(1, DHCP_DISCOVER);
		sent_option(&m, DHCP_OPT_CLIENT_ID, ids[i], 5);
		ck_assert(deliver(1));
		assert_answer(DHCP_OFFER, "10.0.2.20");
		begin(1, DHCP_REQUEST);
		sent_option(&m, DHCP_OPT_CLIENT_ID, ids[i], 5);
		sent_addr(&m, DHCP_OPT_REQUESTED_ADDR, "10.0.2.20");
		ck_assert(deliver(1));
		assert_answer(DHCP_ACK, "10.0.2.20");
	}
	/* Nor does another with its identifier. */
	begin(2, DHCP_DISCOVER);
	sent_option(&m, DHCP_OPT_CLIENT_ID, ids[2], 5);
	ck_assert(deliver(2));
	assert_answer(DHCP_OFFER, "10.0.2.15");
}
END_TEST

START_TEST(nobody_else_gets_a_reserved_address)
{
	reserve("web", 1, "10.0.2.15");
	get_lease(2, &port, "10.0.2.16");
	begin(3, DHCP_DISCOVER);
	sent_addr(&m, DHCP_OPT_REQUESTED_ADDR, "10.0.2.15");
	ck_assert(deliver(3));
	assert_answer(DHCP_OFFER, "10.0.2.17");
	begin(3, DHCP_REQUEST);
	sent_addr(&m, DHCP_OPT_REQUESTED_ADDR, "10.0.2.15");
	ck_assert(deliver(3));
	assert_answer(DHCP_NAK, "0.0.0.0");
	/* Not even after its guest had it and left. */
	get_lease(1, &port, "10.0.2.15");
	now += 2 * 86400 * USEC_PER_SEC;
	begin(3, DHCP_REQUEST);
	sent_addr(&m, DHCP_OPT_REQUESTED_ADDR, "10.0.2.15");
	ck_assert(deliver(3));
	assert_answer(DHCP_NAK, "0.0.0.0");
	get_lease(1, &port, "10.0.2.15");
}
END_TEST

START_TEST(guest_reserved_while_it_has_another_address_moves)
{
	get_lease(1, &port, "10.0.2.15");
	reserve("web", 1, "10.0.2.20");
	begin(1, DHCP_REQUEST);
	sent_ciaddr(&m, "10.0.2.15");
	ck_assert(deliver_from(&port, MAC(1), "10.0.2.15"));
	assert_answer(DHCP_NAK, "0.0.0.0");
	get_lease(1, &port, "10.0.2.20");
	ck_assert_int_eq(lease_by_addr(dhcp_leases(dhcp), ip("10.0.2.15"))->state, LEASE_EXPIRED);
	ck_assert_uint_eq(lease_pool_bound(dhcp_leases(dhcp)), 1);
}
END_TEST

START_TEST(reserved_guest_may_release_and_decline_and_keeps_it)
{
	reserve("web", 1, "10.0.2.20");
	get_lease(1, &port, "10.0.2.20");
	begin(1, DHCP_DECLINE);
	sent_addr(&m, DHCP_OPT_REQUESTED_ADDR, "10.0.2.20");
	ck_assert(!deliver(1));
	ck_assert_int_eq(outcome.kind, DHCP_DECLINED);
	get_lease(1, &port, "10.0.2.20");
	begin(1, DHCP_RELEASE);
	sent_ciaddr(&m, "10.0.2.20");
	ck_assert(!deliver_from(&port, MAC(1), "10.0.2.20"));
	get_lease(2, &port, "10.0.2.15");
	get_lease(1, &port, "10.0.2.20");
}
END_TEST

START_TEST(reserved_guest_is_served_when_its_ports_share_is_used_up)
{
	reserve("web", 1, "10.0.2.20");
	for (unsigned i = 2; i < 200; i++) {
		begin(i, DHCP_DISCOVER);
		(void)deliver(i);
	}
	ck_assert_uint_gt(port.count.drops[DROP_BUDGET], 0);
	get_lease(1, &port, "10.0.2.20");
}
END_TEST

START_TEST(removed_reservation_leaves_the_lease)
{
	reserve("web", 1, "10.0.2.20");
	get_lease(1, &port, "10.0.2.20");
	lease_unreserve(dhcp_leases(dhcp), MAC(1), now);
	get_lease(1, &port, "10.0.2.20");
	begin(1, DHCP_RELEASE);
	sent_ciaddr(&m, "10.0.2.20");
	ck_assert(!deliver_from(&port, MAC(1), "10.0.2.20"));
	begin(2, DHCP_DISCOVER);
	sent_addr(&m, DHCP_OPT_REQUESTED_ADDR, "10.0.2.20");
	ck_assert(deliver(2));
	assert_answer(DHCP_OFFER, "10.0.2.20");
	/* But not if its address is not available. */
	reserve("db", 3, "10.0.2.5");
	get_lease(3, &port, "10.0.2.5");
	lease_unreserve(dhcp_leases(dhcp), MAC(3), now);
	ck_assert_ptr_null(lease_by_addr(dhcp_leases(dhcp), ip("10.0.2.5")));
	begin(3, DHCP_REQUEST);
	sent_ciaddr(&m, "10.0.2.5");
	ck_assert(deliver_from(&port, MAC(3), "10.0.2.5"));
	assert_answer(DHCP_NAK, "0.0.0.0");
}
END_TEST

START_TEST(name_of_a_reservation_is_no_other_clients)
{
	static const char *const taken[] = {"web", "WEB", "web.lan", "gateway", "host"};

	reserve("web", 1, "10.0.2.20");
	for (unsigned i = 0; i < G_N_ELEMENTS(taken); i++) {
		begin(2, DHCP_REQUEST);
		sent_addr(&m, DHCP_OPT_REQUESTED_ADDR, "10.0.2.15");
		sent_option(&m, DHCP_OPT_HOSTNAME, taken[i], strlen(taken[i]));
		sent_option(&m, DHCP_OPT_FQDN, "\1\0\0web.lan", 10);
		ck_assert(deliver(2));
		assert_answer(DHCP_ACK, "10.0.2.15");
		ck_assert_str_eq(outcome.hostname, "");
		/* It is told that it has none. */
		assert_bytes(DHCP_OPT_FQDN, "\1\377\377", 3);
	}
}
END_TEST

START_TEST(fully_qualified_name_is_answered_with_the_one_in_force)
{
	reserve("web", 1, "10.0.2.20");
	/* Text, its own update asked for: overridden. */
	begin(1, DHCP_DISCOVER);
	sent_option(&m, DHCP_OPT_FQDN, "\0\0\0debian.example.org", 21);
	ck_assert(deliver(1));
	assert_bytes(DHCP_OPT_FQDN, "\3\377\377web.lan", 10);
	/* Labels; it asks for our update. */
	begin(2, DHCP_DISCOVER);
	sent_option(&m, DHCP_OPT_FQDN, "\5\0\0\6debian", 10);
	ck_assert(deliver(2));
	assert_bytes(DHCP_OPT_FQDN, "\5\377\377\6debian\3lan\0", 15);
	/* It asks for no update: it is told that there will be none (RFC 4702 4). */
	begin(2, DHCP_DISCOVER);
	sent_option(&m, DHCP_OPT_FQDN, "\10\0\0debian", 9);
	ck_assert(deliver(2));
	assert_bytes(DHCP_OPT_FQDN, "\10\377\377debian.lan", 13);
	/* With both options the name is option 12's. */
	begin(2, DHCP_DISCOVER);
	sent_option(&m, DHCP_OPT_HOSTNAME, "db", 2);
	sent_option(&m, DHCP_OPT_FQDN, "\1\0\0debian", 9);
	ck_assert(deliver(2));
	assert_bytes(DHCP_OPT_FQDN, "\1\377\377db.lan", 9);
}
END_TEST

/* --- rapid commit --- */

START_TEST(rapid_commit_binds_at_once)
{
	begin(1, DHCP_DISCOVER);
	sent_option(&m, DHCP_OPT_RAPID_COMMIT, "", 0);
	sent_option(&m, DHCP_OPT_HOSTNAME, "db", 2);
	ck_assert(deliver(1));
	assert_answer(DHCP_ACK, "10.0.2.15");
	assert_bytes(DHCP_OPT_RAPID_COMMIT, "", 0);
	ck_assert_uint_eq(dhcp_option_u32(&msg, DHCP_OPT_LEASE_TIME, 0), 86400);
	ck_assert_int_eq(outcome.kind, DHCP_GRANTED);
	ck_assert_str_eq(outcome.hostname, "db");
	ck_assert_int_eq(lease_by_addr(dhcp_leases(dhcp), ip("10.0.2.15"))->state, LEASE_BOUND);
	/* Only if it is asked for. */
	get_lease(2, &port, "10.0.2.16");
	ck_assert(!msg.present[DHCP_OPT_RAPID_COMMIT]);
}
END_TEST

/* --- options --- */

START_TEST(routes_come_with_the_default_route)
{
	static const struct user_route routes[] = {
		{{0}, 24, {0}}, {{0}, 25, {0}}, {{0}, 12, {0}}, {{0}, 32, {0}}};
	struct user_route mine[G_N_ELEMENTS(routes)];
	static const uint8_t expected[] = {24, 192, 168, 7,  10, 0,   2,  20, 25, 192, 168, 8,  128,
					   10, 0,   2,   21, 12, 172, 16, 10, 0,  2,   22,  32, 8,
					   8,  8,   8,   10, 0,  2,   23, 0,  10, 0,   2,   2};
	static const char *const nets[] = {"192.168.7.0", "192.168.8.128", "172.16.0.0", "8.8.8.8"};
	static const char *const vias[] = {"10.0.2.20", "10.0.2.21", "10.0.2.22", "10.0.2.23"};

	for (unsigned i = 0; i < G_N_ELEMENTS(mine); i++) {
		mine[i] = routes[i];
		mine[i].prefix = ip(nets[i]);
		mine[i].via = ip(vias[i]);
	}
	config.routes = mine;
	config.n_routes = G_N_ELEMENTS(mine);
	get_lease(1, &port, "10.0.2.15");
	assert_bytes(DHCP_OPT_ROUTES, expected, sizeof expected);
	assert_ip(dhcp_option_addr(&msg, DHCP_OPT_ROUTER), "10.0.2.2");
	/* A restricted network has no router, but its own routes. */
	config.restricted = true;
	get_lease(1, &port, "10.0.2.15");
	assert_bytes(DHCP_OPT_ROUTES, expected, sizeof expected - 5);
	/* One of the user's own takes the place of ours. */
	config.restricted = false;
	mine[0].len = 0;
	mine[0].prefix.s_addr = 0;
	config.n_routes = 1;
	get_lease(1, &port, "10.0.2.15");
	assert_bytes(DHCP_OPT_ROUTES, "\0\12\0\2\24", 5);
	/* The router itself has no route by itself. */
	mine[0].via = ip("10.0.2.15");
	config.restricted = true;
	get_lease(1, &port, "10.0.2.15");
	ck_assert(!msg.present[DHCP_OPT_ROUTES]);
	config.restricted = false;
	get_lease(1, &port, "10.0.2.15");
	assert_bytes(DHCP_OPT_ROUTES, "\0\12\0\2\2", 5);
	config.n_routes = 0;
	get_lease(1, &port, "10.0.2.15");
	ck_assert(!msg.present[DHCP_OPT_ROUTES]);
}
END_TEST

START_TEST(routes_are_read_and_checked)
{
	static const char *const wrong[] = {"",
					    "192.168.7.0/24",
					    "192.168.7.0;10.0.2.20",
					    "192.168.7.1/24;10.0.2.20",
					    "192.168.7.0/33;10.0.2.20",
					    "192.168.7.0/24;",
					    "192.168.7.0/24;web",
					    "fd00::/8;fd00::1"};
	struct user_route route;

	ck_assert(user_route_parse("192.168.7.0/24;10.0.2.20", &route, NULL));
	ck_assert_uint_eq(route.len, 24);
	assert_ip(route.prefix, "192.168.7.0");
	assert_ip(route.via, "10.0.2.20");
	config.routes = &route;
	config.n_routes = 1;
	ck_assert(user_route_check(&config, NULL));
	ck_assert(user_route_parse("0.0.0.0/0;10.0.2.20", &route, NULL));
	ck_assert_uint_eq(route.len, 0);
	for (unsigned i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autoptr(GError) error = NULL;

		ck_assert_msg(!user_route_parse(wrong[i], &route, &error), "%s", wrong[i]);
		ck_assert_ptr_nonnull(strstr(error->message, wrong[i]));
	}
	route.via = ip("10.0.3.1");
	ck_assert(!user_route_check(&config, NULL));
	route.via = ip("10.0.2.255");
	ck_assert(!user_route_check(&config, NULL));
	route.via = ip("10.0.2.20");
	config.n_routes = USER_ROUTES_MAX + 1;
	ck_assert(!user_route_check(&config, NULL));
}
END_TEST

START_TEST(time_servers_are_told)
{
	struct in_addr ntp[] = {ip("10.0.2.2"), ip("192.0.2.123"), {0}};

	get_lease(1, &port, "10.0.2.15");
	ck_assert(!msg.present[DHCP_OPT_NTP]);
	config.ntp = ntp;
	get_lease(1, &port, "10.0.2.15");
	assert_bytes(DHCP_OPT_NTP, ntp, 8);
}
END_TEST

START_TEST(boot_server_is_the_one_that_is_named)
{
	config.bootfile = "http://10.0.2.2/boot.ipxe";
	get_lease(1, &port, "10.0.2.15");
	assert_ip(msg.siaddr, "10.0.2.2");
	ck_assert_str_eq((char *)msg.file, "http://10.0.2.2/boot.ipxe");
	config.tftp_server_name = "10.0.2.30";
	get_lease(1, &port, "10.0.2.15");
	assert_ip(msg.siaddr, "10.0.2.30");
	assert_text(DHCP_OPT_TFTP_NAME, "10.0.2.30");
	config.tftp_server_name = "boot";
	get_lease(1, &port, "10.0.2.15");
	assert_ip(msg.siaddr, "10.0.2.2");
}
END_TEST

START_TEST(search_list_has_the_domain_too)
{
	static const char *const search[] = {"example.org", NULL};

	config.dnssearch = search;
	get_lease(1, &port, "10.0.2.15");
	assert_bytes(DHCP_OPT_SEARCH, "\3lan\0\7example\3org", 18);
}
END_TEST

START_TEST(hosts_search_list_comes_last)
{
	static const char *const search[] = {"example.org", NULL};
	static const char *const host[] = {"LAN", "corp.example", "Example.org", NULL};

	config.host_search = host;
	get_lease(1, &port, "10.0.2.15");
	assert_bytes(DHCP_OPT_SEARCH, "\3lan\0\4corp\7example\0\7Example\3org", 32);
	config.dnssearch = search;
	get_lease(1, &port, "10.0.2.15");
	assert_bytes(DHCP_OPT_SEARCH, "\3lan\0\7example\3org\0\4corp\7example", 32);
}
END_TEST

/* --- addresses in use without a lease --- */

static struct in_addr squatted[3];

static bool in_use(void *data, struct in_addr addr, mac_t mac)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(squatted); i++)
		if (squatted[i].s_addr == addr.s_addr && mac != MAC(9))
			return true;
	return false;
}

START_TEST(address_of_a_guest_configured_by_hand_is_not_given)
{
	squatted[0] = ip("10.0.2.15");
	squatted[1] = ip("10.0.2.17");
	squatted[2].s_addr = 0;
	lease_pool_set_in_use(dhcp_leases(dhcp), in_use, NULL);
	get_lease(1, &port, "10.0.2.16");
	begin(2, DHCP_DISCOVER);
	sent_addr(&m, DHCP_OPT_REQUESTED_ADDR, "10.0.2.17");
	ck_assert(deliver(2));
	assert_answer(DHCP_OFFER, "10.0.2.18");
	begin(2, DHCP_REQUEST);
	sent_addr(&m, DHCP_OPT_REQUESTED_ADDR, "10.0.2.17");
	ck_assert(deliver(2));
	assert_answer(DHCP_NAK, "0.0.0.0");
	/* It is free again when the other has left and its rest is over. */
	squatted[0].s_addr = squatted[1].s_addr = 0;
	now += LEASE_DECLINE_REST + 1;
	begin(3, DHCP_DISCOVER);
	sent_addr(&m, DHCP_OPT_REQUESTED_ADDR, "10.0.2.17");
	ck_assert(deliver(3));
	assert_answer(DHCP_OFFER, "10.0.2.17");
}
END_TEST

START_TEST(returning_guest_whose_address_is_used_gets_another)
{
	get_lease(1, &port, "10.0.2.15");
	now += 2 * 86400 * USEC_PER_SEC;
	squatted[0] = ip("10.0.2.15");
	squatted[1].s_addr = squatted[2].s_addr = 0;
	lease_pool_set_in_use(dhcp_leases(dhcp), in_use, NULL);
	get_lease(1, &port, "10.0.2.16");
	/* A client that leases it keeps it, whatever others say. */
	squatted[0] = ip("10.0.2.16");
	get_lease(1, &port, "10.0.2.16");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dhcp_names");
	TCase *tc = tcase_create("dhcp_names");

	tcase_add_checked_fixture(tc, begin_names, end_names);
	tcase_add_test(tc, reserved_guest_gets_its_address_and_its_name);
	tcase_add_test(tc, reserved_address_may_lie_outside_the_pool);
	tcase_add_test(tc, reservation_holds_for_any_client_identifier);
	tcase_add_test(tc, nobody_else_gets_a_reserved_address);
	tcase_add_test(tc, guest_reserved_while_it_has_another_address_moves);
	tcase_add_test(tc, reserved_guest_may_release_and_decline_and_keeps_it);
	tcase_add_test(tc, reserved_guest_is_served_when_its_ports_share_is_used_up);
	tcase_add_test(tc, removed_reservation_leaves_the_lease);
	tcase_add_test(tc, name_of_a_reservation_is_no_other_clients);
	tcase_add_test(tc, fully_qualified_name_is_answered_with_the_one_in_force);
	tcase_add_test(tc, rapid_commit_binds_at_once);
	tcase_add_test(tc, routes_come_with_the_default_route);
	tcase_add_test(tc, routes_are_read_and_checked);
	tcase_add_test(tc, time_servers_are_told);
	tcase_add_test(tc, boot_server_is_the_one_that_is_named);
	tcase_add_test(tc, search_list_has_the_domain_too);
	tcase_add_test(tc, hosts_search_list_comes_last);
	tcase_add_test(tc, address_of_a_guest_configured_by_hand_is_not_given);
	tcase_add_test(tc, returning_guest_whose_address_is_used_gets_another);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
