/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <check.h>

#include "net/user_config.h"
#include "run_suite.h"

static struct user_config config;

static void setup(void)
{
	user_config_defaults(&config);
}

static void set_net(const char *net, unsigned len)
{
	inet_pton(AF_INET, net, &config.net);
	config.net_len = len;
}

static const char *text(struct in_addr addr)
{
	static char buffer[8][INET_ADDRSTRLEN];
	static unsigned next;
	char *out = buffer[next++ % 8];

	inet_ntop(AF_INET, &addr, out, INET_ADDRSTRLEN);
	return out;
}

static const struct {
	const char *net;
	unsigned len;
	const char *host, *dns, *start, *end;
} derived[] = {
	{"10.0.2.0", 24, "10.0.2.2", "10.0.2.3", "10.0.2.15", "10.0.2.254"},
	{"10.9.0.0", 16, "10.9.2.2", "10.9.2.3", "10.9.2.15", "10.9.255.254"},
	{"10.0.0.0", 8, "10.0.2.2", "10.0.2.3", "10.0.2.15", "10.255.255.254"},
	{"192.168.7.64", 28, "192.168.7.66", "192.168.7.67", "192.168.7.68", "192.168.7.78"},
	{"192.168.7.0", 29, "192.168.7.2", "192.168.7.3", "192.168.7.4", "192.168.7.6"},
	{"192.168.7.0", 30, "192.168.7.2", "192.168.7.2", "192.168.7.1", "192.168.7.2"},
};

START_TEST(addresses_are_derived_from_the_network)
{
	set_net(derived[_i].net, derived[_i].len);
	ck_assert(user_config_resolve(&config, NULL));
	ck_assert_str_eq(text(config.host), derived[_i].host);
	ck_assert_str_eq(text(config.dns), derived[_i].dns);
	ck_assert_str_eq(text(config.dhcp_start), derived[_i].start);
	ck_assert_str_eq(text(config.dhcp_end), derived[_i].end);
}
END_TEST

static void refused(const char *wanted)
{
	g_autoptr(GError) error = NULL;

	ck_assert(!user_config_resolve(&config, &error));
	ck_assert_msg(g_str_has_prefix(error->message, wanted), "%s", error->message);
}

START_TEST(what_does_not_fit_is_refused_by_its_key)
{
	set_net("10.0.2.0", 31);
	refused("user: net: a prefix of /31 has no room");
	setup();
	set_net("127.0.0.0", 24);
	refused("user: net: not a network that guests can use");
	setup();
	inet_pton(AF_INET, "10.0.3.1", &config.host);
	refused("user: host: 10.0.3.1 is not a host's address in the network, which has 10.0.2.1 to "
		"10.0.2.254");
	setup();
	inet_pton(AF_INET, "10.0.2.255", &config.dns);
	refused("user: dns: 10.0.2.255 is not");
	setup();
	inet_pton(AF_INET, "10.0.2.2", &config.dns);
	refused("user: dns: must differ from host");
	setup();
	inet_pton(AF_INET, "10.0.3.15", &config.dhcp_start);
	refused("user: dhcpstart: 10.0.3.15 is not");
	setup();
	inet_pton(AF_INET, "10.0.2.100", &config.dhcp_start);
	inet_pton(AF_INET, "10.0.2.50", &config.dhcp_end);
	refused("user: dhcpend: lies before dhcpstart");
	setup();
	inet_pton(AF_INET, "10.0.2.3", &config.dhcp_start);
	refused("user: dhcpstart: must differ from host and dns");
	setup();
	inet_pton(AF_INET6, "fec1::2", &config.host6);
	refused("user: ipv6-host: lies outside ipv6-net");
	setup();
	config.mtu = 1000;
	refused("user: mtu: 1000 is below IPv6's smallest");
	config.mtu = 70000;
	refused("user: mtu: 70000; use 576 to 65535");
	setup();
	config.ipv4 = config.ipv6 = false;
	refused("user: ipv4: and ipv6 are both off");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("user_config");
	TCase *tcase = tcase_create("user_config");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_loop_test(tcase, addresses_are_derived_from_the_network, 0,
			    G_N_ELEMENTS(derived));
	tcase_add_test(tcase, what_does_not_fit_is_refused_by_its_key);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
