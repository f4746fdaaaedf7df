/* SPDX-License-Identifier: BSD-3-Clause */
#include "optionbed.h"

#include <arpa/inet.h>
#include <check.h>

#include "base/error.h"
#include "ctl/forwards.h"
#include "gateway/gateway.h"
#include "run_suite.h"

static const struct user_config *user(const char *text)
{
	struct attachment *attachment = add(text);

	ck_assert_msg(attachment != NULL, "%s: %s", text, error ? error->message : "");
	return gateway_config(gateway_from_netdev(attachment->netdev));
}

static void is_v4(struct in_addr addr, const char *text)
{
	char buf[INET_ADDRSTRLEN];

	ck_assert_str_eq(inet_ntop(AF_INET, &addr, buf, sizeof(buf)), text);
}

static void is_v6(const struct in6_addr *addr, const char *text)
{
	char buf[INET6_ADDRSTRLEN];

	ck_assert_str_eq(inet_ntop(AF_INET6, addr, buf, sizeof(buf)), text);
}

START_TEST(user_alone_has_qemus_addresses)
{
	const struct user_config *config = user("user,id=nat");

	is_v4(config->net, "10.0.2.0");
	is_v4(config->host, "10.0.2.2");
	is_v4(config->dns, "10.0.2.3");
	is_v4(config->dhcp_start, "10.0.2.15");
	is_v4(config->dhcp_end, "10.0.2.254");
	is_v6(&config->net6, "fec0::");
	is_v6(&config->host6, "fec0::2");
	ck_assert(config->ipv4 && config->ipv6 && !config->restricted);
}
END_TEST

static const struct {
	const char *net;
	const char *addr;
	unsigned len;
} nets[] = {
	{"192.168.76.0/24", "192.168.76.0", 24},
	{"192.168.76.9/24", "192.168.76.0", 24},
	{"192.168.76.0/255.255.255.0", "192.168.76.0", 24},
	{"192.168.0.0/255.255.0.0", "192.168.0.0", 16},
	/* Without a length QEMU goes by the class of the address. */
	{"10.0.0.0", "10.0.0.0", 8},
	{"172.16.0.0", "172.16.0.0", 12},
	{"192.168.76.0", "192.168.0.0", 16},
	{"198.18.0.0", "198.18.0.0", 15},
};

START_TEST(net_takes_a_length_a_mask_or_its_class)
{
	g_autofree char *text = g_strdup_printf("user,id=nat,net=%s", nets[_i].net);
	const struct user_config *config = user(text);

	is_v4(config->net, nets[_i].addr);
	ck_assert_uint_eq(config->net_len, nets[_i].len);
}
END_TEST

START_TEST(user_takes_every_key)
{
	const struct user_config *config = user(
		"user,id=nat,ipv4=on,ipv6=on,net=10.5.0.0/24,host=10.5.0.1,dns=10.5.0.9,"
		"dhcpstart=10.5.0.20,dhcpend=10.5.0.30,ipv6-net=fd00:1::/64,"
		"ipv6-host=fd00:1::1,ipv6-dns=fd00:1::9,restrict=on,hostname=h,domainname=d.test,"
		"dnssearch=a.test,dnssearch=b.test,tftp=/srv,tftp-server-name=t,bootfile=b,"
		"lease-time=600,mtu=1400,host-loopback=8080;5432,max-guests=7,offload=off,"
		"checksum=verify,dns-host-search=off");

	is_v4(config->host, "10.5.0.1");
	is_v4(config->dns, "10.5.0.9");
	is_v4(config->dhcp_start, "10.5.0.20");
	is_v4(config->dhcp_end, "10.5.0.30");
	is_v6(&config->net6, "fd00:1::");
	is_v6(&config->host6, "fd00:1::1");
	is_v6(&config->dns6, "fd00:1::9");
	ck_assert(config->restricted && !config->offload && !config->dns_host_search);
	ck_assert(config->verify_checksums);
	ck_assert_str_eq(config->hostname, "h");
	ck_assert_str_eq(config->domainname, "d.test");
	ck_assert_str_eq(config->dnssearch[0], "a.test");
	ck_assert_str_eq(config->dnssearch[1], "b.test");
	ck_assert_ptr_null(config->dnssearch[2]);
	ck_assert_str_eq(config->tftp, "/srv");
	ck_assert_str_eq(config->tftp_server_name, "t");
	ck_assert_str_eq(config->bootfile, "b");
	ck_assert_uint_eq(config->lease_time, 600);
	ck_assert_uint_eq(config->mtu, 1400);
	ck_assert_uint_eq(config->max_guests, 7);
	ck_assert_int_eq(config->loopback, LOOPBACK_PORTS);
	ck_assert_uint_eq(config->loopback_ports[0].first, 8080);
	ck_assert_uint_eq(config->loopback_ports[1].last, 5432);
	ck_assert_uint_eq(config->loopback_ports[2].last, 0);
}
END_TEST

START_TEST(boot_files_are_taken_by_architecture)
{
	g_autoptr(GString) text = g_string_new("user,id=nat,bootfile=b,bootfile-param=one,"
					       "bootfile-param=two");
	const struct user_config *config;
	unsigned n = 0;

	for (const struct boot_arch *arch = boot_archs; arch->name; arch++)
		g_string_append_printf(text, ",bootfile.%s=%s.img", arch->name, arch->name);
	config = user(text->str);
	for (; boot_archs[n].name; n++) {
		g_autofree char *name = g_strconcat(boot_archs[n].name, ".img", NULL);

		ck_assert_uint_eq(config->boot_files[n].arch, boot_archs[n].number);
		ck_assert_str_eq(config->boot_files[n].name, name);
	}
	ck_assert_ptr_null(config->boot_files[n].name);
	ck_assert_str_eq(config->boot_params[1], "two");
}
END_TEST

static const struct {
	const char *words, *first, *last;
	bool managed;
} ranges[] = {
	{"", "fec0::1000", "fec0::1fff", false},
	{",dhcpv6-range=on", "fec0::1000", "fec0::1fff", true},
	{",dhcpv6-range=off", "::", "::", false},
	{",dhcpv6-range=fec0::5:20-fec0::5:2f", "fec0::5:20", "fec0::5:2f", true},
	{",ipv6-net=fd00::/120", "fd00::80", "fd00::fe", true},
	{",ipv6-net=fd00::/126", "::", "::", false},
};

START_TEST(dhcpv6_range_is_on_off_or_two_addresses)
{
	g_autofree char *text = g_strdup_printf("user,id=nat%s", ranges[_i].words);
	const struct user_config *config = user(text);

	is_v6(&config->dhcp6_start, ranges[_i].first);
	is_v6(&config->dhcp6_end, ranges[_i].last);
	ck_assert_int_eq(config->dhcp6_managed, ranges[_i].managed);
}
END_TEST

static const struct {
	const char *words;
	bool ipv4, ipv6;
} families[] = {
	{"", true, true},           {",ipv4=on", true, false},  {",ipv6=on", false, true},
	{",ipv4=off", false, true}, {",ipv6=off", true, false}, {",ipv4=on,ipv6=on", true, true},
};

START_TEST(naming_one_family_leaves_the_other_out_as_in_qemu)
{
	g_autofree char *text = g_strdup_printf("user,id=nat%s", families[_i].words);
	const struct user_config *config = user(text);

	ck_assert_int_eq(config->ipv4, families[_i].ipv4);
	ck_assert_int_eq(config->ipv6, families[_i].ipv6);
}
END_TEST

START_TEST(forward_that_fails_takes_the_netdev_with_it)
{
	ck_assert_ptr_null(add("user,id=nat,hostfwd=tcp:127.0.0.1:0-:22,hostfwd=nonsense"));
	ck_assert_str_eq(error->message,
			 "Invalid host forwarding rule 'nonsense' (No : separators): "
			 "[tcp|udp]:[hostaddr]:hostport-[guestaddr]:guestport is needed");
	ck_assert(list_empty(&network->netdevs));
	ck_assert(list_empty(&control->attachments));
	ck_assert_ptr_null(gateway_find(network));
	g_clear_error(&error);
	user("user,id=nat");
}
END_TEST

START_TEST(forwards_come_and_go_by_rule)
{
	struct attachment *nat = add("user,id=nat,hostfwd=tcp:127.0.0.1:0-:22");
	const struct fwd_entry *entry;
	g_autofree char *rule = NULL;

	ck_assert_ptr_nonnull(nat);
	entry = list_first(forwards_entries(nat->forwards), struct fwd_entry, link);
	ck_assert_uint_ne(entry->bound.in.sin_port, 0);
	is_v4(entry->rule.guest.in.sin_addr, "10.0.2.15");
	rule = g_strdup_printf("tcp:127.0.0.1:%u", ntohs(entry->bound.in.sin_port));
	ck_assert(forwards_remove(nat->forwards, rule, &error));
	ck_assert(!forwards_remove(nat->forwards, rule, &error));
	ck_assert(g_error_matches(error, USERNET_ERROR, ERROR_NOT_FOUND));
	ck_assert(list_empty(forwards_entries(nat->forwards)));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("user_options");
	TCase *tc = tcase_create("user_options");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, user_alone_has_qemus_addresses);
	tcase_add_loop_test(tc, net_takes_a_length_a_mask_or_its_class, 0, G_N_ELEMENTS(nets));
	tcase_add_test(tc, user_takes_every_key);
	tcase_add_test(tc, boot_files_are_taken_by_architecture);
	tcase_add_loop_test(tc, dhcpv6_range_is_on_off_or_two_addresses, 0, G_N_ELEMENTS(ranges));
	tcase_add_loop_test(tc, naming_one_family_leaves_the_other_out_as_in_qemu, 0,
			    G_N_ELEMENTS(families));
	tcase_add_test(tc, forward_that_fails_takes_the_netdev_with_it);
	tcase_add_test(tc, forwards_come_and_go_by_rule);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
