/* SPDX-License-Identifier: BSD-3-Clause */
#include "vswitchbed.h"

#include "net/guard.h"
#include "run_suite.h"

START_TEST(broadcast_multicast_and_unknown_go_to_all_but_the_sender)
{
	input(&a, MAC_BROADCAST, MAC_A);
	input(&a, UINT64_C(0x01005e000001), MAC_A);
	input(&a, MAC_B, MAC_A);
	ck_assert_uint_eq(a.n, 0);
	ck_assert_uint_eq(b.n, 3);
	ck_assert_uint_eq(c.n, 3);
}
END_TEST

START_TEST(known_station_gets_its_frames_alone)
{
	learn_all();
	input(&a, MAC_B, MAC_A);
	ck_assert_uint_eq(b.n, 1);
	ck_assert_uint_eq(c.n, 0);
	ck_assert_ptr_eq(vswitch_lookup(network->vswitch, MAC_B), &b.port);
}
END_TEST

START_TEST(frame_for_a_station_behind_its_own_port_goes_nowhere)
{
	learn_all();
	input(&a, MAC_BROADCAST, MAC_C + 1);
	fakeport_clear(&b);
	input(&a, MAC_C + 1, MAC_A);
	ck_assert_uint_eq(a.n + b.n, 0);
}
END_TEST

START_TEST(run_for_one_port_is_one_send_in_order_and_uncopied)
{
	struct frame f[8];

	learn_all();
	for (unsigned i = 0; i < 8; i++)
		f[i] = plain_frame(&t[i], i < 6 ? MAC_B : MAC_C, MAC_A);
	vswitch_input(&a.port, f, 8);
	ck_assert_uint_eq(b.sends, 1);
	ck_assert_uint_eq(b.n, 6);
	for (unsigned i = 0; i < 6; i++)
		ck_assert_ptr_eq(b.frames[i].data, f[i].data);
	ck_assert_uint_eq(c.sends, 1);
	ck_assert_uint_eq(c.n, 2);
	ck_assert_uint_eq(b.port.count.tx_frames, 6);
	ck_assert_uint_eq(b.port.count.tx_bytes, 6 * 64);
	ck_assert_uint_eq(a.port.count.rx_frames, 8);
	ck_assert_uint_eq(a.port.count.rx_bytes, 8 * 64);
}
END_TEST

START_TEST(run_goes_on_over_other_addresses_at_the_same_port)
{
	struct frame f[4];

	learn_all();
	input(&b, MAC_A, MAC_B + 16);
	for (unsigned i = 0; i < 4; i++)
		f[i] = plain_frame(&t[i], i % 2 ? MAC_B : MAC_B + 16, i < 2 ? MAC_A : MAC_A + 16);
	vswitch_input(&a.port, f, 4);
	ck_assert_uint_eq(b.sends, 1);
	ck_assert_uint_eq(b.n, 4);
	ck_assert_ptr_eq(vswitch_lookup(network->vswitch, MAC_A + 16), &a.port);
}
END_TEST

START_TEST(runts_and_giants_are_counted_one_by_one)
{
	struct frame f[5];

	learn_all();
	for (unsigned i = 0; i < 5; i++)
		f[i] = plain_frame(&t[i], MAC_B, MAC_A);
	f[1].len = FRAME_MIN - 1;
	f[2].len = 0;
	f[3].len = FRAME_MAX + 1;
	vswitch_input(&a.port, f, 5);
	ck_assert_uint_eq(b.n, 2);
	ck_assert_ptr_eq(b.frames[1].data, f[4].data);
	ck_assert_uint_eq(b.port.count.tx_bytes, 128);
	ck_assert_uint_eq(a.port.count.drops[DROP_RUNT], 2);
	ck_assert_uint_eq(a.port.count.drops[DROP_OVERSIZE], 1);
}
END_TEST

START_TEST(guard_sees_a_claim_in_the_middle_of_a_run)
{
	struct frame f[4];

	guard_set_gateway_mac(network->guard, MAC_C + 99);
	learn_all();
	for (unsigned i = 0; i < 4; i++)
		f[i] = plain_frame(&t[i], MAC_B, MAC_A);
	put_ethernet(&t[2], MAC_B, MAC_A, ETHERTYPE_V4);
	put_ip4(&t[2], IPPROTO_UDP, "10.0.2.2", "10.0.2.15");
	put_udp(&t[2], 67, 68);
	f[2] = finish(&t[2]);
	vswitch_input(&a.port, f, 4);
	ck_assert_uint_eq(b.n, 3);
	ck_assert_ptr_eq(b.frames[2].data, f[3].data);
	ck_assert_uint_eq(a.port.count.drops[DROP_ROGUE_SERVER], 1);
	/* The gateway itself may. */
	a.port.trusted = true;
	vswitch_input(&a.port, f, 4);
	ck_assert_uint_eq(b.n, 7);
}
END_TEST

START_TEST(refused_source_is_not_learned)
{
	guard_set_gateway_mac(network->guard, MAC_C);
	input(&a, MAC_BROADCAST, MAC_C);
	ck_assert_uint_eq(b.n, 0);
	ck_assert_ptr_null(vswitch_lookup(network->vswitch, MAC_C));
	ck_assert_uint_eq(a.port.count.drops[DROP_BAD_SOURCE], 1);
}
END_TEST

START_TEST(flush_comes_once_a_turn_and_only_to_whom_was_sent)
{
	learn_all();
	run_loop(0);
	b.flushes = c.flushes = 0;
	for (unsigned i = 0; i < 5; i++)
		input(&a, MAC_B, MAC_A);
	ck_assert_uint_eq(b.flushes, 0);
	run_loop(0);
	ck_assert_uint_eq(b.flushes, 1);
	ck_assert_uint_eq(c.flushes, 0);
}
END_TEST

START_TEST(port_alone_has_no_receiver)
{
	netdev_remove_port(&b.port);
	port_set_link(&c.port, false);
	input(&a, MAC_BROADCAST, MAC_A);
	ck_assert_uint_eq(a.port.count.drops[DROP_NO_RECEIVER], 1);
}
END_TEST

START_TEST(flood_stays_in_its_budget)
{
	learn_all();
	a.port.flood_tokens = 2;
	a.port.flood_at = loop_now(loop);
	for (unsigned i = 0; i < 5; i++)
		input(&a, MAC_BROADCAST, MAC_A);
	ck_assert_uint_eq(b.n, 2);
	ck_assert_uint_eq(a.port.count.drops[DROP_FLOOD], 3);
	ck_assert_uint_eq(b.port.count.tx_bytes, 2 * 64);
	/* Frames that are not flooded do not use it up. */
	input(&a, MAC_B, MAC_A);
	ck_assert_uint_eq(b.n, 3);
}
END_TEST

START_TEST(full_share_of_stations_is_counted_and_the_frame_still_goes)
{
	learn_all();
	for (unsigned i = 0; i < STATION_MAX_PER_PORT + 9; i++)
		input(&a, MAC_B, MAC_A + 0x10000 + i);
	ck_assert_uint_eq(b.n, STATION_MAX_PER_PORT + 9);
	ck_assert_uint_eq(a.port.count.drops[DROP_STATIONS], 10);
	ck_assert_uint_eq(a.port.n_stations, STATION_MAX_PER_PORT);
}
END_TEST

START_TEST(link_down_lets_nothing_in_or_out)
{
	learn_all();
	netdev_set_link(&lan, false);
	port_set_link(&a.port, true);
	input(&b, MAC_A, MAC_B);
	ck_assert_uint_eq(a.n, 0);
	ck_assert_uint_eq(b.port.count.drops[DROP_LINK_DOWN], 1);
	input(&a, MAC_B, MAC_A);
	ck_assert_uint_eq(b.n, 0);
	ck_assert_uint_eq(b.port.count.drops[DROP_LINK_DOWN], 2);
	netdev_set_link(&lan, true);
	input(&a, MAC_B, MAC_A);
	ck_assert_uint_eq(b.n, 1);
}
END_TEST

START_TEST(removed_port_is_forgotten_and_its_station_unknown)
{
	learn_all();
	netdev_remove_port(&b.port);
	ck_assert_ptr_null(vswitch_lookup(network->vswitch, MAC_B));
	input(&a, MAC_B, MAC_A);
	ck_assert_uint_eq(b.n, 0);
	ck_assert_uint_eq(c.n, 1);
	/* Again, and input to it: harmless. */
	netdev_remove_port(&b.port);
	input(&b, MAC_A, MAC_B);
	ck_assert_uint_eq(a.n, 0);
}
END_TEST

/* --- network and netdev --- */

struct witness {
	struct network_observer observer;
	unsigned up, down, joined, left, drained;
};

static void note(struct network_observer *observer, const struct network_event *event)
{
	struct witness *w = container_of(observer, struct witness, observer);

	ck_assert_ptr_eq(event->netdev, &lan);
	w->up += event->kind == NETWORK_PORT_UP;
	w->down += event->kind == NETWORK_PORT_DOWN;
	w->joined += event->kind == NETWORK_GUEST_JOINED;
	w->left += event->kind == NETWORK_GUEST_LEFT;
	if (event->kind == NETWORK_PORT_DRAINED) {
		ck_assert_ptr_eq(event->port, &b.port);
		ck_assert(!b.port.congested);
		w->drained++;
	}
}

START_TEST(observers_are_told_of_ports_and_guests)
{
	struct witness w = {.observer.event = note};
	struct frame f;

	network_observe(network, &w.observer);
	put_ethernet(&t[0], MAC_BROADCAST, MAC_A, ETHERTYPE_ARP_);
	put_arp(&t[0], 1, MAC_A, "10.0.2.50", "10.0.2.2");
	f = finish(&t[0]);
	vswitch_input(&a.port, &f, 1);
	ck_assert_uint_eq(w.joined, 1);
	netdev_remove_port(&a.port);
	ck_assert_uint_eq(w.left, 1);
	ck_assert_uint_eq(w.down, 1);
	netdev_add_port(&lan, &a.port, &fakeport_ops, NULL);
	ck_assert_uint_eq(w.up, 1);
	ck_assert_str_eq(a.port.name, "lan.4");
	list_remove(&w.observer.link);
}
END_TEST

START_TEST(observers_are_told_once_that_a_port_has_drained_even_if_it_dropped)
{
	struct witness w = {.observer.event = note};

	network_observe(network, &w.observer);
	for (unsigned i = 0; i < 2; i++) {
		port_set_congested(&b.port, true);
		if (i == 1)
			port_stalled(&b.port.stall);
		ck_assert_uint_eq(w.drained, i);
		port_set_congested(&b.port, false);
		port_set_congested(&b.port, false);
		ck_assert_uint_eq(w.drained, i + 1);
	}
	list_remove(&w.observer.link);
}
END_TEST

START_TEST(netdevs_and_ports_are_found_by_name)
{
	ck_assert_ptr_eq(network_find_netdev(network, "lan"), &lan);
	ck_assert_ptr_null(network_find_netdev(network, "LAN"));
	ck_assert_ptr_eq(network_find_port(network, "lan.2"), &b.port);
	ck_assert_ptr_null(network_find_port(network, "lan"));
	ck_assert_str_eq(a.port.peer, "peer of a");
}
END_TEST

START_TEST(id_is_well_formed_and_free)
{
	static const char *const bad[] = {"", "1lan", "-", "la n", "lan,", "l\xc3\xa4n", "lan"};

	for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GError) error = NULL;

		ck_assert(!netdev_check_id(network, bad[i], &error));
		ck_assert_ptr_nonnull(strstr(error->message, bad[i]));
	}
	ck_assert(netdev_check_id(network, "Lan-1.x_y", NULL));
}
END_TEST

START_TEST(every_drop_reason_has_a_name_of_its_own)
{
	for (unsigned i = 0; i < DROP_N_REASONS; i++) {
		ck_assert_ptr_nonnull(drop_reason_name(i));
		for (unsigned j = 0; j < i; j++)
			ck_assert_str_ne(drop_reason_name(i), drop_reason_name(j));
	}
}
END_TEST

START_TEST(isolated_ports_reach_trusted_ones_only)
{
	learn_all();
	netdev_set_isolate(&lan, "on");
	c.port.trusted = true;
	input(&a, MAC_B, MAC_A);
	ck_assert_uint_eq(a.port.count.drops[DROP_ISOLATED], 1);
	input(&a, MAC_C, MAC_A);
	input(&a, MAC_BROADCAST, MAC_A);
	ck_assert_uint_eq(b.n, 0);
	ck_assert_uint_eq(c.n, 2);
	input(&c, MAC_BROADCAST, MAC_C);
	ck_assert_uint_eq(a.n + b.n, 2);
	netdev_set_isolate(&lan, "off");
	input(&a, MAC_B, MAC_A);
	ck_assert_uint_eq(b.n, 2);
}
END_TEST

START_TEST(ports_reach_those_of_their_group)
{
	learn_all();
	netdev_set_isolate(&lan, "red");
	netdev_set_isolate(&lan, NULL);
	a.port.group = b.port.group = g_quark_from_static_string("red");
	input(&a, MAC_B, MAC_A);
	input(&a, MAC_C, MAC_A);
	input(&a, MAC_BROADCAST, MAC_A);
	ck_assert_uint_eq(b.n, 2);
	ck_assert_uint_eq(c.n, 0);
	/* Nobody else is there for it. */
	input(&c, MAC_BROADCAST, MAC_C);
	ck_assert_uint_eq(c.port.count.drops[DROP_NO_RECEIVER], 1);
}
END_TEST

START_TEST(isolated_network_is_of_those_that_say_nothing)
{
	learn_all();
	vswitch_set_isolated(network->vswitch, true);
	input(&a, MAC_B, MAC_A);
	ck_assert_uint_eq(b.n, 0);
	a.port.group = b.port.group = PORT_GROUP_OPEN;
	input(&a, MAC_B, MAC_A);
	ck_assert_uint_eq(b.n, 1);
	vswitch_set_isolated(network->vswitch, false);
	input(&a, MAC_C, MAC_A);
	ck_assert_uint_eq(c.n, 1);
}
END_TEST

/* Between the same two MACs, TCP. */
static struct frame tcp_from(struct testframe *frame, const char *src)
{
	put_ethernet(frame, MAC_B, MAC_A, ETHERTYPE_V4);
	put_ip4(frame, IPPROTO_TCP, src, "10.0.2.16");
	put_bytes(frame, NULL, 40);
	return finish(frame);
}

START_TEST(source_that_changes_within_a_run_is_looked_at)
{
	struct frame f[4];

	learn_all();
	guard_protect_v4(network->guard, (struct in_addr){inet_addr("10.0.2.2")});
	f[0] = tcp_from(&t[0], "10.0.2.15");
	f[1] = tcp_from(&t[1], "10.0.2.2");
	f[2] = tcp_from(&t[2], "10.0.2.15");
	f[3] = tcp_from(&t[3], "10.0.2.2");
	vswitch_input(&a.port, f, 4);
	ck_assert_uint_eq(b.n, 2);
	ck_assert_uint_eq(a.port.count.drops[DROP_SPOOFED], 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vswitch");
	TCase *tcase = tcase_create("vswitch");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, broadcast_multicast_and_unknown_go_to_all_but_the_sender);
	tcase_add_test(tcase, known_station_gets_its_frames_alone);
	tcase_add_test(tcase, frame_for_a_station_behind_its_own_port_goes_nowhere);
	tcase_add_test(tcase, run_for_one_port_is_one_send_in_order_and_uncopied);
	tcase_add_test(tcase, run_goes_on_over_other_addresses_at_the_same_port);
	tcase_add_test(tcase, runts_and_giants_are_counted_one_by_one);
	tcase_add_test(tcase, guard_sees_a_claim_in_the_middle_of_a_run);
	tcase_add_test(tcase, refused_source_is_not_learned);
	tcase_add_test(tcase, flush_comes_once_a_turn_and_only_to_whom_was_sent);
	tcase_add_test(tcase, port_alone_has_no_receiver);
	tcase_add_test(tcase, flood_stays_in_its_budget);
	tcase_add_test(tcase, full_share_of_stations_is_counted_and_the_frame_still_goes);
	tcase_add_test(tcase, link_down_lets_nothing_in_or_out);
	tcase_add_test(tcase, removed_port_is_forgotten_and_its_station_unknown);
	tcase_add_test(tcase, observers_are_told_of_ports_and_guests);
	tcase_add_test(tcase, observers_are_told_once_that_a_port_has_drained_even_if_it_dropped);
	tcase_add_test(tcase, netdevs_and_ports_are_found_by_name);
	tcase_add_test(tcase, id_is_well_formed_and_free);
	tcase_add_test(tcase, every_drop_reason_has_a_name_of_its_own);
	tcase_add_test(tcase, isolated_ports_reach_trusted_ones_only);
	tcase_add_test(tcase, ports_reach_those_of_their_group);
	tcase_add_test(tcase, isolated_network_is_of_those_that_say_nothing);
	tcase_add_test(tcase, source_that_changes_within_a_run_is_looked_at);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
