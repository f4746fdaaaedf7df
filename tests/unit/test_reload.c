/* SPDX-License-Identifier: BSD-3-Clause */
#include <check.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "ctl/config/config.h"
#include "ctl/config/reload.h"
#include "ctl/control.h"
#include "ctl/fd_names.h"
#include "ctl/forwards.h"
#include "ctl/guests.h"
#include "ctl/records.h"
#include "dns/zone.h"
#include "gateway/gateway.h"
#include "net/netdev.h"
#include "net/network.h"
#include "net/vswitch.h"
#include "run_suite.h"

/* A running network and its file, which the test rewrites and reloads. */
static char *dir, *path;
static struct options options;
static struct loop *loop;
static struct network *network;
static struct control *control;
static GError *error;
static JsonNode *result;

static void write_file(const char *text)
{
	/* DIR is the directory of the test. */
	g_autoptr(GString) real = g_string_new(text);

	g_string_replace(real, "DIR", dir, 0);
	g_file_set_contents(path, real->str, -1, NULL);
}

static void start(const char *netdev, const char *text)
{
	options.settings = optstr_new(NULL);
	options.config = g_strdup(path);
	if (netdev) {
		options.netdevs = g_new0(char *, 2);
		options.netdevs[0] = g_strdup(netdev);
	}
	write_file(text);
	network = network_new(loop, "test");
	control = control_new(network, dir);
	control->options = &options;
	control->config = config_load(&options, dir, &error);
	ck_assert_msg(control->config && config_start(control, &error), "%s",
		      error ? error->message : "");
}

static void setup(void)
{
	dir = g_dir_make_tmp("usernet-test-XXXXXX", NULL);
	path = g_build_filename(dir, "lab.conf", NULL);
	loop = loop_new(NULL);
	loop_attach(loop, NULL);
}

static void teardown(void)
{
	g_clear_pointer(&result, json_node_unref);
	config_free(control->config);
	control_free(control);
	network_free(network);
	loop_free(loop);
	options_clear(&options);
	memset(&options, 0, sizeof(options));
	g_clear_error(&error);
	unlink(path);
	rmdir(dir);
	g_free(path);
	g_free(dir);
}

static void reload(const char *text)
{
	write_file(text);
	g_clear_pointer(&result, json_node_unref);
	result = reload_run(control, &error);
	ck_assert_msg(result != NULL, "%s", error ? error->message : "");
}

/* "netdev lan: added; guest web: removed" */
static void reports(const char *list, const char *expected)
{
	JsonArray *array = json_object_get_array_member(json_node_get_object(result), list);
	g_autoptr(GString) text = g_string_new(NULL);

	for (guint i = 0; i < json_array_get_length(array); i++) {
		JsonObject *each = json_array_get_object_element(array, i);
		const char *member = json_object_has_member(each, "action") ? "action"
				     : json_object_has_member(each, "key")  ? "key"
									    : "error";

		g_string_append_printf(text, "%s%s: %s", i ? "; " : "",
				       json_object_get_string_member(each, "what"),
				       json_object_get_string_member(each, member));
	}
	ck_assert_str_eq(text->str, expected);
}

static void all_was(const char *applied)
{
	reports("applied", applied);
	reports("restart", "");
	reports("failed", "");
}

/* Alone: without the default netdevs beside it. */
#define ALONE "[network]\nno-default-netdevs=on\n"
#define USER  "[netdev nat]\ntype=user\n"
#define LAN   "[netdev lan]\ntype=stream\nserver=on\naddr.type=unix\naddr.path=DIR/lan.sock\n"

START_TEST(nothing_new_changes_nothing)
{
	const struct netdev *nat, *lan;

	start(NULL, USER LAN "[guest web]\n[dns]\na=10.0.2.50\n");
	nat = network_find_netdev(network, "nat");
	lan = network_find_netdev(network, "lan");
	reload("# the same\n" LAN USER "restrict=off\n[dns]\nA=10.0.2.50\n[guest WEB]\n");
	reports("restart", "netdev nat: restrict");
	reload(USER LAN "[guest web]\n[dns]\na=10.0.2.50\n");
	all_was("");
	ck_assert_ptr_eq(network_find_netdev(network, "nat"), nat);
	ck_assert_ptr_eq(network_find_netdev(network, "lan"), lan);
}
END_TEST

START_TEST(netdevs_come_change_and_go)
{
	g_autofree char *lan = g_build_filename(dir, "lan.sock", NULL);
	g_autofree char *two = g_build_filename(dir, "two.sock", NULL);

	start(NULL, ALONE USER);
	reload(ALONE USER LAN);
	all_was("netdev lan: added");
	ck_assert_int_eq(access(lan, F_OK), 0);
	reload(ALONE USER
	       "[netdev lan]\ntype=stream\nserver=yes\naddr.type=unix\naddr.path=DIR/two.sock");
	all_was("netdev lan: changed");
	ck_assert_int_ne(access(lan, F_OK), 0);
	ck_assert_int_eq(access(two, F_OK), 0);
	/* `on` is `yes`. */
	reload(ALONE USER
	       "[netdev lan]\ntype=stream\nserver=on\naddr.type=unix\naddr.path=DIR/two.sock");
	all_was("");
	reload(ALONE USER);
	all_was("netdev lan: removed");
	ck_assert_int_ne(access(two, F_OK), 0);
}
END_TEST

START_TEST(defaults_go_when_the_file_has_netdevs)
{
	start(NULL, "");
	ck_assert_ptr_nonnull(network_find_netdev(network, "lan-dgram"));
	reload(USER "mtu=1400\n");
	reports("applied", "");
	reload("[netdev other]\ntype=socket\nlisten=127.0.0.1:0\n");
	all_was("netdev nat: removed; netdev lan: removed; netdev lan-dgram: removed; "
		"netdev lan-dial: removed; netdev other: added");
	reload("");
	all_was("netdev other: removed; netdev nat: added; netdev lan: added; "
		"netdev lan-dgram: added; netdev lan-dial: added");
}
END_TEST

START_TEST(a_name_moves_from_one_netdev_to_another)
{
	start(NULL, USER LAN);
	reload(USER
	       "[netdev other]\ntype=stream\nserver=on\naddr.type=unix\naddr.path=DIR/lan.sock");
	all_was("netdev lan: removed; netdev other: added");
}
END_TEST

START_TEST(forwards_of_user_come_and_go_and_other_keys_wait)
{
	struct forwards *forwards;
	g_autoptr(GHashTable) rules = NULL;
	const struct netdev *nat;

	start(NULL, USER "hostfwd=tcp:127.0.0.1:0-:22;tcp:127.0.0.1:0-:23\n");
	nat = network_find_netdev(network, "nat");
	forwards = control_find(control, "nat")->forwards;
	ck_assert_ptr_nonnull(forwards_add(forwards, "tcp:127.0.0.1:0-:99", NULL));
	reload(USER "hostfwd=tcp:127.0.0.1:0-10.0.2.15:22;tcp:127.0.0.1:0-:24\nmtu=1400\n");
	reports("applied", "netdev nat: hostfwd tcp:127.0.0.1:0-10.0.2.15:23 removed; "
			   "netdev nat: hostfwd tcp:127.0.0.1:0-10.0.2.15:24 added");
	reports("restart", "netdev nat: mtu");
	reports("failed", "");
	rules = forwards_canonicals(forwards);
	ck_assert_uint_eq(g_hash_table_size(rules), 3);
	ck_assert(g_hash_table_contains(rules, "tcp:127.0.0.1:0-10.0.2.15:99"));
	ck_assert_ptr_eq(network_find_netdev(network, "nat"), nat);
	/* It is reported each time until then. */
	reload(USER "hostfwd=tcp:127.0.0.1:0-:22;tcp:127.0.0.1:0-:24\nmtu=1400\n");
	reports("applied", "");
	reports("restart", "netdev nat: mtu");
}
END_TEST

START_TEST(a_forward_removed_by_hand_comes_back)
{
	static const char text[] = USER "hostfwd=tcp:127.0.0.1:0-:2\n";

	start(NULL, text);
	forwards_drop(control_find(control, "nat")->forwards, "tcp:127.0.0.1:0-10.0.2.15:2");
	reload(text);
	all_was("netdev nat: hostfwd tcp:127.0.0.1:0-10.0.2.15:2 added");
}
END_TEST

START_TEST(guests_come_change_and_go)
{
	const struct reservation *web;

	start(NULL, USER "[guest web]\nip=10.0.2.20\n[guest db]\nip=10.0.2.21\n");
	/* They swap addresses. */
	reload(USER "[guest web]\nip=10.0.2.21\n[guest db]\nip=10.0.2.20\n[guest new]\n");
	reports("failed", "");
	web = reservation_by_name(network->reservations, "web");
	ck_assert_uint_eq(ntohl(web->addr.s_addr), 0x0a000215);
	reload(USER "[guest web]\nip=10.0.2.21\n[guest db]\nip=10.0.2.20\n");
	all_was("guest new: removed");
	ck_assert_uint_eq(reservation_count(network->reservations), 2);
}
END_TEST

START_TEST(names_come_and_go)
{
	start(NULL, USER "[dns]\na=10.0.2.50;10.0.2.51\n");
	ck_assert(records_add(control, "live", "10.0.2.60", &error));
	reload(USER "[dns]\na=10.0.2.51\n*.b=fec0::1\n");
	all_was("dns a 10.0.2.50: removed; dns *.b fec0::1: added");
	ck_assert_uint_eq(dns_records_count(dns_zone_records(records_zone(control, NULL))), 3);
	/* Removed by hand, but the file has it. */
	ck_assert(records_remove(control, "A", NULL, &error));
	reload(USER "[dns]\na=10.0.2.51\n*.b=fec0::1\n");
	all_was("dns a 10.0.2.51: added");
}
END_TEST

START_TEST(what_is_not_the_files_stays)
{
	struct optstr *opts = optstr_parse("socket,id=live,listen=127.0.0.1:0", "type", NULL);

	start("user,id=nat,restrict=on", ALONE LAN);
	ck_assert_ptr_nonnull(control_add_netdev(control, opts, fd_numbers(), ORIGIN_LIVE, &error));
	opts = optstr_parse("hand,ip=10.0.2.30", "name", NULL);
	ck_assert_ptr_nonnull(guests_add(control, opts, ORIGIN_LIVE, &error));
	reload(ALONE "[netdev nat]\ntype=user\nnet=10.9.0.0/24\n");
	all_was("netdev lan: removed");
	ck_assert_ptr_nonnull(network_find_netdev(network, "live"));
	ck_assert_ptr_nonnull(network_find_netdev(network, "nat"));
	ck_assert_ptr_nonnull(reservation_by_name(network->reservations, "hand"));
	/* Written down, it is the file's. */
	reload(ALONE "[guest hand]\nip=10.0.2.30\n");
	all_was("");
	reload(ALONE);
	all_was("guest hand: removed");
}
END_TEST

START_TEST(what_a_client_added_outlives_it_once_it_is_the_files)
{
	struct optstr *opts = optstr_parse("socket,id=live,listen=127.0.0.1:0", "type", NULL);
	struct attachment *attachment;
	int client;

	start(NULL, ALONE USER);
	attachment = control_add_netdev(control, opts, fd_numbers(), ORIGIN_LIVE, &error);
	ck_assert_ptr_nonnull(attachment);
	attachment->session = &client;
	reload(ALONE USER "[netdev live]\ntype=socket\nlisten=127.0.0.1:0\n");
	all_was("");
	control_end_session(control, &client);
	ck_assert_ptr_nonnull(network_find_netdev(network, "live"));
}
END_TEST

START_TEST(a_broken_file_changes_nothing)
{
	static const char *const broken[] = {
		"[netdev lan]\n",
		"[frob]\n",
		"frob\n",
		USER "[netdev x]\ntype=stream\naddr.type=inet\naddr.host=x\naddr.port=1\n",
		USER "hostfwd=tcp::1-:1; x\n",
		USER "[guest a]\nip=10.0.2.20\n[guest b]\nip=10.0.2.20\n",
		USER "[dns]\na=b\n",
		"[network]\nlog-level=loud\n",
	};
	const struct netdev *lan;

	start(NULL, USER LAN "[guest web]\n[dns]\nn=10.0.2.9\n");
	lan = network_find_netdev(network, "lan");
	for (size_t i = 0; i < G_N_ELEMENTS(broken); i++) {
		write_file(broken[i]);
		ck_assert_msg(!reload_run(control, &error), "%s", broken[i]);
		ck_assert_ptr_nonnull(strstr(error->message, path));
		g_clear_error(&error);
	}
	unlink(path);
	ck_assert_ptr_null(reload_run(control, &error));
	g_clear_error(&error);
	ck_assert_ptr_eq(network_find_netdev(network, "lan"), lan);
	ck_assert_ptr_nonnull(network_find_netdev(network, "nat"));
	ck_assert_uint_eq(reservation_count(network->reservations), 1);
	ck_assert_uint_eq(dns_records_count(dns_zone_records(records_zone(control, NULL))), 1);
	reload(USER LAN "[guest web]\n[dns]\nn=10.0.2.9\n");
	all_was("");
}
END_TEST

START_TEST(what_the_world_refuses_is_said_and_the_rest_is_done)
{
	start(NULL, ALONE USER);
	reload(ALONE USER
	       "[netdev a]\ntype=stream\nserver=on\naddr.type=unix\naddr.path=DIR/no/sock\n"
	       "[netdev b]\ntype=socket\nfd=7\n"
	       "[netdev lan]\ntype=socket\nlisten=127.0.0.1:0\n[guest web]\n");
	reports("applied", "guest web: added; netdev lan: added");
	ck_assert_uint_eq(json_array_get_length(json_object_get_array_member(
				  json_node_get_object(result), "failed")),
			  2);
	ck_assert_ptr_null(network_find_netdev(network, "a"));
}
END_TEST

START_TEST(settings_wait_but_for_the_log_level)
{
	start(NULL, USER);
	reload("[network]\nlog-level=error\npidfile=/a\nname=x\n" USER);
	reports("applied", "network: log-level");
	reports("restart", "network: name; network: pidfile");
	ck_assert_str_eq(control->config->settings.name, "default");
	reload("[network]\npidfile=/a\n" USER);
	reports("applied", "network: log-level");
	reports("restart", "network: pidfile");
}
END_TEST

START_TEST(the_gateways_vlan_goes_with_it)
{
	start(NULL, ALONE LAN USER "vlan=5\n");
	ck_assert_uint_eq(vswitch_home(network->vswitch), 5);
	reload(ALONE LAN);
	all_was("netdev nat: removed");
	ck_assert_uint_eq(vswitch_home(network->vswitch), 0);
}
END_TEST

START_TEST(default_netdevs_go_and_come_at_once)
{
	start(NULL, USER);
	reload(ALONE USER);
	all_was("network: no-default-netdevs; netdev lan: removed; netdev lan-dgram: removed; "
		"netdev lan-dial: removed");
	reload(ALONE USER);
	all_was("");
	reload(USER);
	all_was("network: no-default-netdevs; netdev lan: added; netdev lan-dgram: added; "
		"netdev lan-dial: added");
}
END_TEST

START_TEST(the_gateway_may_go_and_come)
{
	start(NULL, USER LAN "[guest web]\nip=10.0.2.20\n[dns]\na=10.0.2.50\n");
	reload(LAN "[guest web]\nip=10.0.2.20\n");
	all_was("dns a 10.0.2.50: removed; netdev nat: removed");
	ck_assert_ptr_null(gateway_find(network));
	reload(USER LAN "[guest web]\nip=10.0.2.20\n[dns]\na=10.0.2.50\n");
	all_was("netdev nat: added; dns a 10.0.2.50: added");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reload");
	TCase *tcase = tcase_create("reload");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, nothing_new_changes_nothing);
	tcase_add_test(tcase, netdevs_come_change_and_go);
	tcase_add_test(tcase, defaults_go_when_the_file_has_netdevs);
	tcase_add_test(tcase, a_name_moves_from_one_netdev_to_another);
	tcase_add_test(tcase, forwards_of_user_come_and_go_and_other_keys_wait);
	tcase_add_test(tcase, a_forward_removed_by_hand_comes_back);
	tcase_add_test(tcase, guests_come_change_and_go);
	tcase_add_test(tcase, names_come_and_go);
	tcase_add_test(tcase, what_is_not_the_files_stays);
	tcase_add_test(tcase, what_a_client_added_outlives_it_once_it_is_the_files);
	tcase_add_test(tcase, a_broken_file_changes_nothing);
	tcase_add_test(tcase, what_the_world_refuses_is_said_and_the_rest_is_done);
	tcase_add_test(tcase, settings_wait_but_for_the_log_level);
	tcase_add_test(tcase, default_netdevs_go_and_come_at_once);
	tcase_add_test(tcase, the_gateways_vlan_goes_with_it);
	tcase_add_test(tcase, the_gateway_may_go_and_come);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
