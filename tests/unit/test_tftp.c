/* SPDX-License-Identifier: BSD-3-Clause */
#include <sys/stat.h>

#include "run_suite.h"
#include "tftpbed.h"

START_TEST(blocks_follow_one_another_to_a_short_one)
{
	uint8_t content[1300];

	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (uint8_t)(i * 7);
	write_file("boot.img", content, sizeof(content));
	ask("boot.img", "");
	expect_data(1, 512);
	ck_assert_mem_eq(message + 4, content, 512);
	ack(1);
	expect_data(2, 512);
	ck_assert_mem_eq(message + 4, content + 512, 512);
	ack(2);
	expect_data(3, 276);
	ck_assert_mem_eq(message + 4, content + 1024, 276);
	ck_assert_uint_eq(tftp_transfers(tftp), 1);
	ack(3);
	ck_assert(!answered());
	ck_assert_uint_eq(tftp_transfers(tftp), 0);
}
END_TEST

START_TEST(a_multiple_of_the_block_ends_with_an_empty_one)
{
	static const uint8_t content[1024];

	write_file("f", content, sizeof(content));
	write_file("empty", "", 0);
	ask("f", "");
	expect_data(1, 512);
	ack(1);
	expect_data(2, 512);
	ack(2);
	expect_data(3, 0);
	ack(3);
	ask("empty", "");
	expect_data(1, 0);
	ack(1);
	ck_assert_uint_eq(tftp_transfers(tftp), 0);
}
END_TEST

START_TEST(options_are_granted_within_what_a_packet_holds)
{
	static const uint8_t content[3000];

	write_file("f", content, sizeof(content));
	ask("f", "BLKSIZE\0001468\0tsize\0000\0windowsize\0004\0timeout\0003\0multicast\0\0");
	expect_oack("blksize\0001468\0tsize\0003000\0timeout\0003\0windowsize\0004\0");
	ck_assert(!answered());
	ack(0);
	expect_data(1, 1468);
	expect_data(2, 1468);
	expect_data(3, 64);
	ack(3);
	ck_assert_uint_eq(tftp_transfers(tftp), 0);
	ask("f", "blksize\00065464\0windowsize\0001000\0");
	expect_oack("blksize\0001468\0windowsize\00032\0");
	serve(9000);
	ask("f", "blksize\00065464\0");
	expect_oack("blksize\0008968\0");
}
END_TEST

START_TEST(over_ipv6_a_block_is_smaller)
{
	write_file("f", "hello", 5);
	to = (struct ends){true, "fe80::15", "fe80::2", GUEST, TFTP_PORT};
	ask("f", "blksize\0001468\0");
	expect_oack("blksize\0001448\0");
	ack(0);
	expect_data(1, 5);
	ack(1);
	ck_assert_uint_eq(tftp_transfers(tftp), 0);
}
END_TEST

START_TEST(options_out_of_range_are_left_out)
{
	write_file("f", "hello", 5);
	ask("f", "blksize\0007\0timeout\000256\0windowsize\0000\0");
	expect_data(1, 5);
	ack(1);
	ask("f", "timeout\0x\0blksize\0008\0");
	expect_oack("blksize\0008\0");
	ack(0);
	expect_data(1, 5);
	ack(1);
	ask("f", "blksize\0001000"); /* without its end */
	expect_data(1, 5);
}
END_TEST

START_TEST(a_client_that_only_wanted_the_size_ends_the_transfer)
{
	write_file("f", "hello", 5);
	ask("f", "tsize\0000\0blksize\0001468\0");
	expect_oack("blksize\0001468\0tsize\0005\0");
	say("\0\5\0\10aborted\0");
	ck_assert(!answered());
	ck_assert_uint_eq(tftp_transfers(tftp), 0);
	to.sport = GUEST + 1;
	ask("f", "blksize\0001468\0");
	expect_oack("blksize\0001468\0");
	ack(0);
	expect_data(1, 5);
}
END_TEST

START_TEST(block_numbers_begin_again_behind_65535)
{
	g_autofree uint8_t *content = g_malloc0(8 * 65540 + 3);
	unsigned block = 0;

	content[8 * 65540 + 2] = 0x5a;
	write_file("large", content, 8 * 65540 + 3);
	ask("large", "blksize\0008\0windowsize\00032\0");
	expect_oack("blksize\0008\0windowsize\00032\0");
	ack(0);
	/* An assertion for each would take a minute under valgrind. */
	for (block = 1; block <= 65541; block++) {
		const struct frame *f = &outbox.frames[seen++];
		const uint8_t *data = f->data + ETH_HEADER + 28;

		if (packet_u16(data + 2) != (uint16_t)block ||
		    packet_u16(f->data + ETH_HEADER + 2) != 28 + 4 + (block <= 65540 ? 8 : 3))
			ck_abort_msg("block %u", block);
		if (block % 32 == 0) {
			seen = 0;
			outbox.n = 0;
			outbox.used = 0;
			ack((uint16_t)block);
		}
		message = data;
	}
	ck_assert_uint_eq(message[4 + 2], 0x5a);
	ack((uint16_t)65541);
	ck_assert_uint_eq(tftp_transfers(tftp), 0);
}
END_TEST

START_TEST(what_was_lost_of_a_window_is_sent_again)
{
	static const uint8_t content[80];

	write_file("f", content, sizeof(content));
	ask("f", "blksize\0008\0windowsize\0004\0");
	expect_oack("blksize\0008\0windowsize\0004\0");
	ack(0);
	for (unsigned i = 1; i <= 4; i++)
		expect_data((uint16_t)i, 8);
	ack(2); /* 3 was lost */
	for (unsigned i = 3; i <= 6; i++)
		expect_data((uint16_t)i, 8);
	ack(2); /* another copy; the window sent just now answers it */
	ck_assert(!answered());
	now += 60 * USEC_PER_MSEC;
	ack(2);
	for (unsigned i = 3; i <= 6; i++)
		expect_data((uint16_t)i, 8);
	ack(1); /* outside the window */
	ack(7);
	ck_assert(!answered());
	ack(6);
	for (unsigned i = 7; i <= 10; i++)
		expect_data((uint16_t)i, 8);
	ack(10);
	expect_data(11, 0);
	ack(11);
	ck_assert_uint_eq(tftp_transfers(tftp), 0);
}
END_TEST

START_TEST(many_acks_in_a_turn_ask_for_one_window)
{
	static const uint8_t content[800];

	write_file("f", content, sizeof(content));
	ask("f", "blksize\0008\0windowsize\0004\0");
	expect_oack("blksize\0008\0windowsize\0004\0");
	ack(0);
	for (unsigned i = 1; i <= 4; i++)
		expect_data((uint16_t)i, 8);
	ack(1);
	for (unsigned i = 2; i <= 5; i++)
		expect_data((uint16_t)i, 8);
	ack_at_once(2);
	ack_at_once(5);
	ck_assert(!answered());
	ck_assert_int_eq(tftp_next(tftp), now);
	tftp_run(tftp, ++now);
	for (unsigned i = 6; i <= 9; i++)
		expect_data((uint16_t)i, 8);
	ck_assert(!answered());
	ck_assert_int_gt(tftp_next(tftp), now);
}
END_TEST

START_TEST(a_second_copy_of_an_ack_sends_nothing)
{
	static const uint8_t content[2000];

	write_file("f", content, sizeof(content));
	ask("f", "");
	expect_data(1, 512);
	ack(1);
	expect_data(2, 512);
	now += USEC_PER_SEC / 2;
	ack(1);
	ck_assert(!answered());
}
END_TEST

START_TEST(silence_is_met_with_repeats_and_then_the_end)
{
	static const unsigned waits[] = {1, 2, 4, 8, 8};

	write_file("f", "hello", 5);
	ask("f", "");
	expect_data(1, 5);
	for (unsigned i = 0; i < G_N_ELEMENTS(waits); i++) {
		pass(waits[i] * USEC_PER_SEC - 1);
		ck_assert(!answered());
		ck_assert_int_eq(tftp_next(tftp), now + 1);
		pass(1);
		expect_data(1, 5);
	}
	pass(8 * USEC_PER_SEC);
	ck_assert(!answered());
	ck_assert_uint_eq(tftp_transfers(tftp), 0);
	pass(TFTP_LINGER);
	ck_assert_int_eq(tftp_next(tftp), INT64_MAX);
}
END_TEST

START_TEST(the_clients_timeout_is_heeded)
{
	write_file("f", "hello", 5);
	ask("f", "timeout\0003\0");
	expect_oack("timeout\0003\0");
	for (unsigned i = 0; i < 3; i++) {
		pass(3 * USEC_PER_SEC - 1);
		ck_assert(!answered());
		pass(1);
		expect_oack("timeout\0003\0");
	}
	ack(0);
	expect_data(1, 5);
}
END_TEST

START_TEST(a_repeated_request_is_answered_by_the_same_transfer)
{
	uint16_t first;

	write_file("f", "hello", 5);
	write_file("g", "good", 4);
	ask("f", "");
	expect_data(1, 5);
	first = to.dport;
	ask("f", "");
	expect_data(1, 5);
	ck_assert_uint_eq(to.dport, first);
	ck_assert_uint_eq(tftp_transfers(tftp), 1);
	ask("g", ""); /* another one begins anew */
	expect_data(1, 4);
	ck_assert_uint_eq(tftp_transfers(tftp), 1);
}
END_TEST

START_TEST(late_datagrams_of_a_transfer_stay_its_own)
{
	static const struct ends elsewhere = {false, "10.0.2.16", "10.0.2.2", GUEST, 50000};
	struct packet packet;

	write_file("f", "hello", 5);
	ask("f", "");
	expect_data(1, 5);
	ack(1);
	ack(1);
	ck_assert(!answered());
	packet = packet_of("\0\4\0\1", 4);
	ck_assert(tftp_takes(tftp, &packet));
	pass(TFTP_LINGER);
	packet = packet_of("\0\4\0\1", 4);
	ck_assert(!tftp_takes(tftp, &packet));
	ask("f", "");
	expect_data(1, 5);
	to.src = elsewhere.src;
	packet = packet_of("\0\4\0\1", 4);
	ck_assert(!tftp_takes(tftp, &packet));
}
END_TEST

START_TEST(netascii_ends_lines_as_the_wire_does)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (unsigned i = 0; i < 511; i++)
		g_string_append_c(text, 'x');
	g_string_append(text, "\nab\rc\n"); /* CR in the first block, LF in the second */
	write_file("text", text->str, text->len);
	to.dport = TFTP_PORT;
	say("\0\1text\0NetASCII\0tsize\0000\0");
	expect_data(1, 512);
	ck_assert_uint_eq(message[4 + 511], '\r');
	pass(TFTP_RETRY);
	expect_data(1, 512);
	ack(1);
	expect_data(2, 8);
	ck_assert_mem_eq(message + 4, "\nab\r\0c\r\n", 8);
	pass(TFTP_RETRY);
	expect_data(2, 8);
	ck_assert_mem_eq(message + 4, "\nab\r\0c\r\n", 8);
	ack(2);
	ck_assert_uint_eq(tftp_transfers(tftp), 0);
}
END_TEST

START_TEST(only_regular_files_beneath_the_directory_are_served)
{
	g_autofree char *secret = g_build_filename(dir, "secret", NULL);
	g_autofree char *inside = g_build_filename(served, "sub", NULL);
	g_autofree char *link = g_build_filename(served, "link", NULL);
	g_autofree char *folder_link = g_build_filename(served, "up", NULL);
	g_autofree char *own_link = g_build_filename(served, "own", NULL);
	g_autofree char *fifo = g_build_filename(served, "fifo", NULL);

	ck_assert(g_file_set_contents(secret, "secret", -1, NULL));
	ck_assert_int_eq(g_mkdir(inside, 0700), 0);
	write_file("sub/f", "hello", 5);
	ck_assert_int_eq(symlink(secret, link), 0);
	ck_assert_int_eq(symlink("..", folder_link), 0);
	ck_assert_int_eq(symlink("sub/f", own_link), 0);
	ck_assert_int_eq(mkfifo(fifo, 0600), 0);

	ask("sub/f", "");
	expect_data(1, 5);
	ask("//sub//f", "");
	expect_data(1, 5);
	ask("\\sub\\f", "");
	expect_data(1, 5);
	ask("sub/../sub/f", "");
	expect_data(1, 5);
	ask("absent", "");
	expect_error(1, "File not found");
	ask("sub/f/g", "");
	expect_error(1, "File not found");
	ask("../secret", "");
	expect_error(2, "Access violation: outside the served directory");
	ask("/../secret", "");
	expect_error(2, "Access violation: outside the served directory");
	ask("link", "");
	expect_error(2, "Access violation: symbolic links are not served");
	ask("up/secret", "");
	expect_error(2, "Access violation: symbolic links are not served");
	ask("own", "");
	expect_error(2, "Access violation: symbolic links are not served");
	ask("fifo", "");
	expect_error(2, "Access violation: not a regular file");
	ask("sub", "");
	expect_error(2, "Access violation: not a regular file");
	ask("/", "");
	expect_error(2, "Access violation: not a regular file");
}
END_TEST

START_TEST(other_requests_are_refused_with_a_text)
{
	to.dport = TFTP_PORT;
	say("\0\2new\0octet\0");
	expect_error(2, "Access violation: this server is read-only");
	to.dport = TFTP_PORT;
	say("\0\1f\0mail\0");
	expect_error(4, "Illegal operation: the mode must be octet or netascii");
	to.dport = TFTP_PORT;
	say("\0\1f\0octet"); /* no end */
	expect_error(4, "Illegal operation: not a request");
	to.dport = TFTP_PORT;
	say("\0\1\0octet\0");
	expect_error(4, "Illegal operation: not a request");
	to.dport = TFTP_PORT;
	say("\0\4\0\1");
	expect_error(4, "Illegal operation: not a request");
	/* An error is never answered. */
	to.dport = TFTP_PORT;
	say("\0\5\0\1x\0");
	say("\0");
	say("");
	ck_assert(!answered());
	ck_assert_uint_eq(port.count.drops[DROP_MALFORMED], 6);
}
END_TEST

START_TEST(one_port_cannot_use_up_the_transfers)
{
	write_file("f", "hello", 5);
	for (unsigned i = 0; i < TFTP_MAX_PER_PORT; i++) {
		to.sport = (uint16_t)(GUEST + i);
		ask("f", "");
		expect_data(1, 5);
	}
	to.sport = 5000;
	ask("f", "");
	ck_assert(!answered());
	ck_assert_uint_eq(port.count.drops[DROP_BUDGET], 1);
	to.src = "10.0.2.16";
	to.dport = TFTP_PORT;
	say_from(&neighbour, "\0\1f\0octet\0", 10);
	expect_data(1, 5);
	/* The quiet transfer is replaced. */
	now += TFTP_QUIET;
	to.src = "10.0.2.15";
	to.sport = 5001;
	ask("f", "");
	expect_data(1, 5);
	ck_assert_uint_eq(tftp_transfers(tftp), TFTP_MAX_PER_PORT + 1);
	tftp_port_gone(tftp, port.id);
	ck_assert_uint_eq(tftp_transfers(tftp), 1);
}
END_TEST

START_TEST(repeated_acks_do_not_keep_a_place)
{
	static uint8_t data[100];

	write_file("f", data, sizeof(data));
	for (unsigned i = 0; i < TFTP_MAX_PER_PORT; i++) {
		to.sport = (uint16_t)(GUEST + i);
		ask("f", "blksize\0008\0windowsize\0002\0");
		expect_oack("blksize\0008\0windowsize\0002\0");
		ack(0);
		expect_data(1, 8);
		expect_data(2, 8);
	}
	for (unsigned i = 0; i < 10; i++) {
		now += TFTP_QUIET / 10;
		ack(0);
		expect_data(1, 8);
		expect_data(2, 8);
	}
	to.sport = 5000;
	ask("f", "blksize\0008\0");
	expect_oack("blksize\0008\0");
	ck_assert_uint_eq(tftp_transfers(tftp), TFTP_MAX_PER_PORT);
}
END_TEST

START_TEST(all_ports_together_are_bounded)
{
	write_file("f", "hello", 5);
	for (unsigned i = 0; i < TFTP_MAX; i++) {
		struct port many = {.id = 10 + i};

		to.sport = (uint16_t)(GUEST + i);
		to.dport = TFTP_PORT;
		say_from(&many, "\0\1f\0octet\0", 10);
		expect_data(1, 5);
	}
	ask("f", "windowsize\0002\0");
	ck_assert(answered()); /* the last one's, which restarts */
	to.sport = 5000;
	ask("f", "");
	ck_assert(!answered());
	ck_assert_uint_eq(tftp_transfers(tftp), TFTP_MAX);
	now += TFTP_QUIET;
	ask("f", "");
	expect_data(1, 5);
	ck_assert_uint_eq(tftp_transfers(tftp), TFTP_MAX);
}
END_TEST

START_TEST(a_directory_made_anew_is_served)
{
	write_file("f", "hello", 5);
	ask("f", "");
	expect_data(1, 5);
	remove_all(served);
	to.sport++;
	ask("f", "");
	expect_error(1, "File not found");
	ck_assert_int_eq(g_mkdir(served, 0700), 0);
	write_file("f", "again!", 6);
	ask("f", "");
	expect_data(1, 6);
}
END_TEST

START_TEST(a_directory_that_is_none_is_named)
{
	g_autofree char *absent = g_build_filename(dir, "absent", NULL);
	g_autofree char *expected =
		g_strdup_printf("user: tftp: cannot serve '%s': No such file or directory", absent);
	g_autoptr(GError) error = NULL;

	ck_assert_ptr_null(tftp_new(absent, 1500, &outbox, &error));
	ck_assert_str_eq(error->message, expected);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tftp");
	TCase *tcase = tcase_create("tftp");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, blocks_follow_one_another_to_a_short_one);
	tcase_add_test(tcase, a_multiple_of_the_block_ends_with_an_empty_one);
	tcase_add_test(tcase, options_are_granted_within_what_a_packet_holds);
	tcase_add_test(tcase, over_ipv6_a_block_is_smaller);
	tcase_add_test(tcase, options_out_of_range_are_left_out);
	tcase_add_test(tcase, a_client_that_only_wanted_the_size_ends_the_transfer);
	tcase_add_test(tcase, block_numbers_begin_again_behind_65535);
	tcase_add_test(tcase, what_was_lost_of_a_window_is_sent_again);
	tcase_add_test(tcase, many_acks_in_a_turn_ask_for_one_window);
	tcase_add_test(tcase, a_second_copy_of_an_ack_sends_nothing);
	tcase_add_test(tcase, silence_is_met_with_repeats_and_then_the_end);
	tcase_add_test(tcase, the_clients_timeout_is_heeded);
	tcase_add_test(tcase, a_repeated_request_is_answered_by_the_same_transfer);
	tcase_add_test(tcase, late_datagrams_of_a_transfer_stay_its_own);
	tcase_add_test(tcase, netascii_ends_lines_as_the_wire_does);
	tcase_add_test(tcase, only_regular_files_beneath_the_directory_are_served);
	tcase_add_test(tcase, other_requests_are_refused_with_a_text);
	tcase_add_test(tcase, one_port_cannot_use_up_the_transfers);
	tcase_add_test(tcase, repeated_acks_do_not_keep_a_place);
	tcase_add_test(tcase, all_ports_together_are_bounded);
	tcase_add_test(tcase, a_directory_made_anew_is_served);
	tcase_add_test(tcase, a_directory_that_is_none_is_named);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
