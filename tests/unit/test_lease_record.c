/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <check.h>

#include "dhcp/record.h"
#include "run_suite.h"

#define MAC(n) (UINT64_C(0x525400000000) + (n))
#define WALL   INT64_C(1700000000)

static bool parses(const char *line, struct lease_record *r)
{
	const char *why = NULL;

	if (lease_record_parse(r, line, strlen(line), &why))
		return true;
	ck_assert_ptr_nonnull(why);
	return false;
}

START_TEST(line_is_dnsmasqs)
{
	static const char line[] =
		"1700000000 52:54:00:12:34:02 10.0.2.15 web 01:52:54:00:12:34:02";
	g_autoptr(GString) out = g_string_new(NULL);
	struct lease_record r;

	ck_assert(parses(line, &r));
	ck_assert_int_eq(r.expiry, 1700000000);
	ck_assert_uint_eq(r.lease.mac, UINT64_C(0x525400123402));
	ck_assert_uint_eq(r.lease.addr.s_addr, inet_addr("10.0.2.15"));
	ck_assert_str_eq(r.lease.hostname, "web");
	ck_assert_uint_eq(r.lease.client_id_len, 7);
	lease_record_format(out, &r);
	g_string_truncate(out, out->len - 1);
	ck_assert_str_eq(out->str, line);
	ck_assert(parses("0 52:54:00:12:34:02 10.0.2.15 * *", &r));
	ck_assert_str_eq(r.lease.hostname, "");
	ck_assert_uint_eq(r.lease.client_id_len, 0);
	/* dnsmasq writes names with a domain so. */
	ck_assert(parses("1 52:54:00:12:34:02 10.0.2.15 Web.example.org ff", &r));
	ck_assert_str_eq(r.lease.hostname, "web");
}
END_TEST

START_TEST(longest_line_is_read_again)
{
	struct lease_record r = {.expiry = INT64_C(99999999999)}, again;
	g_autoptr(GString) out = g_string_new(NULL);

	r.lease.mac = MAC(1);
	r.lease.addr.s_addr = inet_addr("255.255.255.254");
	memset(r.lease.hostname, 'n', 63);
	r.lease.client_id_len = LEASE_CLIENT_ID_MAX;
	memset(r.lease.client_id, 0xab, LEASE_CLIENT_ID_MAX);
	lease_record_format(out, &r);
	ck_assert_uint_lt(out->len, LEASE_LINE_MAX);
	g_string_truncate(out, out->len - 1);
	ck_assert(parses(out->str, &again));
	ck_assert_mem_eq(again.lease.client_id, r.lease.client_id, LEASE_CLIENT_ID_MAX);
	ck_assert_str_eq(again.lease.hostname, r.lease.hostname);
}
END_TEST

START_TEST(what_is_no_line_is_refused)
{
	static const char *const wrong[] = {
		"",
		"duid 00:01:00:01:2c:00:11:22:52:54:00:12:34:56",
		"1700000000 52:54:00:12:34:02 10.0.2.15 web",
		"1700000000 52:54:00:12:34:02 10.0.2.15 web * more",
		"-1 52:54:00:12:34:02 10.0.2.15 web *",
		"0x10 52:54:00:12:34:02 10.0.2.15 web *",
		"999999999999999999999 52:54:00:12:34:02 10.0.2.15 web *",
		"1 52:54:00:12:34 10.0.2.15 web *",
		"1 06-52:54:00:12:34:02 10.0.2.15 web *",
		"1 ff:ff:ff:ff:ff:ff 10.0.2.15 web *",
		"1 52:54:00:12:34:02 10.0.2.256 web *",
		"1 52:54:00:12:34:02 0.0.0.0 web *",
		"1 52:54:00:12:34:02 fd00::1 web *",
		"1 52:54:00:12:34:02 10.0.2.15 web 0",
		"1 52:54:00:12:34:02 10.0.2.15 web 01:",
		"1 52:54:00:12:34:02 10.0.2.15 web 01:5",
		"1 52:54:00:12:34:02 10.0.2.15 web 01-52",
		"1 52:54:00:12:34:02 10.0.2.15 web zz",
	};
	g_autofree char *id = g_strnfill(3 * (LEASE_CLIENT_ID_MAX + 1) - 1, 'a');
	g_autofree char *line = NULL, *long_line = g_strnfill(LEASE_LINE_MAX, '1');
	struct lease_record r;
	const char *why;

	for (unsigned i = 0; i < G_N_ELEMENTS(wrong); i++)
		ck_assert_msg(!parses(wrong[i], &r), "%s", wrong[i]);
	for (unsigned i = 2; i < strlen(id); i += 3)
		id[i] = ':';
	line = g_strdup_printf("1 52:54:00:12:34:02 10.0.2.15 web %s", id);
	ck_assert(!parses(line, &r));
	line[strlen(line) - 3] = '\0';
	ck_assert(parses(line, &r));
	ck_assert(!parses(long_line, &r));
	ck_assert(!lease_record_parse(&r, "1 \0 2", 5, &why));
}
END_TEST

START_TEST(times_pass_between_the_clocks)
{
	struct lease lease = {.mac = MAC(1), .state = LEASE_BOUND, .expires = 500 * USEC_PER_SEC};
	struct lease_record r;
	usec_t week = 7 * 86400 * USEC_PER_SEC;

	lease_record_make(&r, &lease, 400 * USEC_PER_SEC - 1, WALL);
	ck_assert_int_eq(r.expiry, WALL + 101); /* never shorter than promised */
	lease_record_settle(&r, 7 * USEC_PER_SEC, WALL + 1, week);
	ck_assert_int_eq(r.lease.state, LEASE_BOUND);
	ck_assert_int_eq(r.lease.expires, 107 * USEC_PER_SEC);
	/* Over when it is read. */
	lease_record_settle(&r, 7 * USEC_PER_SEC, WALL + 101, week);
	ck_assert_int_eq(r.lease.state, LEASE_EXPIRED);
	ck_assert_int_le(r.lease.expires, 7 * USEC_PER_SEC);
	/* The clock was wrong when it was written. */
	r.expiry = WALL * 2;
	lease_record_settle(&r, 7 * USEC_PER_SEC, WALL, week);
	ck_assert_int_eq(r.lease.expires, 7 * USEC_PER_SEC + week);

	lease.expires = LEASE_FOREVER;
	lease_record_make(&r, &lease, 0, WALL);
	ck_assert_int_eq(r.expiry, 0);
	lease_record_settle(&r, 5, WALL, LEASE_FOREVER);
	ck_assert_int_eq(r.lease.state, LEASE_BOUND);
	ck_assert_int_eq(r.lease.expires, LEASE_FOREVER);
	/* Leases are no longer endless, or it was only reserved. */
	lease_record_settle(&r, 5, WALL, week);
	ck_assert_int_eq(r.lease.state, LEASE_EXPIRED);

	lease = (struct lease){.mac = MAC(1), .state = LEASE_EXPIRED, .expires = USEC_PER_SEC};
	lease_record_make(&r, &lease, USEC_PER_SEC, WALL);
	ck_assert_int_eq(r.expiry, WALL);
	lease.reserved = true;
	lease_record_make(&r, &lease, USEC_PER_SEC, WALL);
	ck_assert_int_eq(r.expiry, 0);
	lease = (struct lease){.state = LEASE_DECLINED, .expires = 11 * USEC_PER_SEC};
	lease_record_make(&r, &lease, USEC_PER_SEC, WALL);
	lease_record_settle(&r, 0, WALL, week);
	ck_assert_int_eq(r.lease.state, LEASE_DECLINED);
	ck_assert_int_eq(r.lease.expires, 10 * USEC_PER_SEC);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("lease_record");
	TCase *tc = tcase_create("lease_record");

	tcase_add_test(tc, line_is_dnsmasqs);
	tcase_add_test(tc, longest_line_is_read_again);
	tcase_add_test(tc, what_is_no_line_is_refused);
	tcase_add_test(tc, times_pass_between_the_clocks);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
