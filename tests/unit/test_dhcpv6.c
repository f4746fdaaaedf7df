/* SPDX-License-Identifier: BSD-3-Clause */
#include "dhcpv6bed.h"
#include "run_suite.h"

START_TEST(information_is_given)
{
	static const char *const search[] = {"example.org", "LAN", NULL};
	static const char *const host[] = {"lan", "corp", NULL};
	static const uint8_t day[] = {0, 1, 0x51, 0x80};

	config.domainname = "lan";
	config.dnssearch = search;
	config.host_search = host;
	begin(11);
	option(1, their_duid, sizeof their_duid);
	ck_assert(deliver());
	assert_type(7);
	assert_option(1, their_duid, sizeof their_duid);
	assert_option(2, our_duid, sizeof our_duid);
	assert_option(23, &config.dns6, 16);
	assert_option(24, "\3lan\0\7example\3org\0\4corp", 24);
	assert_option(32, day, 4);
	ck_assert_mem_eq(&answer.src, &dhcpv6.link_local, 16);
}
END_TEST

START_TEST(client_without_identifier_is_served_too)
{
	begin(11);
	ck_assert(deliver());
	assert_absent(1);
	assert_option(23, &config.dns6, 16);
	assert_absent(24);
}
END_TEST

START_TEST(what_is_asked_for_is_told)
{
	static const uint8_t wanted[] = {0, 24, 0, 31};

	config.domainname = "lan";
	begin(11);
	option(6, wanted, sizeof wanted);
	ck_assert(deliver());
	assert_absent(23);
	assert_option(24, "\3lan", 5);
}
END_TEST

START_TEST(closed_network_names_its_name_server)
{
	config.restricted = true;
	begin(11);
	ck_assert(deliver());
	assert_option(23, &config.dns6, 16);
}
END_TEST

START_TEST(gateways_own_address_is_answered)
{
	flow.dst = "fe80::2";
	begin(11);
	ck_assert(deliver());
	flow.src = "fec0::15";
	flow.dst = "fec0::2";
	ck_assert(deliver());
	ck_assert_mem_eq(&answer.src, &config.host6, 16);
}
END_TEST

START_TEST(other_datagrams_are_not_for_us)
{
	static const struct ends others[] = {
		{true, "fe80::1", "ff02::1:2", 546, 548},
		{true, "fe80::1", "ff02::1", 546, 547},
		{true, "fe80::1", "fec0::99", 546, 547},
		{false, "10.0.2.15", "10.0.2.2", 546, 547},
	};

	begin(11);
	for (unsigned i = 0; i < G_N_ELEMENTS(others); i++) {
		size_t len = put_udp(frame, &others[i], message, message_len);
		struct packet packet = parsed(frame, len);

		ck_assert(!dhcpv6_is_for_us(&dhcpv6, &packet));
	}
}
END_TEST

START_TEST(who_asks_for_an_address_is_told_that_there_are_none)
{
	static const uint8_t na[] = {1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 13, 0, 2, 0, 2};
	static const uint8_t ta[] = {1, 2, 3, 4, 0, 13, 0, 2, 0, 2};
	static const uint8_t pd[] = {1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 13, 0, 2, 0, 6};

	begin(1);
	option(1, their_duid, sizeof their_duid);
	option(3, ia, sizeof ia);
	option(4, ia, 4);
	option(25, ia, sizeof ia);
	ck_assert(deliver());
	assert_type(2);
	assert_option(3, na, sizeof na);
	assert_option(4, ta, sizeof ta);
	assert_option(25, pd, sizeof pd);
	assert_option(23, &config.dns6, 16);
	assert_absent(32);
	begin(3);
	option(1, their_duid, sizeof their_duid);
	option(2, our_duid, sizeof our_duid);
	option(3, ia, sizeof ia);
	ck_assert(deliver());
	assert_type(7);
	assert_option(3, na, sizeof na);
}
END_TEST

START_TEST(who_has_an_address_from_elsewhere_is_told_that_we_know_of_none)
{
	static const uint8_t unknown[] = {1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 13, 0, 2, 0, 3};
	static const uint8_t types[] = {5, 8, 9};

	for (unsigned i = 0; i < sizeof types; i++) {
		begin(types[i]);
		option(1, their_duid, sizeof their_duid);
		option(2, our_duid, sizeof our_duid);
		option(3, ia, sizeof ia);
		ck_assert(deliver());
		assert_type(7);
		assert_option(3, unknown, sizeof unknown);
		if (types[i] != 5)
			assert_option(13, "\0\0", 2);
	}
	begin(6);
	option(1, their_duid, sizeof their_duid);
	option(3, ia, sizeof ia);
	ck_assert(deliver());
	assert_option(3, unknown, sizeof unknown);
}
END_TEST

START_TEST(unicast_is_sent_to_the_multicast_address)
{
	flow.dst = "fe80::2";
	begin(3);
	option(1, their_duid, sizeof their_duid);
	option(2, our_duid, sizeof our_duid);
	option(3, ia, sizeof ia);
	ck_assert(deliver());
	assert_option(13, "\0\5", 2);
	assert_absent(3);
	begin(1);
	option(1, their_duid, sizeof their_duid);
	ck_assert(!deliver());
	ck_assert_int_eq(outcome.why, DROP_MALFORMED);
}
END_TEST

START_TEST(messages_that_must_be_discarded_are)
{
	static const struct {
		uint8_t type;
		bool client, server, association;
		enum drop_reason why;
	} wrong[] = {
		{1, false, false, true, DROP_MALFORMED},   /* no client id */
		{1, true, true, true, DROP_MALFORMED},     /* to a server that it cannot know yet */
		{3, true, false, true, DROP_MALFORMED},    /* to none */
		{3, false, true, true, DROP_MALFORMED},    /* no client id */
		{6, true, true, true, DROP_MALFORMED},     /* rebinds with a server id */
		{11, true, false, true, DROP_MALFORMED},   /* asks for addresses nevertheless */
		{4, true, false, true, DROP_N_REASONS},    /* confirm */
		{2, true, true, false, DROP_ROGUE_SERVER}, /* a server's */
		{7, true, true, false, DROP_ROGUE_SERVER},
		{10, true, true, false, DROP_ROGUE_SERVER},
		{13, false, false, false, DROP_ROGUE_SERVER},
		{12, false, false, false, DROP_UNSUPPORTED}, /* a relay's */
		{0, true, false, false, DROP_UNSUPPORTED},
		{200, true, false, false, DROP_UNSUPPORTED},
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(wrong); i++) {
		begin(wrong[i].type);
		if (wrong[i].client)
			option(1, their_duid, sizeof their_duid);
		if (wrong[i].server)
			option(2, our_duid, sizeof our_duid);
		if (wrong[i].association)
			option(3, ia, sizeof ia);
		ck_assert_msg(!deliver(), "%u", i);
		ck_assert_int_eq(outcome.why, wrong[i].why);
	}
	/* To another server. */
	begin(11);
	option(2, their_duid, sizeof their_duid);
	ck_assert(!deliver());
	ck_assert_int_eq(outcome.why, DROP_N_REASONS);
}
END_TEST

START_TEST(message_cut_short_anywhere_is_refused)
{
	size_t whole, ends[4], n = 0;

	begin(1);
	ends[n++] = message_len;
	option(1, their_duid, sizeof their_duid);
	ends[n++] = message_len;
	option(3, ia, sizeof ia);
	ends[n++] = message_len;
	option(6, "\0\27", 2);
	whole = message_len;
	ck_assert(deliver());
	for (message_len = 0; message_len < whole; message_len++) {
		bool between = false;

		for (size_t i = 0; i < n; i++)
			between |= message_len == ends[i];
		ck_assert(deliver() == (between && message_len > 4));
		if (!between)
			ck_assert_int_eq(outcome.why, DROP_TRUNCATED);
	}
}
END_TEST

START_TEST(option_of_a_wrong_length_is_refused)
{
	static const struct {
		uint16_t code;
		size_t len;
	} wrong[] = {{1, 0}, {1, 2}, {1, 131}, {2, 131}, {3, 11}, {4, 3}, {25, 4}, {6, 3}};
	static const uint8_t zeros[200];

	for (unsigned i = 0; i < G_N_ELEMENTS(wrong); i++) {
		begin(11);
		option(wrong[i].code, zeros, wrong[i].len);
		ck_assert(!deliver());
	}
	begin(11);
	option(1, zeros, 130);
	ck_assert(deliver());
}
END_TEST

START_TEST(many_associations_are_answered_within_bounds)
{
	begin(1);
	option(1, their_duid, sizeof their_duid);
	for (unsigned i = 0; i < 80; i++)
		option(3, ia, sizeof ia);
	ck_assert(deliver());
}
END_TEST

START_TEST(search_list_too_long_for_an_answer_is_left_out)
{
	const char *search[60];
	char name[60];

	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	for (unsigned i = 0; i < 59; i++)
		search[i] = name;
	search[59] = NULL;
	config.dnssearch = (const char *const *)search;
	begin(11);
	ck_assert(deliver());
	assert_option(23, &config.dns6, 16);
}
END_TEST

START_TEST(wrong_checksum_is_refused)
{
	size_t len;
	struct packet packet;

	begin(11);
	len = put_udp(frame, &flow, message, message_len);
	frame[60] ^= 1;
	packet = parsed(frame, len);
	ck_assert_uint_eq(dhcpv6_answer(&dhcpv6, &port, &packet, now, out, &outcome), 0);
	ck_assert_int_eq(outcome.why, DROP_MALFORMED);
	packet_put16(frame + 60, 0);
	packet = parsed(frame, len);
	ck_assert_uint_eq(dhcpv6_answer(&dhcpv6, &port, &packet, now, out, &outcome), 0);
}
END_TEST

START_TEST(source_that_nobody_can_be_answered_at_is_refused)
{
	static const char *const sources[] = {"::", "::1", "ff02::1"};

	for (unsigned i = 0; i < G_N_ELEMENTS(sources); i++) {
		flow.src = sources[i];
		begin(11);
		ck_assert(!deliver());
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dhcpv6");
	TCase *tc = tcase_create("dhcpv6");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, information_is_given);
	tcase_add_test(tc, client_without_identifier_is_served_too);
	tcase_add_test(tc, what_is_asked_for_is_told);
	tcase_add_test(tc, closed_network_names_its_name_server);
	tcase_add_test(tc, gateways_own_address_is_answered);
	tcase_add_test(tc, other_datagrams_are_not_for_us);
	tcase_add_test(tc, who_asks_for_an_address_is_told_that_there_are_none);
	tcase_add_test(tc, who_has_an_address_from_elsewhere_is_told_that_we_know_of_none);
	tcase_add_test(tc, unicast_is_sent_to_the_multicast_address);
	tcase_add_test(tc, messages_that_must_be_discarded_are);
	tcase_add_test(tc, message_cut_short_anywhere_is_refused);
	tcase_add_test(tc, option_of_a_wrong_length_is_refused);
	tcase_add_test(tc, many_associations_are_answered_within_bounds);
	tcase_add_test(tc, search_list_too_long_for_an_answer_is_left_out);
	tcase_add_test(tc, wrong_checksum_is_refused);
	tcase_add_test(tc, source_that_nobody_can_be_answered_at_is_refused);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
