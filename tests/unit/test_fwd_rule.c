/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <check.h>
#include <string.h>

#include "fwd/rule.h"
#include "run_suite.h"

static const struct in_addr any = {0};

/* The text of a rule after it was parsed. */
struct right {
	const char *text, *printed; /* NULL: unchanged */
};

static const struct right qemus[] = {
	{"tcp:127.0.0.1:2222-10.0.2.15:22", NULL},
	{"udp:127.0.0.1:53-10.0.2.15:53", NULL},
	{"tcp:0.0.0.0:2222-:22", NULL},
	{"udp:127.0.0.1:0-10.0.2.15:1", NULL},
	{"tcp::2222-:22", "tcp:0.0.0.0:2222-:22"},
	{"::2222-:22", "tcp:0.0.0.0:2222-:22"},
	{":127.0.0.1:2222-:22", "tcp:127.0.0.1:2222-:22"},
	{"udp::53-:53", "udp:0.0.0.0:53-:53"},
	{"tcp::0-:65535", "tcp:0.0.0.0:0-:65535"},
	{"tcp::65535-:1", "tcp:0.0.0.0:65535-:1"},
	{"tcp::0x50-:0120", "tcp:0.0.0.0:80-:80"},
	{"tcp::0X1f90-:0x1F90", "tcp:0.0.0.0:8080-:8080"},
	{"tcp:: 80-: 80", "tcp:0.0.0.0:80-:80"}, /* blanks and signs that strtol accepts */
	{"tcp::+80-:+80", "tcp:0.0.0.0:80-:80"},
	{"tcp::00-:01", "tcp:0.0.0.0:0-:1"},
	{"tcp:127.1:80-:80", "tcp:127.0.0.1:80-:80"}, /* inet_aton */
	{"tcp:0x7f000001:80-:80", "tcp:127.0.0.1:80-:80"},
	{"tcp:0:80-:80", "tcp:0.0.0.0:80-:80"},
	{"tcp::80-0.0.0.0:80", "tcp:0.0.0.0:80-:80"},
	{"tcp::80-10.2:80", "tcp:0.0.0.0:80-10.0.0.2:80"},
	{"tcp::80-10:80", "tcp:0.0.0.0:80-0.0.0.10:80"},
	{"unix:/run/ssh.sock-:22", NULL},
	{"unix:/run/ssh.sock-10.0.2.15:22", NULL},
};

static const struct right v6[] = {
	{"tcp:[::1]:2222-[fd00::15]:22", NULL},
	{"udp:[fe80::1]:65535-[fd00::15]:65535", NULL},
	{"udp:[::]:1-[fec0::15]:2", NULL},
	{":[::1]:2222-[fd00::15]:22", "tcp:[::1]:2222-[fd00::15]:22"},
	{"tcp:[0:0::0:1]:22-[FD00::00AB]:22", "tcp:[::1]:22-[fd00::ab]:22"},
	{"tcp:[fe80::1%1]:22-[fd00::15]:22", NULL}, /* interface 1 is lo, always */
	{"tcp:[fe80::1%lo]:22-[fd00::15]:22", "tcp:[fe80::1%1]:22-[fd00::15]:22"},
	{"tcp:[fe80::1%0]:22-[fd00::15]:22", "tcp:[fe80::1]:22-[fd00::15]:22"},
	{"tcp::80-[fec0::15]:80", "tcp:[::]:80-[fec0::15]:80"},
	{"udp::0-[fec0::15]:80", "udp:[::]:0-[fec0::15]:80"},
	{"unix:/run/x-[fec0::15]:80", NULL},
	/* Across families the guest sees the gateway as client. */
	{"tcp:[::1]:80-:80", NULL},
	{"tcp:[::1]:80-10.0.2.15:80", NULL},
	{"tcp:127.0.0.1:80-[fec0::15]:80", NULL},
	{"tcp:0.0.0.0:80-[fec0::15]:80", NULL},
};

static const struct right both[] = {
	{"tcp:*:80-:80", NULL},
	{"udp:*:53-web:53", NULL},
	{"tcp:*:0-web:22", NULL},
	{":*:80-[fec0::15]:80", "tcp:*:80-[fec0::15]:80"},
	{"tcp:localhost:80-:80", NULL},
	{"udp:localhost:5000..5001-web:7000..7001", NULL},
	{"tcp:*:8000..8010-web:80", "tcp:*:8000..8010-web:80..90"},
};

static const struct right names[] = {
	{"tcp:0.0.0.0:80-web:80", NULL},
	{"tcp::80-web:80", "tcp:0.0.0.0:80-web:80"},
	{"tcp::80-Web:80", "tcp:0.0.0.0:80-web:80"},
	{"tcp::80-my-web-server:80", "tcp:0.0.0.0:80-my-web-server:80"},
	{"tcp::80-a:80", "tcp:0.0.0.0:80-a:80"},
	{"tcp::80-3com:80", "tcp:0.0.0.0:80-3com:80"},
	{"tcp::80-0x1g:80", "tcp:0.0.0.0:80-0x1g:80"},
	{"tcp::80-10-a:80", "tcp:0.0.0.0:80-10-a:80"},
	{"tcp:[::1]:80-web:80", NULL},
	{"udp:[::]:80-web:80", NULL},
	{"unix:/run/web-web:80", NULL},
	{"tcp::80-a23456789012345678901234567890123456789012345678901234567890123:80",
	 "tcp:0.0.0.0:80-a23456789012345678901234567890123456789012345678901234567890123:80"},
};

static const struct right ranges[] = {
	{"tcp:0.0.0.0:8000..8010-web:8000..8010", NULL},
	{"tcp::8000..8010-web:8000", "tcp:0.0.0.0:8000..8010-web:8000..8010"},
	{"udp::60000..60010-:60000", "udp:0.0.0.0:60000..60010-:60000..60010"},
	{"udp::60000..60010-:1", "udp:0.0.0.0:60000..60010-:1..11"},
	{"tcp::80..80-:8080", "tcp:0.0.0.0:80-:8080"},
	{"tcp::80-:8080..8080", "tcp:0.0.0.0:80-:8080"},
	{"tcp::0x10..0x20-:020", "tcp:0.0.0.0:16..32-:16..32"},
	{"tcp::1..65535-:1", "tcp:0.0.0.0:1..65535-:1..65535"},
	{"tcp::1..65535-:1..65535", "tcp:0.0.0.0:1..65535-:1..65535"},
	{"tcp::1..11-:65525", "tcp:0.0.0.0:1..11-:65525..65535"},
	{"tcp:[::1]:1..2-[fec0::15]:3..4", NULL},
	{"tcp::5..6-[fec0::15]:3..4", "tcp:[::]:5..6-[fec0::15]:3..4"},
	{"tcp::8000.. 8001-:8000", "tcp:0.0.0.0:8000..8001-:8000..8001"},
};

static const struct right options[] = {
	{"tcp:0.0.0.0:80-web:80+masquerade=on", NULL},
	{"tcp::80-web:80+masquerade=off", "tcp:0.0.0.0:80-web:80"},
	{"tcp::80-:80+masquerade=on", "tcp:0.0.0.0:80-:80+masquerade=on"},
	{"tcp::80-:+80+masquerade=on", "tcp:0.0.0.0:80-:80+masquerade=on"},
	{"tcp::80-:80+masquerade=on+masquerade=off", "tcp:0.0.0.0:80-:80"},
	{"tcp::80-:80+masquerade=off+masquerade=on", "tcp:0.0.0.0:80-:80+masquerade=on"},
	{"udp:[::1]:1..2-web:3..4+masquerade=on", NULL},
	{"unix:/run/x-web:80+masquerade=on", NULL},
};

static const struct right paths[] = {
	{"unix:[/run/x]-:22", "unix:/run/x-:22"},
	{"unix:[/run/my-vm.sock]-my-vm:22", NULL},
	{"unix:[/run/a]]b-c]-:22", NULL},
	{"unix:[/run/a]]]-:22", "unix:/run/a]-:22"},
	{"unix:/run/a]b-:22", NULL},
	{"unix:[/run/[a]]]-:22", "unix:/run/[a]-:22"},
	{"unix:/run/a:b,c;d e+f-:22", NULL},
	{"unix:/-:22", NULL},
	{"unix:/run/x-:0x16", "unix:/run/x-:22"},
	{"unix:/run/x-:22..22", "unix:/run/x-:22"},
	/* 107 bytes, the most that sun_path takes */
	{"unix:/23456789012345678901234567890123456789012345678901234567890123456789012345678901234"
	 "56789012345678901234567-:22",
	 NULL},
};

struct wrong {
	const char *text, *reason, *hint;
};

#define FORM "[tcp|udp]:[hostaddr]:hostport-[guestaddr]:guestport is needed"
#define NEEDS_COLON                                                                                \
	" should be [hostaddr]:hostport: the host address may be left out, not its colon"
#define GUEST_COLON " should be [guestaddr]:guestport: the guest may be left out, not its colon"
#define PROTOCOLS                                                                                  \
	" should be tcp, udp or unix (left out: tcp), in "                                         \
	"[tcp|udp]:[hostaddr]:hostport-[guestaddr]:guestport"
#define HOST_NEEDED                                                                                \
	" should be an address of this host: IPv4, IPv6 in brackets, localhost, or * for any"
#define GUEST_NEEDED " should be an IPv4 address, an IPv6 address in brackets, or a guest's name"
#define V6_NEEDED    " should be an IPv6 address in brackets, such as [::1]"
#define AND_PORT     " should be followed by : and a port"
#define AND_GUEST    " should be followed by -[guestaddr]:guestport"
#define FROM_0       " should be a number from 0 to 65535, or a range such as 8000..8010"
#define FROM_1       " should be a number from 1 to 65535, or a range such as 8000..8010"
#define IN_BRACKETS  "; an IPv6 address stands in brackets"
#define FIRST_LAST   " should be FIRST..LAST, both numbers from 1 to 65535"
#define SMALL_FIRST  " should be FIRST..LAST with the smaller number first"
#define OPTION       " should be masquerade=on or masquerade=off"
#define GUEST_V6                                                                                   \
	"the guest's IPv6 address should be one of the network's, neither [::] nor with a %scope"

static const struct wrong wrongs[] = {
	{"", "No : separators", FORM},
	{"x", "No : separators", FORM},
	{"tcp", "No : separators", FORM},
	{"2222", "No : separators", FORM},
	{"*:192.0.2.7-web", "Bad protocol name",
	 "ports must be named, as in *:192.0.2.7:1024..65535-web: each has a socket for TCP and one "
	 "for UDP, and the lower ones need root"},
	{"sctp::80-:80", "Bad protocol name", "'sctp'" PROTOCOLS},
	{"icmp::1-:1", "Bad protocol name", "'icmp'" PROTOCOLS},
	{"TCP::80-:80", "Bad protocol name", "'TCP'" PROTOCOLS},
	{" tcp::80-:80", "Bad protocol name", "' tcp'" PROTOCOLS},
	{"tcp ::80-:80", "Bad protocol name", "'tcp '" PROTOCOLS},
	{"2222-:22", "Bad protocol name", "'2222-'" PROTOCOLS},
	{"tcp6666-:66", "Bad protocol name", "'tcp6666-'" PROTOCOLS},
	{"127.0.0.1:80-:80", "Bad protocol name", "'127.0.0.1'" PROTOCOLS},
	{"8080:80", "Bad protocol name", "'8080'" PROTOCOLS}, /* docker's form */
	{"tcp:", "Missing : separator", "''" NEEDS_COLON},
	{"tcp:80", "Missing : separator", "'80'" NEEDS_COLON},
	{"tcp:80-", "Missing : separator", "'80-'" NEEDS_COLON},
	{"udp:/run/x", "Missing : separator", "'/run/x'" NEEDS_COLON},
	{"tcp:80-:80", "Bad host address", "'80-'" HOST_NEEDED},
	{"tcp:hostname:80-:80", "Bad host address", "'hostname'" HOST_NEEDED},
	{"tcp:1.2.3.4.5:80-:80", "Bad host address", "'1.2.3.4.5'" HOST_NEEDED},
	{"tcp:256.0.0.1:80-:80", "Bad host address", "'256.0.0.1'" HOST_NEEDED},
	{"tcp:127.0.0.1 x:80-:80", "Bad host address", "'127.0.0.1 x'" HOST_NEEDED},
	{"tcp: 127.0.0.1:80-:80", "Bad host address", "' 127.0.0.1'" HOST_NEEDED},
	{"tcp:fe80::1:80-:80", "Bad host address", "'fe80'" HOST_NEEDED},
	{"tcp:**:80-:80", "Bad host address", "'**'" HOST_NEEDED},
	{"tcp:LOCALHOST:80-:80", "Bad host address", "'LOCALHOST'" HOST_NEEDED},
	{"tcp:10.0.0.0/8:80-:80", "Bad host address", "'10.0.0.0/8'" HOST_NEEDED},
	{"tcp:[::1:80-:80", "Bad host address", "the host address '[::1:80-:80' lacks its ]"},
	{"tcp:[", "Bad host address", "the host address '[' lacks its ]"},
	{"tcp:[::1:80-[::2]:80", "Bad host address", "'[::1:80-[::2]'" V6_NEEDED},
	{"tcp:[]:80-[fec0::2]:80", "Bad host address", "'[]'" V6_NEEDED},
	{"tcp:[127.0.0.1]:80-:80", "Bad host address", "'[127.0.0.1]'" V6_NEEDED},
	{"tcp:[::ffff:127.0.0.1]:80-:80", "Bad host address", "'[::ffff:127.0.0.1]'" V6_NEEDED},
	{"tcp:[::1/64]:80-:80", "Bad host address", "'[::1/64]'" V6_NEEDED},
	{"tcp:[fe80::1%nosuchif0]:80-:80", "Bad host address", "'[fe80::1%nosuchif0]'" V6_NEEDED},
	{"tcp:[*]:80-:80", "Bad host address", "'[*]'" V6_NEEDED},
	{"tcp:[::1]", "Missing : separator", "the host address '[::1]'" AND_PORT},
	{"tcp:[::1]80-[fec0::2]:80", "Missing : separator", "the host address '[::1]'" AND_PORT},
	{"tcp:[::1]-:80", "Missing : separator", "the host address '[::1]'" AND_PORT},
	{"tcp::", "Bad host port separator", "the host port ''" AND_GUEST},
	{"tcp:::", "Bad host port separator", "the host port ':'" AND_GUEST},
	{"tcp::80", "Bad host port separator", "the host port '80'" AND_GUEST},
	{"tcp::80:80", "Bad host port separator", "the host port '80:80'" AND_GUEST},
	{"tcp:[::1]:22", "Bad host port separator", "the host port '22'" AND_GUEST},
	{"tcp::-:80", "Bad host port", "''" FROM_0},
	{"tcp::x-:80", "Bad host port", "'x'" FROM_0},
	{"tcp::80x-:80", "Bad host port", "'80x'" FROM_0},
	{"tcp::80 -:80", "Bad host port", "'80 '" FROM_0},
	{"tcp::0x-:80", "Bad host port", "'0x'" FROM_0},
	{"tcp::089-:80", "Bad host port", "'089'" FROM_0},
	{"tcp::1e3-:80", "Bad host port", "'1e3'" FROM_0},
	{"tcp::http-:80", "Bad host port", "'http'" FROM_0},
	{"tcp::65536-:80", "Bad host port", "'65536'" FROM_0},
	{"tcp::4294967376-:80", "Bad host port", "'4294967376'" FROM_0},
	{"tcp::99999999999999999999-:80", "Bad host port", "'99999999999999999999'" FROM_0},
	{"tcp:::1:80-:80", "Bad host port", "':1:80'" FROM_0 IN_BRACKETS},
	{"tcp::-1-:80", "Bad host port", "''" FROM_0},
	{"tcp::8000-8010-:80", "Bad guest address", "'8010-'" GUEST_NEEDED},
	{"tcp::8000..-:80", "Bad host port", "'8000..'" FIRST_LAST},
	{"tcp::..8000-:80", "Bad host port", "'..8000'" FIRST_LAST},
	{"tcp::..-:80", "Bad host port", "'..'" FIRST_LAST},
	{"tcp::0..10-:80", "Bad host port", "'0..10'" FIRST_LAST},
	{"tcp::0..0-:80", "Bad host port", "'0..0'" FIRST_LAST},
	{"tcp::8000...8010-:80", "Bad host port", "'8000...8010'" FIRST_LAST},
	{"tcp::8000..8010..8020-:80", "Bad host port", "'8000..8010..8020'" FIRST_LAST},
	{"tcp::65530..65536-:80", "Bad host port", "'65530..65536'" FIRST_LAST},
	{"tcp::8000..x-:80", "Bad host port", "'8000..x'" FIRST_LAST},
	{"tcp::8000.8010-:80", "Bad host port", "'8000.8010'" FROM_0},
	{"tcp::8000,8010-:80", "Bad host port", "'8000,8010'" FROM_0},
	{"tcp::8010..8000-:80", "Bad host port", "'8010..8000'" SMALL_FIRST},
	{"tcp::80-", "Missing guest address", "''" GUEST_COLON},
	{"tcp::80-80", "Missing guest address", "'80'" GUEST_COLON},
	{"tcp::80-web", "Missing guest address", "'web'" GUEST_COLON},
	{"tcp::80-10.0.2.15", "Missing guest address", "'10.0.2.15'" GUEST_COLON},
	{"tcp::80-web!:80", "Bad guest address", "'web!'" GUEST_NEEDED},
	{"tcp::80-web.lan:80", "Bad guest address", "'web.lan'" GUEST_NEEDED},
	{"tcp::80-my_web:80", "Bad guest address", "'my_web'" GUEST_NEEDED},
	{"tcp::80--web:80", "Bad guest address", "'-web'" GUEST_NEEDED},
	{"tcp::80-web-:80", "Bad guest address", "'web-'" GUEST_NEEDED},
	{"tcp::80-w eb:80", "Bad guest address", "'w eb'" GUEST_NEEDED},
	{"tcp::80- web:80", "Bad guest address", "' web'" GUEST_NEEDED},
	{"tcp::80-*:80", "Bad guest address", "'*'" GUEST_NEEDED},
	{"tcp::80-b\xc3\xbcro:80", "Bad guest address", "'b\xc3\xbcro'" GUEST_NEEDED},
	{"tcp::80-10.0.2.300:80", "Bad guest address", "'10.0.2.300'" GUEST_NEEDED},
	{"tcp::80-1.2.3.4.5:80", "Bad guest address", "'1.2.3.4.5'" GUEST_NEEDED},
	{"tcp::80-4294967296:80", "Bad guest address", "'4294967296'" GUEST_NEEDED},
	{"tcp::80-10-20:80", "Bad guest address", "'10-20'" GUEST_NEEDED},
	{"tcp::80-a234567890123456789012345678901234567890123456789012345678901234:80",
	 "Bad guest address",
	 "'a234567890123456789012345678901234567890123456789012345678901234'" GUEST_NEEDED},
	{"tcp::80-fec0::15:80", "Bad guest port", "':15:80'" FROM_1 IN_BRACKETS},
	{"tcp::80-[", "Bad guest address", "the guest address '[' lacks its ]"},
	{"tcp::80-[fec0::15:80", "Bad guest address",
	 "the guest address '[fec0::15:80' lacks its ]"},
	{"tcp::80-[web]:80", "Bad guest address", "'[web]'" V6_NEEDED},
	{"tcp::80-[10.0.2.15]:80", "Bad guest address", "'[10.0.2.15]'" V6_NEEDED},
	{"tcp::80-[::ffff:10.0.2.15]:80", "Bad guest address", "'[::ffff:10.0.2.15]'" V6_NEEDED},
	{"tcp::80-[::]:80", "Bad guest address", GUEST_V6},
	{"tcp::80-[fe80::1%lo]:80", "Bad guest address", GUEST_V6},
	{"tcp::80-[fec0::2]", "Missing guest address", "the guest address '[fec0::2]'" AND_PORT},
	{"tcp::80-[fec0::2]80", "Missing guest address", "the guest address '[fec0::2]'" AND_PORT},
	{"tcp::80-:", "Bad guest port", "''" FROM_1},
	{"tcp::80-:0", "Bad guest port", "'0'" FROM_1},
	{"tcp::0-:0", "Bad guest port", "'0'" FROM_1},
	{"tcp::80-:-1", "Bad guest port", "'-1'" FROM_1},
	{"tcp::80-:65536", "Bad guest port", "'65536'" FROM_1},
	{"tcp::80-:22x", "Bad guest port", "'22x'" FROM_1},
	{"tcp::80-:22 ", "Bad guest port", "'22 '" FROM_1},
	{"tcp::80-:22:23", "Bad guest port", "'22:23'" FROM_1 IN_BRACKETS},
	{"tcp::80-:22/tcp", "Bad guest port", "'22/tcp'" FROM_1},
	{"tcp::80-:22,masquerade=on", "Bad guest port", "'22,masquerade=on'" FROM_1},
	{"tcp::80-:80;tcp::81-:81", "Bad guest port", "'80;tcp::81-:81'" FROM_1 IN_BRACKETS},
	{"tcp::80-:80..", "Bad guest port", "'80..'" FIRST_LAST},
	{"tcp::80-:90..80", "Bad guest port", "'90..80'" SMALL_FIRST},
	{"tcp::80-:80..90", "Bad guest port",
	 "'80..90' is 11 ports and the host's side 1: both should be as many, or the guest's the "
	 "first one alone"},
	{"tcp::80..89-:80..90", "Bad guest port",
	 "'80..90' is 11 ports and the host's side 10: both should be as many, or the guest's the "
	 "first one alone"},
	{"tcp::1..11-:65526", "Bad guest port",
	 "11 ports from '65526' on would end beyond 65535; the first should be at most 65525"},
	{"tcp::80-:80+", "Bad option", "''" OPTION},
	{"tcp::80-:80+masquerade", "Bad option", "'masquerade'" OPTION},
	{"tcp::80-:80+masquerade=", "Bad option", "'masquerade='" OPTION},
	{"tcp::80-:80+masquerade=yes", "Bad option", "'masquerade=yes'" OPTION},
	{"tcp::80-:80+masquerade=on+", "Bad option", "''" OPTION},
	{"tcp::80-:80+speed=fast", "Bad option", "'speed=fast'" OPTION},
	{"tcp::80-:80++masquerade=on", "Bad option", "''" OPTION},
	{"tcp::80-:+masquerade=on", "Bad guest port", "''" FROM_1},
	{"tcp::80-:80+9", "Bad guest port", "'80+9'" FROM_1},
	{"unix:", "Missing unix socket path", "unix:/path-[guestaddr]:guestport is needed"},
	{"unix:-:22", "Missing unix socket path", "unix:/path-[guestaddr]:guestport is needed"},
	{"unix:[]-:22", "Missing unix socket path", "unix:/path-[guestaddr]:guestport is needed"},
	{"unix:run/x-:22", "unix socket path must be absolute", "'run/x' should begin with /"},
	{"unix:~/x-:22", "unix socket path must be absolute", "'~/x' should begin with /"},
	{"unix:@x-:22", "unix socket path must be absolute", "'@x' should begin with /"},
	{"unix::80-:22", "unix socket path must be absolute", "':80' should begin with /"},
	{"unix:[x-y]-:22", "unix socket path must be absolute", "'x-y' should begin with /"},
	{"unix:/run/x", "Missing - separator", "the path '/run/x'" AND_GUEST},
	{"unix:[/run/x-y]", "Missing - separator", "the path '/run/x-y'" AND_GUEST},
	{"unix:[/run/x]:22", "Missing - separator", "the path '/run/x'" AND_GUEST},
	{"unix:[/run/x-:22", "Missing - separator",
	 "the path '[/run/x-:22' lacks its ] (] in a path is ]])"},
	{"unix:[/run/x]]-:22", "Missing - separator",
	 "the path '[/run/x]-:22' lacks its ] (] in a path is ]])"},
	{"unix:/run/my-vm.sock-:22", "Bad guest address",
	 "'vm.sock-'" GUEST_NEEDED "; a path with '-' in it stands in brackets"},
	{"unix:/run/x-", "Missing guest address", "''" GUEST_COLON},
	{"unix:/run/x-22", "Missing guest address", "'22'" GUEST_COLON},
	{"unix:/run/x-:0", "Bad guest port", "'0'" FROM_1},
	{"unix:/run/x-:22..23", "Bad guest port",
	 "'22..23' is 2 ports and the host's side 1: both should be as many, or the guest's the "
	 "first one alone"},
	{"unix:/23456789012345678901234567890123456789012345678901234567890123456789012345678901234"
	 "567890123456789012345678-:22",
	 "Unix socket path is too long",
	 "socket path too long: '/2345678901234567890123456789012345678901234567890123456789012345"
	 "6789012345678901234567890123456789012345678' has 108 bytes, the limit is 107"},
};

static void assert_right(const struct right *table, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const char *expected = table[i].printed ? table[i].printed : table[i].text;
		struct fwd_rule rule, again, host;
		GError *error = NULL;
		char *printed, *side;

		ck_assert_msg(fwd_rule_parse(&rule, table[i].text, any, &error), "%s",
			      error ? error->message : "");
		printed = fwd_rule_format(&rule);
		ck_assert_str_eq(printed, expected);
		/* The printed rule parses to the same rule. */
		ck_assert(fwd_rule_parse(&again, printed, any, NULL));
		ck_assert(sockaddr_equal(&again.host, &rule.host));
		ck_assert(sockaddr_equal(&again.guest, &rule.guest));
		ck_assert_str_eq(again.guest_name, rule.guest_name);
		ck_assert_uint_eq(again.n_ports, rule.n_ports);
		ck_assert(again.udp == rule.udp && again.both == rule.both &&
			  again.masquerade == rule.masquerade);
		/* Its host's side alone removes it. */
		side = fwd_rule_format_host(&rule);
		ck_assert(g_str_has_prefix(printed, side));
		ck_assert_msg(fwd_rule_parse_host(&host, side, any, &error), "%s",
			      error ? error->message : "");
		ck_assert(sockaddr_equal(&host.host, &rule.host));
		ck_assert(host.both == rule.both && host.udp == rule.udp);
		ck_assert_uint_eq(host.n_ports, rule.n_ports);
		g_free(side);
		g_free(printed);
	}
}

static void assert_refused(const char *text, const char *reason, const char *hint)
{
	struct fwd_rule rule;
	GError *error = NULL;
	char *expected =
		g_strdup_printf("Invalid host forwarding rule '%s' (%s): %s", text, reason, hint);

	ck_assert_msg(!fwd_rule_parse(&rule, text, any, &error), "'%s' passed", text);
	ck_assert_str_eq(error->message, expected);
	ck_assert(g_error_matches(error, FWD_ERROR, FWD_ERROR_INVALID));
	g_error_free(error);
	g_free(expected);
}

#define ASSERT_RIGHT(table) assert_right(table, G_N_ELEMENTS(table))

START_TEST(qemus_rules_read_as_qemu_reads_them)
{
	ASSERT_RIGHT(qemus);
}
END_TEST

START_TEST(ipv6_stands_in_brackets)
{
	ASSERT_RIGHT(v6);
}
END_TEST

START_TEST(star_and_localhost_are_both_families)
{
	struct fwd_rule rule;

	ASSERT_RIGHT(both);
	ck_assert(fwd_rule_parse(&rule, "tcp:*:80-:80", any, NULL));
	ck_assert(rule.both && !rule.host_left_out);
	ck_assert_uint_eq(rule.host.in.sin_addr.s_addr, 0);
	ck_assert(fwd_rule_parse(&rule, "tcp:localhost:80-:80", any, NULL));
	ck_assert(rule.both);
	ck_assert_uint_eq(ntohl(rule.host.in.sin_addr.s_addr), INADDR_LOOPBACK);
}
END_TEST

START_TEST(guest_may_be_named)
{
	struct fwd_rule rule;

	ASSERT_RIGHT(names);
	ck_assert(fwd_rule_parse(&rule, "tcp::80-Web:8080", any, NULL));
	ck_assert_str_eq(rule.guest_name, "web");
	ck_assert_uint_eq(ntohs(rule.guest.in.sin_port), 8080);
	ck_assert_uint_eq(rule.guest.in.sin_addr.s_addr, 0);
}
END_TEST

START_TEST(ranges_are_as_many_ports_on_both_sides)
{
	struct fwd_rule rule;
	struct port_range ports;

	ASSERT_RIGHT(ranges);
	ck_assert(fwd_rule_parse(&rule, "tcp::8000..8010-web:80", any, NULL));
	ports = fwd_rule_host_ports(&rule);
	ck_assert_uint_eq(rule.n_ports, 11);
	ck_assert_uint_eq(ports.first, 8000);
	ck_assert_uint_eq(ports.last, 8010);
	ck_assert_uint_eq(ntohs(rule.guest.in.sin_port), 80);
}
END_TEST

START_TEST(options_follow_a_plus)
{
	ASSERT_RIGHT(options);
}
END_TEST

START_TEST(paths_with_a_dash_stand_in_brackets)
{
	struct fwd_rule rule;

	ASSERT_RIGHT(paths);
	ck_assert(fwd_rule_parse(&rule, "unix:[/run/a]]b-c]-:22", any, NULL));
	ck_assert_int_eq(rule.host.sa.sa_family, AF_UNIX);
	ck_assert_str_eq(rule.host.un.sun_path, "/run/a]b-c");
	ck_assert(!rule.udp);
}
END_TEST

START_TEST(bad_rules_are_told_in_qemus_words_and_what_would_be_right)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(wrongs); i++)
		assert_refused(wrongs[i].text, wrongs[i].reason, wrongs[i].hint);
}
END_TEST

START_TEST(tables_hold_what_was_promised)
{
	unsigned n = G_N_ELEMENTS(qemus) + G_N_ELEMENTS(v6) + G_N_ELEMENTS(both) +
		     G_N_ELEMENTS(names) + G_N_ELEMENTS(ranges) + G_N_ELEMENTS(options) +
		     G_N_ELEMENTS(paths) + G_N_ELEMENTS(wrongs);

	ck_assert_uint_ge(n, 150);
}
END_TEST

START_TEST(refused_rule_leaves_nothing_behind)
{
	static const struct fwd_rule none;
	struct fwd_rule rule;

	ck_assert(!fwd_rule_parse(&rule, "udp:*:80-web:80+x", any, NULL));
	ck_assert_mem_eq(&rule, &none, sizeof(rule));
}
END_TEST

START_TEST(default_host_address_is_used_where_none_is_named)
{
	struct fwd_rule rule;
	struct in_addr loopback = {htonl(INADDR_LOOPBACK)}, other = {inet_addr("192.0.2.1")};
	char *text;

	ck_assert(fwd_rule_parse(&rule, "tcp::80-:80", loopback, NULL));
	ck_assert_uint_eq(rule.host.in.sin_addr.s_addr, loopback.s_addr);
	ck_assert_uint_eq(rule.host.len, sizeof(struct sockaddr_in));
	ck_assert(rule.host_left_out);
	ck_assert(fwd_rule_parse(&rule, "tcp:0.0.0.0:80-:80", loopback, NULL));
	ck_assert_uint_eq(rule.host.in.sin_addr.s_addr, 0);
	ck_assert(!rule.host_left_out);
	ck_assert(fwd_rule_parse(&rule, "tcp::80-[fec0::15]:80", loopback, NULL));
	text = fwd_rule_format(&rule);
	ck_assert_str_eq(text, "tcp:[::1]:80-[fec0::15]:80");
	g_free(text);
	/* An address that has no twin stays. */
	ck_assert(fwd_rule_parse(&rule, "tcp::80-[fec0::15]:80", other, NULL));
	text = fwd_rule_format(&rule);
	ck_assert_str_eq(text, "tcp:192.0.2.1:80-[fec0::15]:80");
	g_free(text);
}
END_TEST

START_TEST(endless_parts_are_refused)
{
	char *long_part = g_strnfill(5000, '1');
	char *rule = g_strdup_printf("tcp:%s:80-:80", long_part);
	char *port = g_strdup_printf("tcp::%s-:80", long_part);
	char *host_hint = g_strdup_printf("'%s'" HOST_NEEDED, long_part);
	char *port_hint = g_strdup_printf("'%s'" FROM_0, long_part);

	assert_refused(rule, "Bad host address", host_hint);
	assert_refused(port, "Bad host port", port_hint);
	assert_refused(long_part, "No : separators", FORM);
	g_free(port_hint);
	g_free(host_hint);
	g_free(port);
	g_free(rule);
	g_free(long_part);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fwd_rule");
	TCase *tcase = tcase_create("fwd_rule");

	tcase_add_test(tcase, qemus_rules_read_as_qemu_reads_them);
	tcase_add_test(tcase, ipv6_stands_in_brackets);
	tcase_add_test(tcase, star_and_localhost_are_both_families);
	tcase_add_test(tcase, guest_may_be_named);
	tcase_add_test(tcase, ranges_are_as_many_ports_on_both_sides);
	tcase_add_test(tcase, options_follow_a_plus);
	tcase_add_test(tcase, paths_with_a_dash_stand_in_brackets);
	tcase_add_test(tcase, bad_rules_are_told_in_qemus_words_and_what_would_be_right);
	tcase_add_test(tcase, tables_hold_what_was_promised);
	tcase_add_test(tcase, refused_rule_leaves_nothing_behind);
	tcase_add_test(tcase, default_host_address_is_used_where_none_is_named);
	tcase_add_test(tcase, endless_parts_are_refused);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
