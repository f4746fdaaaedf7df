/* SPDX-License-Identifier: BSD-3-Clause */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "ctl/config/config.h"
#include "ctl/guests.h"
#include "ctl/netdev_kind.h"
#include "run_suite.h"

static struct options options;
static struct config *config;
static GError *error;

static void setup(void)
{
	memset(&options, 0, sizeof(options));
	options.settings = optstr_new(NULL);
	setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
}

static void teardown(void)
{
	config_free(config);
	config = NULL;
	options_clear(&options);
	g_clear_error(&error);
}

/* The command line, as main has it. */
static void say(const char *const *words)
{
	int argc = 1;
	g_autofree char **argv = NULL;
	char **args;

	while (words[argc - 1])
		argc++;
	argv = g_new0(char *, argc + 1);
	argv[0] = (char *)"usernet";
	for (int i = 1; i < argc; i++)
		argv[i] = (char *)words[i - 1];
	args = argv;
	options_clear(&options);
	ck_assert_msg(options_parse(&options, &argc, &args, &error), "%s",
		      error ? error->message : "");
}

static void load(const char *text)
{
	config_free(config);
	config = config_load_text(&options, text, strlen(text), "lab.conf", &error);
}

static void loads(const char *text)
{
	load(text);
	ck_assert_msg(config != NULL, "%s\n%s", text, error ? error->message : "");
}

static void is_refused(const char *text, const char *why)
{
	load(text);
	ck_assert_msg(!config, "was taken: %s", text);
	ck_assert_msg(strstr(error->message, why), "'%s' does not say '%s'", error->message, why);
	ck_assert_msg(error->domain == USERNET_ERROR && error->code == ERROR_USAGE, "%s",
		      error->message);
	g_clear_error(&error);
}

static struct optstr *netdev(const char *id)
{
	struct config_entry *entry = config_find(config, "netdev", id);

	ck_assert_msg(entry != NULL, "there is no netdev %s", id);
	return entry->opts;
}

static void has(const struct optstr *opts, const char *key, const char *value)
{
	ck_assert_pstr_eq(optstr_get(opts, key), value);
}

START_TEST(file_says_what_the_command_line_says)
{
	loads("# a lab\n"
	      "[network]\n"
	      "name = lab\n"
	      "log-level = debug\n"
	      "qmp = unix:/a/one.sock; unix:/a/two.sock,server=on,wait=off\n"
	      "pidfile = /a/pid\n"
	      "run-dir = /a/run\n"
	      "state-dir = none\n"
	      "ready-fd = 5\n"
	      "exit-with-parent = yes\n"
	      "\n"
	      "[netdev nat]\n"
	      "type = user\n"
	      "net = 10.9.0.0/16\n"
	      "hostfwd = tcp::2222-:22; udp::5300-10.9.0.20:53\n"
	      "\n"
	      "[netdev lan]\n"
	      "  type=stream  \r\n"
	      "server=on\n"
	      "addr.type=unix\n"
	      "addr.path=/a/with,comma and space\n"
	      "[guest web]\n"
	      "mac = 52:54:00:aa:bb:cc\n"
	      "ip = 10.9.0.20\n"
	      "port = lan\n"
	      "[dns]\n"
	      "*.apps = 10.9.0.20; fec0::20\n"
	      "db.example.org = 10.9.0.21\n");
	ck_assert_str_eq(config->settings.name, "lab");
	ck_assert_int_eq(config->settings.log_level, LOG_LEVEL_DEBUG);
	ck_assert_str_eq(config->settings.qmp[0], "/a/one.sock");
	ck_assert_str_eq(config->settings.qmp[1], "/a/two.sock");
	ck_assert_ptr_null(config->settings.qmp[2]);
	ck_assert_str_eq(config->settings.pidfile, "/a/pid");
	ck_assert_str_eq(config->run_dir, "/a/run");
	ck_assert(config->settings.no_state);
	ck_assert_int_eq(config->settings.ready_fd, 5);
	ck_assert(config->settings.exit_with_parent);
	ck_assert_uint_eq(config->netdevs->len, 2);
	has(netdev("nat"), "net", "10.9.0.0/16");
	ck_assert_str_eq(optstr_nth(netdev("nat"), "hostfwd", 1), "udp::5300-10.9.0.20:53");
	has(netdev("lan"), "type", "stream");
	has(netdev("lan"), "addr.path", "/a/with,comma and space");
	has(config_find(config, "guest", "WEB")->opts, "ip", "10.9.0.20");
	ck_assert_uint_eq(config->records->len, 3);
	ck_assert_ptr_nonnull(config_find(config, "dns", "*.apps fec0::20"));
}
END_TEST

START_TEST(escapes_are_read_and_a_semicolon_within_is_kept)
{
	loads("[netdev nat]\n"
	      "type=user\n"
	      "route=192.168.7.0/24\\;10.0.2.20;192.168.8.0/24\\;10.0.2.21\n"
	      "host-loopback=8080;5432\n"
	      "tftp=/a/b\\s\\\\c\n");
	ck_assert_str_eq(optstr_nth(netdev("nat"), "route", 0), "192.168.7.0/24;10.0.2.20");
	ck_assert_str_eq(optstr_nth(netdev("nat"), "route", 1), "192.168.8.0/24;10.0.2.21");
	has(netdev("nat"), "host-loopback", "8080;5432");
	has(netdev("nat"), "tftp", "/a/b \\c");
}
END_TEST

START_TEST(without_netdevs_there_are_a_gateway_and_three_ways_in)
{
	static const char *const files[] = {"", "# nothing\n", "[guest web]\n",
					    "[network]\nname=lab\n", "[guest web]\nport=lan"};

	for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
		loads(files[i]);
		ck_assert_uint_eq(config->netdevs->len, 4);
		has(netdev("nat"), "type", "user");
		has(netdev("lan-dgram"), "type", "dgram");
		ck_assert(!config->doors_added);
	}
	has(netdev("lan"), "addr.path", "/run/user/7/usernet/default/lan.sock");
	has(netdev("lan-dial"), "addr.path", "/run/user/7/usernet/default/guests/");
}
END_TEST

START_TEST(a_user_netdev_alone_keeps_the_ways_in)
{
	say((const char *[]){"--netdev", "user,id=lan,hostfwd=tcp::2222-:22", NULL});
	loads("");
	ck_assert(config->doors_added);
	ck_assert_uint_eq(config->netdevs->len, 4);
	has(netdev("lan"), "type", "user");
	/* The user's netdev has that id already. */
	has(netdev("lan2"), "addr.path", "/run/user/7/usernet/default/lan.sock");
	loads("[netdev own]\ntype=stream\naddr.type=fd\naddr.str=7\n");
	ck_assert_uint_eq(config->netdevs->len, 2);
	loads("[network]\nno-default-netdevs=on\n");
	ck_assert_uint_eq(config->netdevs->len, 1);
	ck_assert(!config->doors_added);
	say((const char *[]){"--no-default-netdevs", NULL});
	loads("");
	ck_assert_uint_eq(config->netdevs->len, 0);
}
END_TEST

/* "lab.conf:4: [network] pidfile: " or "--pidfile /p: ", whichever gave it. */
START_TEST(a_setting_is_blamed_where_it_stands)
{
	static const char *const cases[][3] = {
		{"pidfile", "", "--pidfile /p: no"},
		{"qmp", "", "--qmp unix:/a: no"},
		{"qmp", "1", "lab.conf:2: [network] qmp: no"},
		{"run-dir", "", "lab.conf:3: [network] run-dir: no"},
	};

	say((const char *[]){"--pidfile", "/p", "--qmp", "unix:/a", NULL});
	loads("[network]\nqmp=unix:/b\nrun-dir=/r\npidfile=/q\n");
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_set_error(&error, USERNET_ERROR, ERROR_FAILED, "no");
		config_blame_setting(config, &options, cases[i][0], cases[i][1][0] != 0, &error);
		ck_assert_str_eq(error->message, cases[i][2]);
		g_clear_error(&error);
	}
}
END_TEST

START_TEST(command_line_wins)
{
	say((const char *[]){"--name", "mine", "--netdev", "user,id=nat,restrict=on", "--guest",
			     "web,ip=10.0.2.99", "--qmp", "unix:/a/1", NULL});
	loads("[network]\nname=its\nlog-level=error\nqmp=unix:/a/2\n"
	      "[netdev nat]\ntype=user\nnet=10.9.0.0/24\n"
	      "[netdev lan]\ntype=socket\nlisten=:0\n"
	      "[guest Web]\nip=10.0.2.20\n[guest db]\n");
	ck_assert_str_eq(config->settings.name, "mine");
	ck_assert_int_eq(config->settings.log_level, LOG_LEVEL_ERROR);
	ck_assert_str_eq(config->settings.qmp[0], "/a/1");
	ck_assert_str_eq(config->settings.qmp[1], "/a/2");
	ck_assert_uint_eq(config->netdevs->len, 2);
	has(netdev("nat"), "restrict", "on");
	has(netdev("nat"), "net", NULL);
	ck_assert_int_eq(config_find(config, "netdev", "nat")->origin, ORIGIN_OPTION);
	ck_assert_int_eq(config_find(config, "netdev", "lan")->origin, ORIGIN_FILE);
	ck_assert_uint_eq(config->guests->len, 2);
	has(config_find(config, "guest", "web")->opts, "ip", "10.0.2.99");
}
END_TEST

START_TEST(what_the_command_line_hides_is_checked_all_the_same)
{
	say((const char *[]){"--netdev", "user,id=nat", NULL});
	is_refused("[netdev nat]\ntype=user\nnet=ten\n", "lab.conf:3: [netdev nat]: ");
}
END_TEST

/* Every option string of a list, written as a file's group, is the same again. */
START_TEST(option_strings_survive_the_way_through_a_file)
{
	static const char *const strings[] = {
		/* in parentheses, as clang takes it for a forgotten comma */
		("user,id=a,net=10.1.0.0/24,restrict=on,hostfwd=tcp::1-:1,hostfwd=udp::2-:2,"
		 "dnssearch=a.b,dnssearch=c.d,mtu=1400,host-loopback=1;2;3"),
		"user,id=a,route=10.0.0.0/8;10.0.2.7,ntp=10.0.2.8,dns-server=/x.y/1.2.3.4#5",
		"stream,id=a,server=on,addr.type=unix,addr.path=/a,,b\\c;d e",
		"stream,id=a,addr.type=inet,addr.host=127.0.0.1,addr.port=7,reconnect=5",
		"dgram,id=a,local.type=unix,local.path=/x,remote.type=unix,remote.path=/y",
		"dgram,id=a,remote.type=inet,remote.host=230.0.0.1,remote.port=1234",
		"socket,id=a,mcast=230.0.0.1:1234",
		"socket,id=a,fd=7",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(strings); i++) {
		auto_optstr struct optstr *opts = optstr_parse(strings[i], "type", NULL);
		const struct netdev_kind *kind = netdev_kind_of(opts, NULL);
		g_autoptr(GKeyFile) file = g_key_file_new();
		g_autofree char *text = NULL;

		g_key_file_set_string(file, "netdev a", "type", kind->name);
		for (const struct opt_spec *spec = kind->specs; spec->key; spec++) {
			g_autofree const char **all = optstr_all(opts, spec->key);

			if (all[0] && spec->flags & OPT_REPEATS)
				g_key_file_set_string_list(file, "netdev a", spec->key, all,
							   g_strv_length((char **)all));
			else if (all[0])
				g_key_file_set_string(file, "netdev a", spec->key, all[0]);
		}
		text = g_key_file_to_data(file, NULL, NULL);
		loads(text);
		ck_assert_uint_eq(config->netdevs->len, strcmp(kind->name, "user") ? 1 : 4);
		for (const struct opt_spec *spec = kind->specs; spec->key; spec++)
			ck_assert_msg(optstr_same(opts, netdev("a"), spec), "%s of %s", spec->key,
				      strings[i]);
	}
}
END_TEST

START_TEST(syntax_errors_have_their_line)
{
	is_refused("[network]\nname=a\nfrob\n",
		   "lab.conf:3: 'frob' is neither [GROUP] nor KEY=VALUE nor a # comment");
	is_refused("; an ini comment\n", "lab.conf:1: ");
	is_refused("name=a\n", "lab.conf:1: 'name' stands before the first [GROUP]");
	is_refused("[network\n", "lab.conf:1: '[network': a group is [NAME]");
	is_refused("[]\n", "lab.conf:1: ");
	is_refused("[a[b]]\n", "lab.conf:1: ");
	is_refused("[network]\n=x\n", "lab.conf:2: '' is not a key");
	is_refused("[network]\nname[de]=x\n", "lab.conf:2: 'name[de]' is not a key");
	is_refused("[network]\nname=\xff\n", "lab.conf:2: not text in UTF-8");
	is_refused("\n[network]\n\n[network]\n", "lab.conf:4: [network] is given twice: it is in "
						 "line 2 already");
	is_refused("[netdev a]\ntype=user\nnet=10.0.2.0/24\ntype=user\n",
		   "lab.conf:4: [netdev a] type is given twice: it is in line 2 already");
	is_refused("[netdev a]\ntype=user\nhostfwd=a\\x\n",
		   "lab.conf:3: [netdev a] hostfwd: after");
	is_refused("[netdev a]\ntype=user\ntftp=a\\;b\n", "lab.conf:3: [netdev a] tftp: after");
	is_refused("[netdev a]\ntype=user\nhostfwd=;;\n",
		   "lab.conf:3: [netdev a] hostfwd: an empty");
	is_refused("[netdev a]\ntype=user\nhostfwd=\n", "lab.conf:3: [netdev a] hostfwd has no");
}
END_TEST

START_TEST(a_zero_byte_is_no_text)
{
	static const char text[] = "[network]\nname=a\0b\n";

	config = config_load_text(&options, text, sizeof(text) - 1, "lab.conf", &error);
	ck_assert_ptr_null(config);
	ck_assert_str_eq(error->message, "lab.conf:2: not text in UTF-8");
}
END_TEST

START_TEST(unknown_groups_and_keys_name_the_ones_there_are)
{
	is_refused("[netdv lan]\n", "lab.conf:1: unknown group [netdv lan]; there are [network], "
				    "[netdev ID], [guest NAME] and [dns]");
	is_refused("[network]\nnam=a\n", "lab.conf:2: [network]: Parameter 'nam' is unexpected; a "
					 "network knows name, run-dir,");
	is_refused("[network]\nid=a\n", "'id' is unexpected");
	is_refused("[network]\nEncoding=8\n", "lab.conf:2: [network]: Parameter 'Encoding'");
	is_refused("[netdev a]\ntype=user\nnett=1\n",
		   "lab.conf:3: [netdev a]: Parameter 'nett' is unexpected; user knows id, ipv4,");
	is_refused("[netdev a]\nnet=1\n",
		   "lab.conf:1: [netdev a]: Parameter 'type' is missing; the netdevs are user,");
	is_refused("[netdev a]\n\ntype=pigeon\n",
		   "lab.conf:3: [netdev a]: Parameter 'type' does not "
		   "accept value 'pigeon'; the netdevs are user,");
	is_refused("[guest a]\nmca=1\n", "lab.conf:2: [guest a]: Parameter 'mca' is unexpected; a "
					 "guest knows name, mac, ip, port");
	is_refused("[network lab]\n", "lab.conf:1: [network lab]: write [network]");
	is_refused("[netdev]\n", "lab.conf:1: [netdev]: write [netdev ID]");
	is_refused("[guest]\n", "lab.conf:1: [guest]: write [guest NAME]");
	is_refused("[dns lan]\n", "lab.conf:1: [dns lan]: write [dns]");
	is_refused("[netdev a]\ntype=user\nid=b\n", "lab.conf:3: [netdev a] id is unexpected");
	is_refused("[guest a]\nname=b\n", "lab.conf:2: [guest a] name is unexpected");
}
END_TEST

START_TEST(wrong_values_have_their_line)
{
	is_refused("[network]\nname=a/b\n", "lab.conf:2: [network]: name 'a/b'");
	is_refused("[network]\n\nlog-level=loud\n", "lab.conf:3: [network]: log-level 'loud'");
	is_refused("[network]\nqmp=tcp:1\n", "qmp 'tcp:1': write unix:PATH");
	is_refused("[network]\nexit-with-parent=maybe\n", "lab.conf:2: [network]: Parameter "
							  "'exit-with-parent' expects 'on' or");
	is_refused("[netdev 1a]\ntype=user\n", "lab.conf:1: [netdev 1a]: Parameter 'id' expects");
	is_refused("[netdev a]\ntype=user\nmtu=9\n", "lab.conf:3: [netdev a]: ");
	is_refused("[netdev a]\ntype=user\nnet=10.0.2.0/24\ndhcpend=10.9.9.9\n",
		   "lab.conf:4: [netdev a]: user: dhcpend: 10.9.9.9");
	is_refused("[netdev a]\ntype=user\nroute=1.2.3.4\n",
		   "lab.conf:3: [netdev a]: route=1.2.3.4");
	is_refused("[netdev a]\ntype=user\nroute=10.1.0.0/16\\;10.9.9.9\n", "10.9.9.9");
	is_refused("[netdev a]\ntype=user\nntp=pool.ntp.org\n", "lab.conf:3: [netdev a]: ntp=");
	is_refused("[netdev a]\ntype=user\ndns-server=one\n",
		   "lab.conf:3: [netdev a]: dns-server=");
	is_refused("[netdev a]\ntype=user\ndomainname=a..b\n", "lab.conf:3: [netdev a]: ");
	is_refused("[netdev a]\ntype=user\n\nhostfwd=tcp::1-:1; x\n",
		   "lab.conf:4: [netdev a] hostfwd: Invalid host forwarding rule 'x'");
	is_refused("[netdev a]\ntype=stream\naddr.type=unix\n",
		   "lab.conf:1: [netdev a]: Parameter 'addr.path' is missing");
	is_refused("[netdev a]\ntype=stream\naddr.type=inet\naddr.host=h\naddr.port=1\n",
		   "'h' is not an address");
	is_refused("[netdev a]\ntype=socket\nlisten=:0\nfd=4\n", "exactly one of");
	is_refused("[netdev a]\ntype=user\n[netdev b]\ntype=user\n",
		   "lab.conf:3: [netdev b]: a network has one user netdev, and 'a' is one");
}
END_TEST

START_TEST(guests_that_collide_are_found)
{
	is_refused("[guest a]\nmac=01:00:00:00:00:01\n", "lab.conf:2: [guest a]: mac=01:00");
	is_refused("[guest a]\n\nip=10.0.2\n", "lab.conf:3: [guest a]: ip=10.0.2 is not");
	is_refused("[guest a_b]\n", "lab.conf:1: [guest a_b]: guest 'a_b': not a host name");
	is_refused("[guest gateway]\n", "the name is the network's own");
	is_refused("[guest a]\nport=lam\n",
		   "lab.conf:2: [guest a]: port=lam is not the id of a netdev; there are: lan, "
		   "lan-dgram");
	is_refused("[guest a]\nip=10.9.9.9\n",
		   "lab.conf:2: [guest a]: guest 'a': ip=10.9.9.9 is not a host's address in the "
		   "network 10.0.2.0/24");
	is_refused("[guest a]\n\nip=10.0.2.3\n",
		   "lab.conf:3: [guest a]: guest 'a': ip=10.0.2.3 is the "
		   "gateway's or the name server's");
	is_refused("[guest a]\nip=10.0.2.20\n[guest b]\nip=10.0.2.20\n",
		   "lab.conf:4: [guest b]: guest 'b': ip=10.0.2.20 is guest 'a' already");
	is_refused("[guest a]\nmac=52:54:00:00:00:01\n[guest b]\nmac=52:54:0:0:0:1\n",
		   "lab.conf:4: [guest b]: ");
	is_refused("[guest a]\n[guest A]\n", "lab.conf:2: [guest A]: Duplicate name 'A' for guest");
}
END_TEST

START_TEST(names_are_checked_as_the_name_server_does)
{
	is_refused("[dns]\na=10.0.2.300\n", "lab.conf:2: [dns]: a= '10.0.2.300' is not an");
	is_refused("[dns]\nb=10.0.2.3\na..b=10.0.2.3\n", "lab.conf:3: [dns]: ");
	is_refused("[dns]\na=10.0.2.3;10.0.2.3\n", "lab.conf:2: [dns] a: 10.0.2.3 is given twice");
	is_refused("[netdev l]\ntype=socket\nlisten=:0\n[dns]\na=10.0.2.3\n",
		   "lab.conf:4: [dns]: names are told by the name server of a user netdev");
}
END_TEST

START_TEST(the_command_line_is_named_where_it_is_wrong)
{
	say((const char *[]){"--netdev", "stream,id=a", NULL});
	is_refused("", "--netdev stream,id=a: Parameter 'addr' is missing");
	say((const char *[]){"--guest", "web,ip=x", NULL});
	is_refused("", "--guest web,ip=x: ip=x is not an IPv4 address");
	say((const char *[]){"--guest", "mac=52:54:00:00:00:01", NULL});
	is_refused("", "--guest mac=52:54:00:00:00:01: Parameter 'name' is missing");
	say((const char *[]){"--guest", "web", "--guest", "web", NULL});
	is_refused("", "--guest web: Duplicate name 'web' for guest");
	say((const char *[]){"--guest", "web,id=1", NULL});
	is_refused("", "Parameter 'id' is unexpected; a guest knows name, mac, ip, port");
}
END_TEST

/* --- files --- */

static char *dir, *path;

static void setup_file(void)
{
	setup();
	dir = g_dir_make_tmp("usernet-test-XXXXXX", NULL);
	path = g_build_filename(dir, "lab.conf", NULL);
	options.config = g_strdup(path);
}

static void teardown_file(void)
{
	teardown();
	unlink(path);
	rmdir(dir);
	g_free(path);
	g_free(dir);
}

static void is_no_file(const char *why)
{
	config_free(config);
	config = config_load(&options, NULL, &error);
	ck_assert_ptr_null(config);
	ck_assert_msg(error->domain == G_FILE_ERROR, "%s", error->message);
	ck_assert_msg(strstr(error->message, path) && strstr(error->message, why),
		      "'%s' does not say '%s'", error->message, why);
	g_clear_error(&error);
}

START_TEST(a_file_is_read_by_its_path)
{
	g_file_set_contents(path, "[network]\nname=lab\n", -1, NULL);
	config = config_load(&options, NULL, &error);
	ck_assert_ptr_nonnull(config);
	ck_assert_str_eq(config->settings.name, "lab");
	ck_assert_str_eq(config->path, path);
}
END_TEST

START_TEST(what_is_no_private_plain_file_is_not_read)
{
	is_no_file("No such file");
	mkdir(path, 0700);
	is_no_file("it is a directory");
	rmdir(path);
	mkfifo(path, 0600);
	is_no_file("it is not a plain file");
	unlink(path);
	g_file_set_contents(path, "", -1, NULL);
	chmod(path, 0602);
	is_no_file("others may write to it; chmod go-w is needed");
	chmod(path, 0620);
	is_no_file("others may write to it");
	if (geteuid() != 0) {
		chmod(path, 0);
		is_no_file("Permission denied");
	}
}
END_TEST

START_TEST(a_file_has_a_bound)
{
	g_autoptr(GString) text = g_string_new("#");

	while (text->len < CONFIG_FILE_MAX)
		g_string_append_c(text, 'x');
	g_file_set_contents(path, text->str, (gssize)text->len, NULL);
	config = config_load(&options, NULL, &error);
	ck_assert_ptr_nonnull(config);
	g_string_append_c(text, 'x');
	g_file_set_contents(path, text->str, (gssize)text->len, NULL);
	is_no_file("it is larger than 4 MB");
}
END_TEST

START_TEST(the_networks_own_file_is_found_by_name)
{
	g_autofree char *own = g_build_filename(dir, "usernet", NULL);
	g_autofree char *file = g_build_filename(own, "lab.conf", NULL);

	setenv("XDG_CONFIG_HOME", dir, 1);
	say((const char *[]){"--name", "lab", NULL});
	config = config_load(&options, NULL, &error);
	ck_assert_ptr_nonnull(config);
	ck_assert_ptr_null(config->file);
	ck_assert_str_eq(config->path, file);
	config_free(config);

	mkdir(own, 0700);
	g_file_set_contents(file, "[guest web]\n", -1, NULL);
	config = config_load(&options, NULL, &error);
	ck_assert_ptr_nonnull(config);
	ck_assert_uint_eq(config->guests->len, 1);
	config_free(config);

	say((const char *[]){"--netdev", "user,id=nat", NULL});
	config = config_load(&options, NULL, &error);
	ck_assert_ptr_nonnull(config);
	ck_assert_ptr_null(config->file);
	config_free(config);

	say((const char *[]){"--name", "lab", NULL});
	g_file_set_contents(file, "[guest w_b]\n", -1, NULL);
	config = config_load(&options, NULL, &error);
	ck_assert_ptr_null(config);
	unlink(file);
	rmdir(own);
	unsetenv("XDG_CONFIG_HOME");
}
END_TEST

START_TEST(a_networks_own_file_has_no_other_name)
{
	g_autofree char *own = g_build_filename(dir, "usernet", NULL);
	g_autofree char *file = g_build_filename(own, "default.conf", NULL);

	setenv("XDG_CONFIG_HOME", dir, 1);
	g_clear_pointer(&options.config, g_free);
	mkdir(own, 0700);
	g_file_set_contents(file, "[network]\nname=lab\n", -1, NULL);
	config = config_load(&options, NULL, &error);
	ck_assert_ptr_null(config);
	ck_assert_ptr_nonnull(
		strstr(error->message, "default.conf:2: [network] name: it is 'lab', but this is"));
	unlink(file);
	rmdir(own);
	unsetenv("XDG_CONFIG_HOME");
}
END_TEST

START_TEST(descriptors_of_file_and_command_line_are_kept)
{
	g_autoptr(GArray) fds = NULL;

	say((const char *[]){"--netdev", "socket,id=a,fd=9", "--ready-fd", "12", NULL});
	loads("[netdev b]\ntype=stream\naddr.type=fd\naddr.str=7\n"
	      "[netdev c]\ntype=dgram\nlocal.type=fd\nlocal.str=10\n");
	fds = config_kept_fds(config);
	ck_assert_uint_eq(fds->len, 4);
	ck_assert_int_eq(g_array_index(fds, int, 0), 7);
	ck_assert_int_eq(g_array_index(fds, int, 1), 9);
	ck_assert_int_eq(g_array_index(fds, int, 2), 10);
	ck_assert_int_eq(g_array_index(fds, int, 3), 12);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config");
	TCase *text = tcase_create("text"), *files = tcase_create("files");

	tcase_add_checked_fixture(text, setup, teardown);
	tcase_add_test(text, file_says_what_the_command_line_says);
	tcase_add_test(text, escapes_are_read_and_a_semicolon_within_is_kept);
	tcase_add_test(text, without_netdevs_there_are_a_gateway_and_three_ways_in);
	tcase_add_test(text, a_user_netdev_alone_keeps_the_ways_in);
	tcase_add_test(text, a_setting_is_blamed_where_it_stands);
	tcase_add_test(text, command_line_wins);
	tcase_add_test(text, what_the_command_line_hides_is_checked_all_the_same);
	tcase_add_test(text, option_strings_survive_the_way_through_a_file);
	tcase_add_test(text, syntax_errors_have_their_line);
	tcase_add_test(text, a_zero_byte_is_no_text);
	tcase_add_test(text, unknown_groups_and_keys_name_the_ones_there_are);
	tcase_add_test(text, wrong_values_have_their_line);
	tcase_add_test(text, guests_that_collide_are_found);
	tcase_add_test(text, names_are_checked_as_the_name_server_does);
	tcase_add_test(text, the_command_line_is_named_where_it_is_wrong);
	tcase_add_test(text, descriptors_of_file_and_command_line_are_kept);
	tcase_add_checked_fixture(files, setup_file, teardown_file);
	tcase_add_test(files, a_file_is_read_by_its_path);
	tcase_add_test(files, what_is_no_private_plain_file_is_not_read);
	tcase_add_test(files, a_file_has_a_bound);
	tcase_add_test(files, the_networks_own_file_is_found_by_name);
	tcase_add_test(files, a_networks_own_file_has_no_other_name);
	suite_add_tcase(suite, text);
	suite_add_tcase(suite, files);
	return run_suite(suite);
}
