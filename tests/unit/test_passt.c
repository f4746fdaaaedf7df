/* SPDX-License-Identifier: BSD-3-Clause */
#include <check.h>
#include <string.h>

#include "fwd/rule.h"
#include "run_suite.h"
#include "tools/passt_options.h"
#include "tools/passt_ports.h"

/* --- port specifiers --- */

/* A host where only 25 and 40000 to 40002 are bound. */
static bool is_free(const char *host, bool udp, uint16_t port)
{
	return port != 25 && (port < 40000 || port > 40002);
}

static const struct passt_host host = {.ephemeral = {1000, 65000}, .is_free = is_free};

static void assert_rules(const char *spec, const char *joined)
{
	g_autoptr(GPtrArray) rules = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) error = NULL;
	g_autoptr(GString) text = g_string_new(NULL);

	passt_ports_rules(rules, spec, false, "*", "", &host, &error);
	ck_assert_msg(!error, "%s: %s", spec, error ? error->message : "");
	for (guint i = 0; i < rules->len; i++) {
		struct fwd_rule rule;
		const char *one = g_ptr_array_index(rules, i);

		ck_assert_msg(fwd_rule_parse(&rule, one, (struct in_addr){0}, NULL), "%s", one);
		g_string_append_printf(text, "%s%s", i ? " " : "", one);
	}
	ck_assert_str_eq(text->str, joined);
}

START_TEST(each_form_becomes_rules)
{
	assert_rules("none", "");
	assert_rules("22", "tcp:*:22-:22");
	assert_rules("2222:22", "tcp:*:2222-:22");
	assert_rules("22,25", "tcp:*:22-:22 tcp:*:25-:25");
	assert_rules("22-80", "tcp:*:22..80-:22..80");
	assert_rules("22-80:32-90", "tcp:*:22..80-:32..90");
	assert_rules("192.0.2.1/5", "tcp:192.0.2.1:5-:5");
	assert_rules("::1/2222:22", "tcp:[::1]:2222-:22");
	assert_rules("fe80::1%lo/5", "tcp:[fe80::1%lo]:5-:5");
	assert_rules("65535", "tcp:*:65535-:65535");
}
END_TEST

START_TEST(neighbours_of_one_distance_are_one_rule)
{
	assert_rules("80,81,82:82", "tcp:*:80..82-:80..82");
	assert_rules("80:90,81:92", "tcp:*:80-:90 tcp:*:81-:92");
}
END_TEST

START_TEST(exclusions_cut_ranges_wherever_they_stand)
{
	assert_rules("5-25,~10-20", "tcp:*:5..9-:5..9 tcp:*:21..25-:21..25");
	assert_rules("~10-20,5-25", "tcp:*:5..9-:5..9 tcp:*:21..25-:21..25");
	assert_rules("5-7,~5-7", "");
	assert_rules("1-4:11-14,~2", "tcp:*:1-:11 tcp:*:3..4-:13..14");
}
END_TEST

START_TEST(all_is_what_is_free_and_not_ephemeral)
{
	assert_rules("all", "tcp:*:1..24-:1..24 tcp:*:26..999-:26..999 "
			    "tcp:*:65001..65535-:65001..65535");
	assert_rules("~1-900,~65001-65535", "tcp:*:901..999-:901..999");
	assert_rules("127.0.0.1/all", "tcp:127.0.0.1:1..24-:1..24 tcp:127.0.0.1:26..999-:26..999 "
				      "tcp:127.0.0.1:65001..65535-:65001..65535");
}
END_TEST

START_TEST(rules_name_protocol_and_guest)
{
	g_autoptr(GPtrArray) rules = g_ptr_array_new_with_free_func(g_free);

	ck_assert(passt_ports_rules(rules, "53", true, "0.0.0.0", "web", &host, NULL));
	ck_assert_uint_eq(rules->len, 1);
	ck_assert_str_eq(g_ptr_array_index(rules, 0), "udp:0.0.0.0:53-web:53");
}
END_TEST

START_TEST(wrong_specifiers_are_refused_with_their_part)
{
	static const struct {
		const char *spec, *part;
	} wrong[] = {
		{"", "''"},
		{"0", "'0'"},
		{"65536", "'65536'"},
		{"22,", "''"},
		{"80-22", "'80-22'"},
		{"22:", "'22:'"},
		{"22-24:1-2", "'22-24:1-2'"},
		{"22-24:1", "'22-24:1'"},
		{"65535-65536", "'65535-65536'"},
		{"22,20-25", "'20-25'"},
		{"~", "'~'"},
		{"~22:23", "'~22:23'"},
		{" 22", "' 22'"},
		{"-22", "'-22'"},
		{"auto", "'auto'"},
		{"localhost/22", "'localhost'"},
		{"/22", "''"},
		{"192.0.2.1%eth0/22", "'192.0.2.1%eth0'"},
		{"%eth0/22", "'%eth0'"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autoptr(GPtrArray) rules = g_ptr_array_new_with_free_func(g_free);
		g_autoptr(GError) error = NULL;

		ck_assert_msg(
			!passt_ports_rules(rules, wrong[i].spec, false, "*", "", &host, &error),
			"%s", wrong[i].spec);
		ck_assert_msg(strstr(error->message, wrong[i].part) != NULL, "%s: %s",
			      wrong[i].spec, error->message);
	}
}
END_TEST

/* --- command lines --- */

/* Words with spaces between. */
static bool parse(struct passt_options *options, const char *line, GError **error)
{
	g_autofree char *whole = g_strdup_printf("usernet-passt %s", line);
	g_auto(GStrv) words = NULL;
	int n;

	ck_assert(g_shell_parse_argv(whole, &n, &words, NULL));
	return passt_options_parse(options, n, words, error);
}

static void assert_netdev(const char *line, const char *netdev)
{
	struct passt_options options;
	g_autoptr(GPtrArray) rules = g_ptr_array_new();
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;

	parse(&options, line, &error);
	ck_assert_msg(!error, "%s: %s", line, error ? error->message : "");
	text = passt_options_netdev(&options, rules);
	ck_assert_str_eq(text, netdev);
	passt_options_clear(&options);
}

START_TEST(libvirts_line_is_read)
{
	struct passt_options options;

	ck_assert(parse(&options,
			"--one-off --socket /run/s --pid /run/p --log-file /tmp/l "
			"--mac-addr 52:54:00:12:34:56 --interface eth0 --tcp-ports 2222:22 "
			"--udp-ports 127.0.0.1/53,~54",
			NULL));
	ck_assert(options.one_off && !options.foreground);
	ck_assert_str_eq(options.socket, "/run/s");
	ck_assert_str_eq(options.pid_file, "/run/p");
	ck_assert_str_eq(options.log_file, "/tmp/l");
	ck_assert_int_eq(options.fd, -1);
	ck_assert_uint_eq(options.specs->len, 2);
	ck_assert(!options.shapes_network);
	ck_assert_uint_eq(options.warnings->len, 2); /* MAC address and interface */
	passt_options_clear(&options);
}
END_TEST

START_TEST(qemus_line_is_read)
{
	struct passt_options options;

	ck_assert(parse(&options, "--quiet --pid /tmp/passt-X.pid --fd 3", NULL));
	ck_assert_int_eq(options.fd, 3);
	ck_assert(options.one_off);
	ck_assert_str_eq(options.log_level, "warning");
	ck_assert_uint_eq(options.warnings->len, 0);
	passt_options_clear(&options);
}
END_TEST

START_TEST(options_become_keys_of_the_user_netdev)
{
	assert_netdev("-s /s", "user,id=nat");
	assert_netdev("--mtu 0 --mtu 1400", "user,id=nat,mtu=1400");
	assert_netdev("-D 192.0.2.1 --dns 2001:db8::1 --dns-host 192.0.2.2",
		      "user,id=nat,dns-server=192.0.2.1,dns-server=2001:db8::1,dns-server="
		      "192.0.2.2");
	assert_netdev("--search 'a.example b.example'",
		      "user,id=nat,dnssearch=a.example,dnssearch=b.example");
	assert_netdev("--no-tcp --no-icmp", "user,id=nat,deny=tcp:*,deny=icmp:*");
	assert_netdev("--no-dhcp", "user,id=nat,dhcp=off");
	assert_netdev("--no-map-gw", "user,id=nat,host-loopback=off");
	assert_netdev("--map-host-loopback none", "user,id=nat,host-loopback=off");
	assert_netdev("--map-guest-addr none --repair-path none", "user,id=nat");
	assert_netdev("-4", "user,id=nat,ipv6=off");
	assert_netdev("-6", "user,id=nat,ipv4=off");
	assert_netdev("--fqdn web.example.org", "user,id=nat,hostname=web");
}
END_TEST

START_TEST(a_comma_in_a_value_is_doubled)
{
	assert_netdev("--search a,restrict=on", "user,id=nat,dnssearch=a,,restrict=on");
}
END_TEST

START_TEST(addresses_make_a_network)
{
	assert_netdev("--address 192.0.2.9",
		      "user,id=nat,net=192.0.2.0/24,host=192.0.2.2,dns=192.0.2.3,"
		      "dhcpstart=192.0.2.9,dhcpend=192.0.2.9");
	assert_netdev("-a 10.1.2.3 -n 255.255.0.0 -g 10.1.0.1",
		      "user,id=nat,net=10.1.0.0/16,host=10.1.0.1,dns=10.1.0.3,"
		      "dhcpstart=10.1.2.3,dhcpend=10.1.2.3");
	/* The guest's address is kept free of gateway and name server. */
	assert_netdev("-a 192.0.2.2", "user,id=nat,net=192.0.2.0/24,host=192.0.2.3,dns=192.0.2.4,"
				      "dhcpstart=192.0.2.2,dhcpend=192.0.2.2");
	assert_netdev("-g 192.0.2.1 --dns-forward 192.0.2.53",
		      "user,id=nat,net=192.0.2.0/24,host=192.0.2.1,dns=192.0.2.53");
	assert_netdev("-a 2001:db8:1:2::9 -g 2001:db8:1:2::1",
		      "user,id=nat,ipv6-host=2001:db8:1:2::1,ipv6-net=2001:db8:1:2::/64");
}
END_TEST

START_TEST(wrong_and_unsafe_lines_are_refused)
{
	static const struct {
		const char *line, *what;
	} wrong[] = {
		{"--vhost-user --fd 3", "--vhost-user is refused"},
		{"--print-capabilities", "--print-capabilities is refused"},
		{"-o 192.0.2.1", "--outbound is refused"},
		{"--outbound-if4 eth0", "--outbound-if4 is refused"},
		{"--pcap /tmp/x", "--pcap is refused"},
		{"--runas 0", "--runas is refused"},
		{"--map-guest-addr 192.0.2.1", "--map-guest-addr is refused"},
		{"--no-such", "--no-such"},
		{"--socket", "needs a value"},
		{"word", "'word'"},
		{"-s /a -s /b", "--socket is given twice"},
		{"-s /a -F 3", "--socket and --fd"},
		{"-F 2", "--fd '2'"},
		{"-F x", "--fd 'x'"},
		{"-m 67", "--mtu '67'"},
		{"-m 65536", "--mtu '65536'"},
		{"-a nowhere", "--address 'nowhere'"},
		{"-n 33 -a 192.0.2.9", "--netmask '33'"},
		{"-n 24", "--netmask says nothing"},
		{"-a 192.0.2.9 -g 192.0.3.1", "one network"},
		{"-a 192.0.2.9 -g 192.0.2.9", "own address"},
		{"-4 -6", "leave nothing"},
		{"-6 -t 22", "--ipv6-only"},
		{"-D nowhere", "--dns 'nowhere'"},
		{"-H a,b", "'a,b'"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		struct passt_options options;
		g_autoptr(GError) error = NULL;

		ck_assert_msg(!parse(&options, wrong[i].line, &error), "%s", wrong[i].line);
		ck_assert_msg(strstr(error->message, wrong[i].what) != NULL, "%s: %s",
			      wrong[i].line, error->message);
		passt_options_clear(&options);
	}
}
END_TEST

/* Each option the parser knows stands in --help. */
START_TEST(help_names_every_option)
{
	static const char *const names[] = {
		"--debug",
		"--trace",
		"--quiet",
		"--foreground",
		"--stderr",
		"--log-file",
		"--log-size",
		"--help",
		"--version",
		"--socket",
		"--socket-path",
		"--fd",
		"--pid",
		"--mtu",
		"--address",
		"--netmask",
		"--mac-addr",
		"--gateway",
		"--interface",
		"--dns",
		"--dns-forward",
		"--dns-host",
		"--search",
		"--hostname",
		"--fqdn",
		"--no-tcp",
		"--no-udp",
		"--no-icmp",
		"--no-map-gw",
		"--map-host-loopback",
		"--map-guest-addr",
		"--repair-path",
		"--ipv4-only",
		"--ipv6-only",
		"--one-off",
		"--tcp-ports",
		"--udp-ports",
		"--no-dhcp",
		"--no-dhcpv6",
		"--no-ndp",
		"--no-ra",
		"--no-dhcp-dns",
		"--dhcp-dns",
		"--no-dhcp-search",
		"--dhcp-search",
		"--freebind",
		"--vhost-user",
		"--print-capabilities",
		"--outbound",
		"--outbound-if4",
		"--outbound-if6",
		"--pcap",
		"--runas",
		"--conf-path",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		ck_assert_msg(strstr(passt_options_help, names[i]) != NULL, "%s", names[i]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("passt");
	TCase *ports = tcase_create("ports"), *options = tcase_create("options");

	tcase_add_test(ports, each_form_becomes_rules);
	tcase_add_test(ports, neighbours_of_one_distance_are_one_rule);
	tcase_add_test(ports, exclusions_cut_ranges_wherever_they_stand);
	tcase_add_test(ports, all_is_what_is_free_and_not_ephemeral);
	tcase_add_test(ports, rules_name_protocol_and_guest);
	tcase_add_test(ports, wrong_specifiers_are_refused_with_their_part);
	tcase_add_test(options, libvirts_line_is_read);
	tcase_add_test(options, qemus_line_is_read);
	tcase_add_test(options, options_become_keys_of_the_user_netdev);
	tcase_add_test(options, a_comma_in_a_value_is_doubled);
	tcase_add_test(options, addresses_make_a_network);
	tcase_add_test(options, wrong_and_unsafe_lines_are_refused);
	tcase_add_test(options, help_names_every_option);
	suite_add_tcase(suite, ports);
	suite_add_tcase(suite, options);
	return run_suite(suite);
}
