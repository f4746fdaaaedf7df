/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <check.h>

#include "fwd/rule.h"
#include "run_suite.h"

/* The host's side of a rule alone, and a rule of both protocols as two. */

static const struct in_addr any = {0};

#define NEEDS_COLON                                                                                \
	" should be [hostaddr]:hostport: the host address may be left out, not its colon"
#define FROM_0 " should be a number from 0 to 65535, or a range such as 8000..8010"

static void assert_host_refused(const char *text, const char *detail)
{
	struct fwd_rule rule;
	GError *error = NULL;
	char *expected = g_strdup_printf("Invalid host forwarding rule '%s' (%s", text, detail);

	ck_assert_msg(!fwd_rule_parse_host(&rule, text, any, &error), "'%s' passed", text);
	ck_assert_str_eq(error->message, expected);
	g_error_free(error);
	g_free(expected);
}

START_TEST(removal_names_only_the_host_side)
{
	struct fwd_rule rule;
	struct in_addr loopback = {htonl(INADDR_LOOPBACK)};

	ck_assert(fwd_rule_parse_host(&rule, "udp:127.0.0.1:53", any, NULL));
	ck_assert(rule.udp);
	ck_assert_uint_eq(ntohs(rule.host.in.sin_port), 53);
	ck_assert(fwd_rule_parse_host(&rule, "::2222", loopback, NULL));
	ck_assert_uint_eq(rule.host.in.sin_addr.s_addr, loopback.s_addr);
	ck_assert(rule.host_left_out);
	ck_assert(fwd_rule_parse_host(&rule, "tcp:[::1]:22", any, NULL));
	ck_assert_int_eq(rule.host.sa.sa_family, AF_INET6);
	ck_assert_uint_eq(ntohs(rule.host.in6.sin6_port), 22);
	ck_assert(fwd_rule_parse_host(&rule, "tcp:*:8000..8010", any, NULL));
	ck_assert(rule.both);
	ck_assert_uint_eq(rule.n_ports, 11);
	ck_assert(fwd_rule_parse_host(&rule, "unix:/run/my-vm.sock", any, NULL));
	ck_assert_str_eq(rule.host.un.sun_path, "/run/my-vm.sock");
	ck_assert(fwd_rule_parse_host(&rule, "unix:[/run/my-vm.sock]", any, NULL));
	ck_assert_str_eq(rule.host.un.sun_path, "/run/my-vm.sock");

	assert_host_refused("", "No : separators): [tcp|udp]:[hostaddr]:hostport is needed");
	assert_host_refused("tcp:2222", "Missing : separator): '2222'" NEEDS_COLON);
	assert_host_refused("tcp::70000", "Bad host port): '70000'" FROM_0);
	assert_host_refused("tcp::-1", "Bad host port): '-1'" FROM_0);
	assert_host_refused("tcp::2222-:22",
			    "Bad host port): '2222-:22' should be the host port alone: a rule is "
			    "removed by its host's side");
	assert_host_refused("unix:[/run/x]-:22", "Missing - separator): the path '/run/x' should "
						 "be followed by nothing");
	assert_host_refused("unix:x",
			    "unix socket path must be absolute): 'x' should begin with /");
}
END_TEST

START_TEST(star_is_both_protocols)
{
	static const struct {
		const char *text, *tcp, *udp;
	} rules[] = {
		{"*:192.0.2.7:80-web", "tcp:192.0.2.7:80-web:80", "udp:192.0.2.7:80-web:80"},
		{"*:192.0.2.7:1024..2047-web+masquerade=on",
		 "tcp:192.0.2.7:1024..2047-web:1024..2047+masquerade=on",
		 "udp:192.0.2.7:1024..2047-web:1024..2047+masquerade=on"},
		{"*:[2001:db8::7]:80-[fec0::15]", "tcp:[2001:db8::7]:80-[fec0::15]:80",
		 "udp:[2001:db8::7]:80-[fec0::15]:80"},
		{"*::8000-:80", "tcp::8000-:80", "udp::8000-:80"},
		{"*:[::1]:8000-[fec0::15]:80", "tcp:[::1]:8000-[fec0::15]:80",
		 "udp:[::1]:8000-[fec0::15]:80"},
		{"*:127.0.0.1:80", "tcp:127.0.0.1:80", "udp:127.0.0.1:80"}, /* the host side */
	};
	char *two[2];

	for (unsigned i = 0; i < G_N_ELEMENTS(rules); i++) {
		ck_assert(fwd_rule_split(rules[i].text, two));
		ck_assert_str_eq(two[0], rules[i].tcp);
		ck_assert_str_eq(two[1], rules[i].udp);
		g_free(two[0]);
		g_free(two[1]);
	}
	ck_assert(!fwd_rule_split("tcp::80-:80", two));
	ck_assert(!fwd_rule_split("*:192.0.2.7-web", two));
	ck_assert(!fwd_rule_split("*:[::1", two));
	ck_assert(!fwd_rule_split("*", two));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fwd_rule_host");
	TCase *tcase = tcase_create("fwd_rule_host");

	tcase_add_test(tcase, removal_names_only_the_host_side);
	tcase_add_test(tcase, star_is_both_protocols);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
