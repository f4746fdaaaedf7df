/* SPDX-License-Identifier: BSD-3-Clause */
#include <glib.h>
#include <stdlib.h>

#include "base/checksum.h"
#include "dhcpclient.h"
#include "run_suite.h"

#define MAC UINT64_C(0x525400123401)

static struct sent m;
static struct dhcp_message msg;
static struct dhcp_reply reply;
static uint8_t out[2048];
static enum drop_reason why;

static void setup(void)
{
	sent_begin(&m, MAC, 0x01020304);
	memset(&reply, 0, sizeof reply);
	memset(out, 0xee, sizeof out);
}

static void teardown(void)
{
}

static bool parse(void)
{
	return dhcp_parse(&msg, m.bytes, m.len, &why);
}

static void assert_option(uint8_t code, const void *data, size_t len)
{
	size_t is;
	const uint8_t *p = dhcp_option_get(&msg, code, &is);

	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq(is, len);
	ck_assert_mem_eq(p, data, len);
}

START_TEST(message_is_read)
{
	sent_u8(&m, DHCP_OPT_TYPE, DHCP_REQUEST);
	sent_addr(&m, DHCP_OPT_REQUESTED_ADDR, "10.0.2.15");
	sent_option(&m, DHCP_OPT_HOSTNAME, "web", 3);
	m.bytes[10] = 0x80;
	sent_end(&m);
	ck_assert(parse());
	ck_assert_uint_eq(msg.op, BOOTP_REQUEST);
	ck_assert_uint_eq(msg.xid, 0x01020304);
	ck_assert_uint_eq(msg.flags, DHCP_FLAG_BROADCAST);
	ck_assert_uint_eq(mac_read(msg.chaddr), MAC);
	ck_assert_int_eq(msg.type, DHCP_REQUEST);
	ck_assert_uint_eq(dhcp_option_addr(&msg, DHCP_OPT_REQUESTED_ADDR).s_addr,
			  ip("10.0.2.15").s_addr);
	assert_option(DHCP_OPT_HOSTNAME, "web", 3);
	ck_assert_uint_eq(dhcp_option_u16(&msg, DHCP_OPT_MAX_SIZE, 576), 576);
}
END_TEST

START_TEST(message_without_cookie_is_bootp)
{
	m.len = DHCP_FIXED_LEN;
	ck_assert(parse());
	ck_assert(!msg.has_options);
	ck_assert_int_eq(msg.type, DHCP_BOOTP);
	m.bytes[DHCP_FIXED_LEN] = 0;
	m.len = 300;
	ck_assert(parse());
	ck_assert(!msg.has_options);
}
END_TEST

START_TEST(padding_and_a_missing_end_are_fine)
{
	m.len += 7; /* PAD */
	sent_u8(&m, DHCP_OPT_TYPE, DHCP_DISCOVER);
	ck_assert(parse());
	ck_assert_int_eq(msg.type, DHCP_DISCOVER);
	sent_end(&m);
	m.bytes[m.len++] = DHCP_OPT_HOSTNAME; /* bytes after END are ignored */
	m.bytes[m.len++] = 200;
	ck_assert(parse());
	ck_assert(!msg.present[DHCP_OPT_HOSTNAME]);
}
END_TEST

START_TEST(long_option_in_parts_is_put_together)
{
	uint8_t long_value[400];

	for (unsigned i = 0; i < sizeof long_value; i++)
		long_value[i] = (uint8_t)(i * 7);
	sent_u8(&m, DHCP_OPT_TYPE, DHCP_DISCOVER);
	sent_option(&m, DHCP_OPT_CLIENT_ID, long_value, 255);
	sent_option(&m, DHCP_OPT_HOSTNAME, "web", 3);
	sent_option(&m, DHCP_OPT_CLIENT_ID, long_value + 255, 145);
	sent_end(&m);
	ck_assert(parse());
	assert_option(DHCP_OPT_CLIENT_ID, long_value, sizeof long_value);
	assert_option(DHCP_OPT_HOSTNAME, "web", 3);
}
END_TEST

START_TEST(overloaded_fields_carry_options)
{
	uint8_t *sname = m.bytes + 44, *file = sname + DHCP_SNAME_LEN;

	memcpy(file, "\14\3web\377", 6);
	memcpy(sname, "\14\5.lan.\62\4\12\0\2\17\377", 14);
	sent_u8(&m, DHCP_OPT_TYPE, DHCP_REQUEST);
	sent_u8(&m, DHCP_OPT_OVERLOAD, 3);
	sent_end(&m);
	ck_assert(parse());
	assert_option(DHCP_OPT_HOSTNAME, "web.lan.", 8); /* file before sname: RFC 3396 5 */
	ck_assert_uint_eq(dhcp_option_addr(&msg, DHCP_OPT_REQUESTED_ADDR).s_addr,
			  ip("10.0.2.15").s_addr);
	ck_assert_uint_eq(msg.file[0], 0);
}
END_TEST

START_TEST(fields_that_are_not_overloaded_are_names)
{
	memcpy(m.bytes + 44 + DHCP_SNAME_LEN, "\14\200web", 5);
	sent_u8(&m, DHCP_OPT_TYPE, DHCP_REQUEST);
	sent_end(&m);
	ck_assert(parse());
	ck_assert(!msg.present[DHCP_OPT_HOSTNAME]);
	ck_assert_uint_eq(msg.file[1], 0x80);
}
END_TEST

START_TEST(overload_in_an_overloaded_field_does_not_loop)
{
	/* file says that file and sname are overloaded, again */
	memcpy(m.bytes + 44 + DHCP_SNAME_LEN, "\64\1\3\64\1\3\377", 7);
	sent_u8(&m, DHCP_OPT_TYPE, DHCP_REQUEST);
	sent_u8(&m, DHCP_OPT_OVERLOAD, 1);
	sent_end(&m);
	ck_assert(parse());
	ck_assert_int_eq(msg.type, DHCP_REQUEST);
}
END_TEST

START_TEST(options_cut_short_are_refused)
{
	sent_u8(&m, DHCP_OPT_TYPE, DHCP_DISCOVER);
	m.bytes[m.len++] = DHCP_OPT_HOSTNAME;
	ck_assert(!parse());
	ck_assert_int_eq(why, DROP_TRUNCATED);
	m.bytes[m.len++] = 4;
	memcpy(m.bytes + m.len, "web", 3);
	m.len += 3;
	ck_assert(!parse());
	ck_assert_int_eq(why, DROP_TRUNCATED);

	setup();
	memset(m.bytes + 44 + DHCP_SNAME_LEN, DHCP_OPT_HOSTNAME, DHCP_FILE_LEN);
	sent_u8(&m, DHCP_OPT_OVERLOAD, 1);
	ck_assert(!parse());
}
END_TEST

START_TEST(options_of_a_wrong_length_are_refused)
{
	static const struct {
		uint8_t code, len;
	} wrong[] = {
		{DHCP_OPT_TYPE, 0},      {DHCP_OPT_TYPE, 2},     {DHCP_OPT_REQUESTED_ADDR, 3},
		{DHCP_OPT_SERVER_ID, 5}, {DHCP_OPT_MAX_SIZE, 1}, {DHCP_OPT_LEASE_TIME, 2},
		{DHCP_OPT_OVERLOAD, 2},
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(wrong); i++) {
		setup();
		sent_option(&m, wrong[i].code, "\1\1\1\1\1", wrong[i].len);
		sent_end(&m);
		ck_assert_msg(!parse(), "option %u of %u bytes passed", wrong[i].code,
			      wrong[i].len);
	}
	setup();
	sent_u8(&m, DHCP_OPT_TYPE, 0);
	ck_assert(!parse());
	setup();
	sent_u8(&m, DHCP_OPT_OVERLOAD, 4);
	ck_assert(!parse());
	setup();
	m.bytes[2] = 17; /* hlen */
	ck_assert(!parse());
	setup();
	/* Two message types are joined to one of two bytes. */
	sent_u8(&m, DHCP_OPT_TYPE, 1);
	sent_u8(&m, DHCP_OPT_TYPE, 3);
	ck_assert(!parse());
}
END_TEST

START_TEST(endless_message_is_refused)
{
	uint8_t *huge = calloc(1, 65507);

	memcpy(huge, m.bytes, m.len);
	ck_assert(dhcp_parse(&msg, huge, DHCP_MESSAGE_MAX, &why));
	ck_assert(!dhcp_parse(&msg, huge, 65507, &why));
	ck_assert_int_eq(why, DROP_OVERSIZE);
	/* The largest possible number of options. */
	memset(huge + m.len, 1, DHCP_MESSAGE_MAX - m.len);
	memset(huge + 44, 1, 192);
	memcpy(huge + m.len, "\64\1\3", 3);
	dhcp_parse(&msg, huge, DHCP_MESSAGE_MAX, &why);
	free(huge);
}
END_TEST

START_TEST(random_options_never_read_too_far)
{
	srand(1);
	for (unsigned i = 0; i < 20000; i++) {
		size_t len = DHCP_FIXED_LEN + 4 + (size_t)(rand() % 100);
		uint8_t *copy = malloc(len);

		for (size_t k = 44; k < len; k++)
			copy[k] = (uint8_t)(rand() % 3 ? rand() % 8 : rand());
		memcpy(copy, m.bytes, 44);
		memcpy(copy + DHCP_FIXED_LEN, m.bytes + DHCP_FIXED_LEN, 4);
		if (len > DHCP_FIXED_LEN + 7)
			memcpy(copy + DHCP_FIXED_LEN + 4, "\64\1\3", 3);
		dhcp_parse(&msg, copy, len, &why);
		free(copy);
	}
}
END_TEST

/* Parses what was written. */
static void write_and_parse(size_t max)
{
	size_t len = dhcp_reply_write(&reply, out, max);

	ck_assert_uint_le(len, max);
	ck_assert_uint_ge(len, DHCP_REPLY_MIN);
	ck_assert_uint_eq(out[max], 0xee); /* not one byte more */
	ck_assert(dhcp_parse(&msg, out, len, &why));
	ck_assert_uint_eq(msg.op, BOOTP_REPLY);
}

START_TEST(reply_reads_back)
{
	reply.xid = 77;
	reply.hlen = 6;
	reply.flags = DHCP_FLAG_BROADCAST;
	reply.yiaddr = ip("10.0.2.15");
	reply.siaddr = ip("10.0.2.2");
	reply.bootfile = "boot.ipxe";
	mac_write(reply.chaddr, MAC);
	dhcp_reply_add_u8(&reply, DHCP_OPT_TYPE, DHCP_OFFER);
	dhcp_reply_add_u8(&reply, DHCP_OPT_TYPE, DHCP_ACK); /* once only */
	dhcp_reply_add_u16(&reply, DHCP_OPT_MTU, 1400);
	dhcp_reply_add_u32(&reply, DHCP_OPT_LEASE_TIME, 86400);
	write_and_parse(548);
	ck_assert_uint_eq(msg.xid, 77);
	ck_assert_uint_eq(msg.flags, DHCP_FLAG_BROADCAST);
	ck_assert_uint_eq(msg.yiaddr.s_addr, ip("10.0.2.15").s_addr);
	ck_assert_uint_eq(msg.siaddr.s_addr, ip("10.0.2.2").s_addr);
	ck_assert_uint_eq(mac_read(msg.chaddr), MAC);
	ck_assert_int_eq(msg.type, DHCP_OFFER);
	ck_assert_uint_eq(dhcp_option_u16(&msg, DHCP_OPT_MTU, 0), 1400);
	ck_assert_uint_eq(dhcp_option_u32(&msg, DHCP_OPT_LEASE_TIME, 0), 86400);
	ck_assert_str_eq((char *)msg.file, "boot.ipxe");
	ck_assert(!msg.present[DHCP_OPT_OVERLOAD]);
}
END_TEST

START_TEST(long_option_is_split_and_reads_back)
{
	uint8_t value[600];

	for (unsigned i = 0; i < sizeof value; i++)
		value[i] = (uint8_t)(i * 3);
	dhcp_reply_add_u8(&reply, DHCP_OPT_TYPE, DHCP_ACK);
	dhcp_reply_add(&reply, DHCP_OPT_SEARCH, value, sizeof value);
	write_and_parse(1472);
	assert_option(DHCP_OPT_SEARCH, value, sizeof value);
}
END_TEST

START_TEST(options_that_do_not_fit_go_to_sname_and_file)
{
	uint8_t value[200] = "some value";

	dhcp_reply_add_u8(&reply, DHCP_OPT_TYPE, DHCP_ACK);
	dhcp_reply_add(&reply, DHCP_OPT_DOMAIN, value, 200);
	dhcp_reply_add(&reply, DHCP_OPT_HOSTNAME, value, 95);
	reply.bootfile = "boot";
	write_and_parse(548);
	ck_assert(!msg.present[DHCP_OPT_OVERLOAD]);

	dhcp_reply_add(&reply, DHCP_OPT_TFTP_NAME, value, 40);
	write_and_parse(548);
	assert_option(DHCP_OPT_OVERLOAD, "\2", 1);
	assert_option(DHCP_OPT_TFTP_NAME, value, 40);
	ck_assert_str_eq((char *)msg.file, "boot");

	dhcp_reply_add(&reply, DHCP_OPT_MESSAGE, value, 60);
	write_and_parse(548);
	assert_option(DHCP_OPT_OVERLOAD, "\3", 1);
	assert_option(DHCP_OPT_DOMAIN, value, 200);
	assert_option(DHCP_OPT_MESSAGE, value, 60);
	assert_option(DHCP_OPT_BOOTFILE, "boot", 4); /* its field is used already */
}
END_TEST

START_TEST(least_important_options_are_left_out_at_last)
{
	uint8_t value[250] = "some value";

	dhcp_reply_add_u8(&reply, DHCP_OPT_TYPE, DHCP_ACK);
	dhcp_reply_add(&reply, DHCP_OPT_DOMAIN, value, 250);
	dhcp_reply_add(&reply, DHCP_OPT_SEARCH, value, 250);
	dhcp_reply_add_u16(&reply, DHCP_OPT_MTU, 1500);
	write_and_parse(548);
	ck_assert_int_eq(msg.type, DHCP_ACK);
	assert_option(DHCP_OPT_DOMAIN, value, 250);
	ck_assert(!msg.present[DHCP_OPT_SEARCH]);
	assert_option(DHCP_OPT_MTU, "\5\334", 2);
}
END_TEST

START_TEST(plain_bootp_client_sees_no_overload)
{
	uint8_t value[250] = "some value";

	reply.plain_bootp = true;
	dhcp_reply_add(&reply, DHCP_OPT_DOMAIN, value, 250);
	dhcp_reply_add(&reply, DHCP_OPT_HOSTNAME, value, 100);
	write_and_parse(548);
	ck_assert(!msg.present[DHCP_OPT_OVERLOAD]);
	ck_assert(!msg.present[DHCP_OPT_HOSTNAME]);
}
END_TEST

START_TEST(boot_file_too_long_for_its_field_becomes_an_option)
{
	char name[201];

	memset(name, 'b', 200);
	name[200] = '\0';
	reply.bootfile = name;
	dhcp_reply_add_u8(&reply, DHCP_OPT_TYPE, DHCP_ACK);
	write_and_parse(548);
	assert_option(DHCP_OPT_BOOTFILE, name, 200);
	ck_assert_uint_eq(msg.file[0], 0);
}
END_TEST

START_TEST(frame_has_right_headers_and_checksums)
{
	struct dhcp_route route = {
		.eth_src = MAC + 1,
		.eth_dst = MAC,
		.src = ip("10.0.2.2"),
		.dst = ip("10.0.2.15"),
		.dport = DHCP_CLIENT_PORT,
	};
	uint8_t frame[400] = {0};
	const uint8_t *udp = frame + ETH_HEADER + 20;
	size_t len;

	memset(frame + DHCP_HEADERS, 0x5a, 301);
	len = dhcp_frame_finish(frame, 301, &route);
	ck_assert_uint_eq(len, DHCP_HEADERS + 301);
	ck_assert_uint_eq(mac_read(frame), MAC);
	ck_assert_uint_eq(mac_read(frame + 6), MAC + 1);
	ck_assert_uint_eq(frame[16] << 8 | frame[17], 329);
	ck_assert_uint_eq(udp[0] << 8 | udp[1], 67);
	ck_assert_uint_eq(udp[2] << 8 | udp[3], 68);
	ck_assert_uint_eq(udp[4] << 8 | udp[5], 309);
	ck_assert_uint_eq(csum_fold(csum_add(0, frame + ETH_HEADER, 20)), 0);
	ck_assert_uint_eq(csum_fold(csum_add(csum_pseudo4(route.src.s_addr, route.dst.s_addr,
							  IPPROTO_UDP, 309),
					     udp, 309)),
			  0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dhcp_wire");
	TCase *tcase = tcase_create("dhcp_wire");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, message_is_read);
	tcase_add_test(tcase, message_without_cookie_is_bootp);
	tcase_add_test(tcase, padding_and_a_missing_end_are_fine);
	tcase_add_test(tcase, long_option_in_parts_is_put_together);
	tcase_add_test(tcase, overloaded_fields_carry_options);
	tcase_add_test(tcase, fields_that_are_not_overloaded_are_names);
	tcase_add_test(tcase, overload_in_an_overloaded_field_does_not_loop);
	tcase_add_test(tcase, options_cut_short_are_refused);
	tcase_add_test(tcase, options_of_a_wrong_length_are_refused);
	tcase_add_test(tcase, endless_message_is_refused);
	tcase_add_test(tcase, random_options_never_read_too_far);
	tcase_add_test(tcase, reply_reads_back);
	tcase_add_test(tcase, long_option_is_split_and_reads_back);
	tcase_add_test(tcase, options_that_do_not_fit_go_to_sname_and_file);
	tcase_add_test(tcase, least_important_options_are_left_out_at_last);
	tcase_add_test(tcase, plain_bootp_client_sees_no_overload);
	tcase_add_test(tcase, boot_file_too_long_for_its_field_becomes_an_option);
	tcase_add_test(tcase, frame_has_right_headers_and_checksums);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
