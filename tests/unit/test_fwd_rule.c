/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <check.h>

#include "fwd/rule.h"

static const struct in_addr any = {0};

static void assert_reads(const char *text, const char *expected)
{
	struct fwd_rule rule;
	GError *error = NULL;
	char *is;

	ck_assert_msg(fwd_rule_parse(&rule, text, any, &error), "%s", error ? error->message : "");
	is = fwd_rule_format(&rule);
	ck_assert_str_eq(is, expected);
	g_free(is);
}

static void assert_refused(const char *text, const char *reason)
{
	struct fwd_rule rule;
	GError *error = NULL;
	char *expected = g_strdup_printf("Invalid host forwarding rule '%s' (%s)", text, reason);

	ck_assert_msg(!fwd_rule_parse(&rule, text, any, &error), "'%s' passed", text);
	ck_assert_str_eq(error->message, expected);
	ck_assert(g_error_matches(error, FWD_ERROR, FWD_ERROR_INVALID));
	g_error_free(error);
	g_free(expected);
}

START_TEST(rules_read_as_qemu_reads_them)
{
	assert_reads("tcp:127.0.0.1:2222-10.0.2.15:22", "tcp:127.0.0.1:2222-10.0.2.15:22");
	assert_reads("udp:127.0.0.1:53-10.0.2.15:53", "udp:127.0.0.1:53-10.0.2.15:53");
	assert_reads("tcp::2222-:22", "tcp:0.0.0.0:2222-:22");
	assert_reads("::2222-:22", "tcp:0.0.0.0:2222-:22");
	assert_reads("tcp::0-:65535", "tcp:0.0.0.0:0-:65535");
	assert_reads("tcp::65535-:1", "tcp:0.0.0.0:65535-:1");
	assert_reads("tcp::0x50-:0120", "tcp:0.0.0.0:80-:80");
	assert_reads("tcp:127.1:80-:80", "tcp:127.0.0.1:80-:80"); /* inet_aton */
	assert_reads("tcp::80-0.0.0.0:80", "tcp:0.0.0.0:80-:80");
}
END_TEST

START_TEST(ipv6_stands_in_brackets)
{
	assert_reads("tcp:[::1]:2222-[fd00::15]:22", "tcp:[::1]:2222-[fd00::15]:22");
	assert_reads("udp:[::]:1-[fec0::15]:2", "udp:[::]:1-[fec0::15]:2");
	assert_reads("tcp::80-[fec0::15]:80", "tcp:[::]:80-[fec0::15]:80");
}
END_TEST

START_TEST(default_host_address_is_used_where_none_is_named)
{
	struct fwd_rule rule;
	struct in_addr loopback = {htonl(INADDR_LOOPBACK)}, other = {inet_addr("192.0.2.1")};
	GError *error = NULL;
	char *text;

	ck_assert(fwd_rule_parse(&rule, "tcp::80-:80", loopback, NULL));
	ck_assert_uint_eq(rule.host.in.sin_addr.s_addr, loopback.s_addr);
	ck_assert_uint_eq(rule.host.len, sizeof(struct sockaddr_in));
	ck_assert(fwd_rule_parse(&rule, "tcp:0.0.0.0:80-:80", loopback, NULL));
	ck_assert_uint_eq(rule.host.in.sin_addr.s_addr, 0);
	ck_assert(fwd_rule_parse(&rule, "tcp::80-[fec0::15]:80", loopback, NULL));
	text = fwd_rule_format(&rule);
	ck_assert_str_eq(text, "tcp:[::1]:80-[fec0::15]:80");
	g_free(text);
	ck_assert(!fwd_rule_parse(&rule, "tcp::80-[fec0::15]:80", other, &error));
	ck_assert_ptr_nonnull(strstr(error->message, "needs an IPv6 host address"));
	g_error_free(error);
}
END_TEST

START_TEST(bad_rules_are_named_with_qemus_reasons)
{
	assert_refused("", "No : separators");
	assert_refused("tcp", "No : separators");
	assert_refused("sctp::80-:80", "Bad protocol name");
	assert_refused("TCP::80-:80", "Bad protocol name");
	assert_refused("2222-:22", "Bad protocol name");
	assert_refused("tcp:80-", "Missing : separator");
	assert_refused("tcp:localhost:80-:80", "Bad host address");
	assert_refused("tcp:1.2.3.4.5:80-:80", "Bad host address");
	assert_refused("tcp:127.0.0.1 x:80-:80", "Bad host address");
	assert_refused("tcp::80:80", "Bad host port separator");
	assert_refused("tcp::-:80", "Bad host port");
	assert_refused("tcp::x-:80", "Bad host port");
	assert_refused("tcp::80x-:80", "Bad host port");
	assert_refused("tcp::65536-:80", "Bad host port");
	assert_refused("tcp::99999999999999999999-:80", "Bad host port");
	assert_refused("tcp::80-", "Missing guest address");
	assert_refused("tcp::80-80", "Missing guest address");
	assert_refused("tcp::80-web!:80", "Bad guest address");
	assert_refused("tcp::80-:", "Bad guest port");
	assert_refused("tcp::80-:0", "Bad guest port");
	assert_refused("tcp::80-:-1", "Bad guest port");
	assert_refused("tcp::80-:65536", "Bad guest port");
	assert_refused("tcp::80-:22x", "Bad guest port");
	assert_refused("tcp::80-:22:23", "Bad guest port");
}
END_TEST

START_TEST(bad_ipv6_rules_are_refused)
{
	assert_refused("tcp:[::1:80-[::2]:80", "Bad host address");
	assert_refused("tcp:[]:80-[fec0::2]:80", "Bad host address");
	assert_refused("tcp:[127.0.0.1]:80-:80", "Bad host address");
	assert_refused("tcp:[::1]", "Missing : separator");
	assert_refused("tcp:[::1]80-[fec0::2]:80", "Missing : separator");
	assert_refused("tcp::80-[", "Bad guest address");
	assert_refused("tcp::80-[fec0::2]", "Missing guest address");
	assert_refused("tcp::80-[::]:80", "Bad guest address");
	assert_refused("tcp:[::1]:80-:80", "IPv6 host address needs an IPv6 guest address");
	assert_refused("tcp:[::1]:80-10.0.2.15:80",
		       "Host and guest address are of different families");
	assert_refused("tcp:127.0.0.1:80-[fec0::15]:80",
		       "Host and guest address are of different families");
}
END_TEST

START_TEST(endless_parts_are_refused)
{
	char *long_part = g_strnfill(5000, '1');
	char *rule = g_strdup_printf("tcp:%s:80-:80", long_part);
	char *port = g_strdup_printf("tcp::%s-:80", long_part);

	assert_refused(rule, "Bad host address");
	assert_refused(port, "Bad host port");
	assert_refused(long_part, "No : separators");
	g_free(port);
	g_free(rule);
	g_free(long_part);
}
END_TEST

START_TEST(parse_and_format_are_inverses)
{
	static const char *const rules[] = {
		"tcp:0.0.0.0:2222-:22",
		"udp:127.0.0.1:0-10.0.2.15:1",
		"tcp:[::1]:2222-[fd00::15]:22",
		"udp:[fe80::1]:65535-[fd00::15]:65535",
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(rules); i++)
		assert_reads(rules[i], rules[i]);
}
END_TEST

START_TEST(removal_names_only_the_host_side)
{
	struct fwd_rule rule;
	struct in_addr loopback = {htonl(INADDR_LOOPBACK)};

	ck_assert(fwd_rule_parse_host(&rule, "udp:127.0.0.1:53", any, NULL));
	ck_assert(rule.udp);
	ck_assert_uint_eq(ntohs(rule.host.in.sin_port), 53);
	ck_assert(fwd_rule_parse_host(&rule, "::2222", loopback, NULL));
	ck_assert_uint_eq(rule.host.in.sin_addr.s_addr, loopback.s_addr);
	ck_assert(fwd_rule_parse_host(&rule, "tcp:[::1]:22", any, NULL));
	ck_assert_int_eq(rule.host.sa.sa_family, AF_INET6);
	ck_assert_uint_eq(ntohs(rule.host.in6.sin6_port), 22);
	ck_assert(!fwd_rule_parse_host(&rule, "tcp::2222-:22", any, NULL));
	ck_assert(!fwd_rule_parse_host(&rule, "tcp:2222", any, NULL));
	ck_assert(!fwd_rule_parse_host(&rule, "tcp::70000", any, NULL));
	ck_assert(!fwd_rule_parse_host(&rule, "", any, NULL));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fwd_rule");
	TCase *tcase = tcase_create("fwd_rule");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, rules_read_as_qemu_reads_them);
	tcase_add_test(tcase, ipv6_stands_in_brackets);
	tcase_add_test(tcase, default_host_address_is_used_where_none_is_named);
	tcase_add_test(tcase, bad_rules_are_named_with_qemus_reasons);
	tcase_add_test(tcase, bad_ipv6_rules_are_refused);
	tcase_add_test(tcase, endless_parts_are_refused);
	tcase_add_test(tcase, parse_and_format_are_inverses);
	tcase_add_test(tcase, removal_names_only_the_host_side);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
