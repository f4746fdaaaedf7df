/* SPDX-License-Identifier: BSD-3-Clause */
#include "guardbed.h"

START_TEST(reserved_address_is_only_its_guests)
{
	reserve("web", MAC_B, "10.0.2.20", NULL);
	arp(MAC_A, MAC_A, "10.0.2.20");
	assert_refused(DROP_SPOOFED);
	ck_assert_ptr_null(by_v4("10.0.2.20"));
	arp(MAC_B, MAC_B, "10.0.2.20");
	ck_assert(pass());
	ck_assert_ptr_nonnull(by_v4("10.0.2.20"));
	ck_assert(reservation_remove(network->reservations, "web"));
	arp(MAC_A, MAC_A, "10.0.2.20");
	ck_assert(pass());
}
END_TEST

START_TEST(reserved_mac_is_refused_at_another_netdev)
{
	struct netdev lan = {.id = (char *)"lan"}, wan = {.id = (char *)"wan"};

	reserve("web", MAC_A, NULL, "lan");
	a.port.netdev = &wan;
	(void)plain_frame(&t, MAC_B, MAC_A);
	assert_refused(DROP_SPOOFED);
	(void)plain_frame(&t, MAC_A, MAC_B);
	ck_assert(pass());
	a.port.netdev = &lan;
	(void)plain_frame(&t, MAC_B, MAC_A);
	ck_assert(pass());
	a.port.netdev = NULL;
}
END_TEST

START_TEST(source_must_be_a_single_address_and_not_the_gateways)
{
	static const mac_t sources[] = {0, MAC_BROADCAST, UINT64_C(0x01005e000001), MAC_GATEWAY};

	for (unsigned i = 0; i < G_N_ELEMENTS(sources); i++) {
		(void)plain_frame(&t, MAC_B, sources[i]);
		assert_refused(DROP_BAD_SOURCE);
	}
	(void)plain_frame(&t, MAC_B, MAC_A);
	ck_assert(pass());
}
END_TEST

START_TEST(arp_shows_a_guest)
{
	arp(MAC_A, MAC_A, "10.0.2.50");
	ck_assert(pass());
	ck_assert_ptr_nonnull(by_v4("10.0.2.50"));
	ck_assert_uint_eq(by_v4("10.0.2.50")->mac, MAC_A);
	ck_assert_ptr_eq(by_v4("10.0.2.50")->port, &a.port);
}
END_TEST

START_TEST(arp_probe_claims_nothing)
{
	arp(MAC_A, MAC_A, "0.0.0.0");
	ck_assert(pass());
	ck_assert_uint_eq(guest_count(network->guests), 0);
}
END_TEST

START_TEST(arp_for_the_gateways_addresses_is_refused)
{
	arp(MAC_A, MAC_A, "10.0.2.2");
	assert_refused(DROP_SPOOFED);
	arp(MAC_A, MAC_A, "10.0.2.3");
	assert_refused(DROP_SPOOFED);
	/* Nor may anybody say that the gateway's MAC is at another address. */
	arp(MAC_A, MAC_GATEWAY, "10.0.2.50");
	assert_refused(DROP_SPOOFED);
	ck_assert_uint_eq(guest_count(network->guests), 0);
}
END_TEST

START_TEST(arp_for_an_address_leased_to_another_is_refused)
{
	struct guest *holder = guest_seen(network->guests, MAC_B, &b.port, 0);

	guest_set_v4(network->guests, holder, (struct in_addr){inet_addr("10.0.2.15")}, true);
	arp(MAC_A, MAC_A, "10.0.2.15");
	assert_refused(DROP_SPOOFED);
	ck_assert_ptr_eq(by_v4("10.0.2.15"), holder);
}
END_TEST

START_TEST(arp_spoken_for_another_does_not_move_that_guest)
{
	struct guest *other = guest_seen(network->guests, MAC_B, &b.port, 0);

	arp(MAC_A, MAC_B, "10.0.2.50");
	ck_assert(pass());
	ck_assert_ptr_eq(other->port, &b.port);
	ck_assert_ptr_null(by_v4("10.0.2.50"));
}
END_TEST

START_TEST(arp_cut_anywhere_is_truncated)
{
	arp(MAC_A, MAC_A, "10.0.2.50");
	for (size_t len = ETH_HEADER; len < ETH_HEADER + 28; len++) {
		t.len = len;
		assert_refused(DROP_TRUNCATED);
	}
	ck_assert_uint_eq(guest_count(network->guests), 0);
}
END_TEST

START_TEST(arp_of_another_kind_is_malformed)
{
	static const size_t fields[] = {0, 2, 4, 5};

	for (unsigned i = 0; i < G_N_ELEMENTS(fields); i++) {
		arp(MAC_A, MAC_A, "10.0.2.50");
		t.room[FRAME_PREFIX + ETH_HEADER + fields[i]] ^= 0x40;
		assert_refused(DROP_MALFORMED);
	}
}
END_TEST

static void udp4(uint16_t src, uint16_t dst, uint8_t op)
{
	put_ethernet(&t, MAC_B, MAC_A, ETHERTYPE_V4);
	put_ip4(&t, IPPROTO_UDP, "10.0.2.15", "10.0.2.16");
	put_udp(&t, src, dst);
	put8(&t, op);
}

START_TEST(dhcp_servers_are_refused_and_clients_and_relays_pass)
{
	udp4(67, 68, 2);
	assert_refused(DROP_ROGUE_SERVER);
	/* Whatever the source port: clients do not look at it. */
	udp4(4000, 68, 2);
	assert_refused(DROP_ROGUE_SERVER);
	udp4(67, 67, 2);
	assert_refused(DROP_ROGUE_SERVER);
	udp4(67, 4000, 2);
	assert_refused(DROP_ROGUE_SERVER);
	udp4(68, 67, 1);
	ck_assert(pass());
	udp4(67, 67, 1);
	ck_assert(pass());
	udp4(5000, 53, 0);
	ck_assert(pass());
}
END_TEST

START_TEST(dhcp_server_behind_ip_options_is_refused)
{
	put_ethernet(&t, MAC_B, MAC_A, ETHERTYPE_V4);
	put_ip4(&t, IPPROTO_UDP, "10.0.2.15", "10.0.2.16");
	t.room[FRAME_PREFIX + ETH_HEADER] = 0x4f;
	put_bytes(&t, NULL, 40);
	put_udp(&t, 67, 68);
	assert_refused(DROP_ROGUE_SERVER);
	t.len = ETH_HEADER + 50;
	assert_refused(DROP_TRUNCATED);
	t.len = ETH_HEADER + 63;
	assert_refused(DROP_TRUNCATED);
}
END_TEST

START_TEST(later_fragments_have_no_ports_to_look_at)
{
	udp4(67, 68, 2);
	t.room[FRAME_PREFIX + ETH_HEADER + 7] = 1;
	ck_assert(pass());
}
END_TEST

START_TEST(ip_header_cut_short_is_truncated)
{
	for (size_t len = ETH_HEADER; len < ETH_HEADER + 24; len++) {
		udp4(5000, 5000, 0);
		t.len = len;
		assert_refused(DROP_TRUNCATED);
	}
	for (size_t len = ETH_HEADER; len < ETH_HEADER + 40; len++) {
		put_ethernet(&t, MAC_B, MAC_A, ETHERTYPE_V6);
		put_ip6(&t, IPPROTO_TCP, "fec0::15", "fec0::16");
		t.len = len;
		assert_refused(DROP_TRUNCATED);
	}
}
END_TEST

START_TEST(router_advertisements_and_redirects_are_refused)
{
	nd(ND_ROUTER_ADVERT_, "fe80::15", "::");
	assert_refused(DROP_ROGUE_SERVER);
	nd(ND_REDIRECT_, "fe80::15", "::");
	assert_refused(DROP_ROGUE_SERVER);
	nd(ND_ROUTER_SOLICIT, "fe80::15", "::");
	ck_assert(pass());
	nd(128, "fe80::15", "::");
	ck_assert(pass());
}
END_TEST

START_TEST(dhcpv6_servers_are_refused)
{
	put_ethernet(&t, MAC_B, MAC_A, ETHERTYPE_V6);
	put_ip6(&t, IPPROTO_UDP, "fe80::15", "fe80::16");
	put_udp(&t, 547, 546);
	assert_refused(DROP_ROGUE_SERVER);
}
END_TEST

START_TEST(router_advertisement_behind_extension_headers_is_refused)
{
	static const uint8_t kinds[] = {IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_FRAGMENT,
					IPPROTO_DSTOPTS, IPPROTO_AH,      IPPROTO_MH};

	for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
		put_ethernet(&t, MAC_B, MAC_A, ETHERTYPE_V6);
		put_ip6(&t, IPPROTO_DSTOPTS, "fe80::15", "ff02::1");
		put8(&t, kinds[i]);
		put8(&t, 1);
		put_bytes(&t, NULL, 14);
		put8(&t, IPPROTO_ICMPV6);
		/* AH counts its length in words of 4 less 2 (RFC 4302 2.2). */
		put8(&t, 0);
		put_bytes(&t, NULL, 6);
		put_neighbour(&t, ND_ROUTER_ADVERT_, "::");
		assert_refused(DROP_ROGUE_SERVER);
	}
}
END_TEST

START_TEST(first_fragment_without_its_whole_header_chain_is_refused)
{
	put_ethernet(&t, MAC_B, MAC_A, ETHERTYPE_V6);
	put_ip6(&t, IPPROTO_FRAGMENT, "fe80::15", "ff02::1");
	put8(&t, IPPROTO_DSTOPTS);
	put_bytes(&t, NULL, 7);
	put8(&t, IPPROTO_ICMPV6);
	put8(&t, 0);
	put_bytes(&t, NULL, 6);
	assert_refused(DROP_TRUNCATED);
	/* A later fragment has no chain. */
	t.room[FRAME_PREFIX + ETH_HEADER + 40 + 3] = 8;
	ck_assert(pass());
}
END_TEST

START_TEST(endless_extension_headers_are_malformed)
{
	put_ethernet(&t, MAC_B, MAC_A, ETHERTYPE_V6);
	put_ip6(&t, IPPROTO_DSTOPTS, "fe80::15", "ff02::1");
	for (unsigned i = 0; i <= DISSECT_MAX_EXTENSIONS; i++) {
		put8(&t, IPPROTO_DSTOPTS);
		put_bytes(&t, NULL, 7);
	}
	assert_refused(DROP_MALFORMED);
}
END_TEST

START_TEST(neighbour_discovery_shows_a_guest)
{
	nd(ND_NEIGHBOR_SOLICIT_, "fe80::15", "fec0::2");
	ck_assert(pass());
	nd(ND_NEIGHBOR_ADVERT_, "fe80::15", "fec0::15");
	ck_assert(pass());
	ck_assert_ptr_nonnull(by_v6("fe80::15"));
	ck_assert_ptr_eq(by_v6("fe80::15"), by_v6("fec0::15"));
	ck_assert_uint_eq(by_v6("fec0::15")->mac, MAC_A);
	/* Duplicate address detection asks from ::, and claims nothing yet. */
	nd(ND_NEIGHBOR_SOLICIT_, "::", "fec0::77");
	ck_assert(pass());
	ck_assert_ptr_null(by_v6("fec0::77"));
}
END_TEST

START_TEST(neighbour_discovery_for_the_gateways_address_is_refused)
{
	nd(ND_NEIGHBOR_ADVERT_, "fe80::15", "fec0::2");
	assert_refused(DROP_SPOOFED);
	nd(ND_NEIGHBOR_SOLICIT_, "fec0::2", "fec0::15");
	assert_refused(DROP_SPOOFED);
	nd(ND_ROUTER_SOLICIT, "fec0::2", "::");
	assert_refused(DROP_SPOOFED);
}
END_TEST

START_TEST(neighbour_discovery_cut_anywhere_is_truncated)
{
	for (unsigned type = ND_NEIGHBOR_SOLICIT_; type <= ND_NEIGHBOR_ADVERT_; type++) {
		for (size_t len = 0; len < 24; len++) {
			nd((uint8_t)type, "fe80::15", "fec0::15");
			t.len = ETH_HEADER + 40 + len;
			assert_refused(DROP_TRUNCATED);
		}
	}
}
END_TEST

START_TEST(rogues_behind_tags_and_snap_are_refused)
{
	for (unsigned n = 0; n <= DISSECT_MAX_TAGS; n++) {
		nd(ND_ROUTER_ADVERT_, "fe80::15", "::");
		tag(n);
		assert_refused(DROP_ROGUE_SERVER);
		udp4(67, 68, 2);
		tag(n);
		assert_refused(DROP_ROGUE_SERVER);
		arp(MAC_A, MAC_A, "10.0.2.2");
		tag(n);
		assert_refused(DROP_SPOOFED);
	}
	(void)plain_frame(&t, MAC_B, MAC_A);
	tag(DISSECT_MAX_TAGS);
	ck_assert(pass());
	tag(1);
	assert_refused(DROP_MALFORMED);
	put_ethernet(&t, MAC_B, MAC_A, ETHERTYPE_CTAG);
	assert_refused(DROP_TRUNCATED);
	put_ethernet(&t, MAC_B, MAC_A, 36);
	put_bytes(&t, (const uint8_t[]){0xaa, 0xaa, 3, 0, 0, 0, 0x08, 0x06}, 8);
	put_arp(&t, 2, MAC_A, "10.0.2.2", "10.0.2.15");
	assert_refused(DROP_SPOOFED);
}
END_TEST

START_TEST(guests_of_a_vlan_are_not_noted)
{
	arp(MAC_A, MAC_A, "10.0.2.50");
	tag(1);
	ck_assert(pass());
	ck_assert_uint_eq(guest_count(network->guests), 0);
}
END_TEST

START_TEST(network_without_gateway_lets_servers_behind_a_port_serve_it)
{
	guard_clear_gateway(network->guard);
	udp4(67, 68, 2);
	ck_assert(pass());
	nd(ND_ROUTER_ADVERT_, "fe80::15", "::");
	ck_assert(pass());
	arp(MAC_A, MAC_A, "10.0.2.2");
	ck_assert(pass());
}
END_TEST

START_TEST(common_frames_need_no_look)
{
	struct frame f = plain_frame(&t, MAC_B, MAC_A);

	ck_assert(!guard_must_see(&f));
	udp4(5000, 53, 0);
	f = finish(&t);
	ck_assert(!guard_must_see(&f));
	put_ethernet(&t, MAC_B, MAC_A, ETHERTYPE_V6);
	put_ip6(&t, IPPROTO_TCP, "fec0::15", "fec0::16");
	put_bytes(&t, NULL, 20);
	f = finish(&t);
	ck_assert(!guard_must_see(&f));
}
END_TEST

START_TEST(flood_budget_is_used_up_and_comes_back_with_time)
{
	usec_t now = USEC_PER_SEC;

	a.port.flood_at = now;
	ck_assert_uint_eq(guard_flood_budget(&a.port, 30000, now), 30000);
	ck_assert_uint_eq(guard_flood_budget(&a.port, 30000, now), 10000);
	ck_assert_uint_eq(guard_flood_budget(&a.port, 1, now), 0);
	now += USEC_PER_SEC / 2;
	ck_assert_uint_eq(guard_flood_budget(&a.port, 30000, now), 10000);
	now += 60 * USEC_PER_SEC;
	ck_assert_uint_eq(guard_flood_budget(&a.port, 100000, now), 40000);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("guard");
	TCase *tcase = tcase_create("guard");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, reserved_address_is_only_its_guests);
	tcase_add_test(tcase, reserved_mac_is_refused_at_another_netdev);
	tcase_add_test(tcase, source_must_be_a_single_address_and_not_the_gateways);
	tcase_add_test(tcase, arp_shows_a_guest);
	tcase_add_test(tcase, arp_probe_claims_nothing);
	tcase_add_test(tcase, arp_for_the_gateways_addresses_is_refused);
	tcase_add_test(tcase, arp_for_an_address_leased_to_another_is_refused);
	tcase_add_test(tcase, arp_spoken_for_another_does_not_move_that_guest);
	tcase_add_test(tcase, arp_cut_anywhere_is_truncated);
	tcase_add_test(tcase, arp_of_another_kind_is_malformed);
	tcase_add_test(tcase, dhcp_servers_are_refused_and_clients_and_relays_pass);
	tcase_add_test(tcase, dhcp_server_behind_ip_options_is_refused);
	tcase_add_test(tcase, later_fragments_have_no_ports_to_look_at);
	tcase_add_test(tcase, ip_header_cut_short_is_truncated);
	tcase_add_test(tcase, router_advertisements_and_redirects_are_refused);
	tcase_add_test(tcase, dhcpv6_servers_are_refused);
	tcase_add_test(tcase, router_advertisement_behind_extension_headers_is_refused);
	tcase_add_test(tcase, first_fragment_without_its_whole_header_chain_is_refused);
	tcase_add_test(tcase, endless_extension_headers_are_malformed);
	tcase_add_test(tcase, neighbour_discovery_shows_a_guest);
	tcase_add_test(tcase, neighbour_discovery_for_the_gateways_address_is_refused);
	tcase_add_test(tcase, neighbour_discovery_cut_anywhere_is_truncated);
	tcase_add_test(tcase, rogues_behind_tags_and_snap_are_refused);
	tcase_add_test(tcase, guests_of_a_vlan_are_not_noted);
	tcase_add_test(tcase, network_without_gateway_lets_servers_behind_a_port_serve_it);
	tcase_add_test(tcase, common_frames_need_no_look);
	tcase_add_test(tcase, flood_budget_is_used_up_and_comes_back_with_time);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
