/* SPDX-License-Identifier: BSD-3-Clause */
#include "guardbed.h"

/* Both ports are on the switch, and each has sent from its own MAC. */
static void plug_in(void)
{
	struct frame f;

	vswitch_add_port(network->vswitch, &a.port);
	vswitch_add_port(network->vswitch, &b.port);
	f = plain_frame(&t, MAC_BROADCAST, MAC_A);
	vswitch_input(&a.port, &f, 1);
	f = plain_frame(&t, MAC_BROADCAST, MAC_B);
	vswitch_input(&b.port, &f, 1);
}

static void from_v4(const char *src, uint8_t protocol)
{
	put_ethernet(&t, MAC_B, MAC_A, ETHERTYPE_V4);
	put_ip4(&t, protocol, src, "10.0.2.16");
	put_bytes(&t, NULL, 40);
}

static void from_v6(const char *src)
{
	put_ethernet(&t, MAC_B, MAC_A, ETHERTYPE_V6);
	put_ip6(&t, IPPROTO_TCP, src, "fec0::16");
	put_bytes(&t, NULL, 20);
}

/* The guest of MAC_B at b has these, by its own word. */
static struct guest *hold(const char *v4, const char *v6)
{
	struct guest *guest = guest_seen(network->guests, MAC_B, &b.port, loop_now(loop));
	struct in6_addr addr;

	if (v4)
		ck_assert(guest_set_v4(network->guests, guest, (struct in_addr){inet_addr(v4)},
				       false));
	if (v6) {
		ck_assert_int_eq(inet_pton(AF_INET6, v6, &addr), 1);
		ck_assert(guest_add_v6(network->guests, guest, &addr));
	}
	return guest;
}

static unsigned n_troubles(enum trouble_kind kind)
{
	unsigned n = 0;

	list_for_each (trouble, troubles_list(network->troubles), struct trouble, link)
		n += trouble->kind == kind;
	return n;
}

START_TEST(mac_of_a_living_port_is_refused_to_a_port_with_another)
{
	plug_in();
	(void)plain_frame(&t, MAC_BROADCAST, MAC_B);
	assert_refused(DROP_SPOOFED);
	ck_assert_ptr_eq(vswitch_lookup(network->vswitch, MAC_B), &b.port);
	ck_assert_uint_eq(n_troubles(TROUBLE_MAC_CONFLICT), 1);
	b.port.link_up = false;
	ck_assert(pass());
	b.port.link_up = true;
	vswitch_remove_port(&b.port);
	ck_assert(pass());
}
END_TEST

START_TEST(mac_of_a_silent_guest_is_refused_too)
{
	vswitch_add_port(network->vswitch, &a.port);
	vswitch_add_port(network->vswitch, &b.port);
	a.port.first_mac = MAC_A;
	(void)hold(NULL, NULL);
	(void)plain_frame(&t, MAC_BROADCAST, MAC_B);
	assert_refused(DROP_SPOOFED);
}
END_TEST

START_TEST(newcomer_brings_the_mac_of_a_guest_that_was_replugged)
{
	plug_in();
	a.port.first_mac = 0;
	(void)plain_frame(&t, MAC_BROADCAST, MAC_B);
	ck_assert(pass());
	ck_assert_uint_eq(a.port.first_mac, MAC_B);
	ck_assert(pass());
}
END_TEST

START_TEST(reserved_mac_stays_whoever_comes)
{
	reserve("web", MAC_B, NULL, NULL);
	plug_in();
	a.port.first_mac = 0;
	(void)plain_frame(&t, MAC_BROADCAST, MAC_B);
	assert_refused(DROP_SPOOFED);
	vswitch_remove_port(&b.port);
	ck_assert(pass());
}
END_TEST

START_TEST(claims_of_addresses_of_a_living_guest_are_refused)
{
	struct guest *holder;

	plug_in();
	holder = hold("10.0.2.50", "fec0::50");
	arp(MAC_A, MAC_A, "10.0.2.50");
	assert_refused(DROP_SPOOFED);
	nd(ND_NEIGHBOR_ADVERT_, "fe80::15", "fec0::50");
	assert_refused(DROP_SPOOFED);
	nd(ND_NEIGHBOR_SOLICIT_, "fec0::50", "fec0::2");
	assert_refused(DROP_SPOOFED);
	ck_assert_ptr_eq(by_v4("10.0.2.50"), holder);
	ck_assert_ptr_eq(by_v6("fec0::50"), holder);
	ck_assert_uint_eq(n_troubles(TROUBLE_ADDRESS_CONFLICT), 1);
	/* A probe asks whether somebody has it (RFC 5227, RFC 4862 5.4). */
	arp(MAC_A, MAC_A, "0.0.0.0");
	ck_assert(pass());
	nd(ND_NEIGHBOR_SOLICIT_, "::", "fec0::50");
	ck_assert(pass());
	guest_forget_port(network->guests, &b.port);
	arp(MAC_A, MAC_A, "10.0.2.50");
	ck_assert(pass());
	nd(ND_NEIGHBOR_ADVERT_, "fe80::15", "fec0::50");
	ck_assert(pass());
}
END_TEST

START_TEST(packets_from_an_address_of_a_living_guest_are_refused)
{
	plug_in();
	(void)hold("10.0.2.50", "fec0::50");
	from_v4("10.0.2.50", IPPROTO_TCP);
	assert_refused(DROP_SPOOFED);
	from_v6("fec0::50");
	assert_refused(DROP_SPOOFED);
	from_v4("10.0.2.51", IPPROTO_TCP);
	ck_assert(pass());
	from_v4("0.0.0.0", IPPROTO_UDP);
	ck_assert(pass());
	from_v6("2001:db8::1");
	ck_assert(pass());
	b.port.link_up = false;
	from_v4("10.0.2.50", IPPROTO_TCP);
	ck_assert(pass());
}
END_TEST

START_TEST(packets_from_a_reserved_address_are_refused)
{
	reserve("web", MAC_B, "10.0.2.20", NULL);
	from_v4("10.0.2.20", IPPROTO_UDP);
	assert_refused(DROP_SPOOFED);
}
END_TEST

START_TEST(dhcp_client_may_ask_from_an_address_that_it_lost)
{
	plug_in();
	(void)hold("10.0.2.50", NULL);
	put_ethernet(&t, MAC_BROADCAST, MAC_A, ETHERTYPE_V4);
	put_ip4(&t, IPPROTO_UDP, "10.0.2.50", "255.255.255.255");
	put_udp(&t, 68, 67);
	put8(&t, 1);
	ck_assert(pass());
	put_ethernet(&t, MAC_BROADCAST, MAC_A, ETHERTYPE_V4);
	put_ip4(&t, IPPROTO_UDP, "10.0.2.2", "255.255.255.255");
	put_udp(&t, 68, 67);
	put8(&t, 1);
	assert_refused(DROP_SPOOFED);
}
END_TEST

START_TEST(packets_in_the_gateways_name_are_refused)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP};

	for (unsigned i = 0; i < G_N_ELEMENTS(protocols); i++) {
		for (unsigned tags = 0; tags <= DISSECT_MAX_TAGS; tags++) {
			from_v4("10.0.2.2", protocols[i]);
			tag(tags);
			assert_refused(DROP_SPOOFED);
		}
	}
	from_v6("fec0::2");
	assert_refused(DROP_SPOOFED);
}
END_TEST

START_TEST(icmp_redirects_are_refused_whoever_says_he_sends_them)
{
	static const uint8_t types[] = {ICMP_REDIRECT_, ICMP_ROUTER_ADVERT_};

	for (unsigned i = 0; i < G_N_ELEMENTS(types); i++) {
		from_v4("10.0.2.15", IPPROTO_ICMP);
		t.room[FRAME_PREFIX + ETH_HEADER + 20] = types[i];
		assert_refused(DROP_ROGUE_SERVER);
		tag(1);
		assert_refused(DROP_ROGUE_SERVER);
	}
	from_v4("10.0.2.15", IPPROTO_ICMP);
	t.room[FRAME_PREFIX + ETH_HEADER + 20] = 8;
	ck_assert(pass());
}
END_TEST

START_TEST(address_behind_a_port_of_many_is_held_while_it_is_heard)
{
	plug_in();
	for (unsigned i = 0; i < GUEST_FEW; i++)
		guest_seen(network->guests, MAC_B + 16 + i, &b.port, loop_now(loop));
	(void)hold("10.0.2.50", NULL);
	from_v4("10.0.2.50", IPPROTO_TCP);
	assert_refused(DROP_SPOOFED);
	/* Its stations are forgotten, as when they aged; its guests are not. */
	vswitch_remove_port(&b.port);
	vswitch_add_port(network->vswitch, &b.port);
	ck_assert(pass());
}
END_TEST

START_TEST(guard_off_lets_addresses_move_but_for_leased_ones)
{
	struct netdev vrrp = {.id = (char *)"vrrp", .unguarded = true};
	struct guest *holder;

	plug_in();
	holder = hold("10.0.2.50", NULL);
	a.port.netdev = &vrrp;
	arp(MAC_A, MAC_A, "10.0.2.50");
	ck_assert(pass());
	ck_assert_ptr_ne(by_v4("10.0.2.50"), holder);
	guest_set_v4(network->guests, holder, (struct in_addr){inet_addr("10.0.2.15")}, true);
	arp(MAC_A, MAC_A, "10.0.2.15");
	assert_refused(DROP_SPOOFED);
	from_v4("10.0.2.2", IPPROTO_TCP);
	assert_refused(DROP_SPOOFED);
	a.port.netdev = NULL;
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("guard_hold");
	TCase *tcase = tcase_create("guard_hold");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, mac_of_a_living_port_is_refused_to_a_port_with_another);
	tcase_add_test(tcase, mac_of_a_silent_guest_is_refused_too);
	tcase_add_test(tcase, newcomer_brings_the_mac_of_a_guest_that_was_replugged);
	tcase_add_test(tcase, reserved_mac_stays_whoever_comes);
	tcase_add_test(tcase, claims_of_addresses_of_a_living_guest_are_refused);
	tcase_add_test(tcase, packets_from_an_address_of_a_living_guest_are_refused);
	tcase_add_test(tcase, packets_from_a_reserved_address_are_refused);
	tcase_add_test(tcase, dhcp_client_may_ask_from_an_address_that_it_lost);
	tcase_add_test(tcase, packets_in_the_gateways_name_are_refused);
	tcase_add_test(tcase, icmp_redirects_are_refused_whoever_says_he_sends_them);
	tcase_add_test(tcase, address_behind_a_port_of_many_is_held_while_it_is_heard);
	tcase_add_test(tcase, guard_off_lets_addresses_move_but_for_leased_ones);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
