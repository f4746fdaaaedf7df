/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <check.h>

#include "fwd/guestfwd.h"
#include "fwd/rule.h"
#include "run_suite.h"

struct right {
	const char *text, *printed; /* NULL: as it stands */
};

static const struct right rights[] = {
	{"tcp:10.0.2.100:80-cmd:netcat -l 1", NULL},
	{"tcp:10.0.2.100:80-cmd:a;b|c - d:e, f+g", NULL},
	{":10.0.2.100:80-cmd:true", "tcp:10.0.2.100:80-cmd:true"},
	{"tcp::80-cmd:true", NULL},
	{"::80-cmd:true", "tcp::80-cmd:true"},
	{"tcp:0.0.0.0:80-cmd:true", "tcp::80-cmd:true"},
	{"tcp:10.2:80-cmd: true ", "tcp:10.0.0.2:80-cmd: true "},
	{"tcp::010-cmd:true", "tcp::10-cmd:true"}, /* decimal, as QEMU's */
	{"tcp:[fec0::100]:80-cmd:true", NULL},
	{"tcp:[FEC0:0::100]:80-cmd:true", "tcp:[fec0::100]:80-cmd:true"},
	{"tcp:10.0.2.100:80-unix:/run/web.sock", NULL},
	{"tcp::80-unix:/run/my-vm:[1];x,y z", NULL},
	{"tcp:10.0.2.100:80-tcp:127.0.0.1:8080", NULL},
	{"tcp:10.0.2.100:65535-tcp:192.0.2.1:1", NULL},
	{"tcp::1-tcp:localhost:65535", "tcp::1-tcp:127.0.0.1:65535"},
	{"tcp::80-tcp:[::1]:8080", NULL},
	{"tcp::80-tcp:[fe80::1%1]:8080", NULL},
	{"tcp::80-tcp:127.1:80", "tcp::80-tcp:127.0.0.1:80"},
};

struct wrong {
	const char *text, *reason, *hint;
};

#define FORM     "[tcp]:[server]:port-cmd:command, -unix:/path or -tcp:host:port is needed"
#define PROTOCOL " should be tcp, or left out: guests' UDP is not forwarded"
#define COLON    " should be [server]:port: the server may be left out, not its colon"
#define SERVER   " should be an address of the network: IPv4, or IPv6 in brackets"
#define SERVER6  " should be an IPv6 address of the network in brackets, such as [fec0::100]"
#define PORT     " should be a number from 1 to 65535"
#define TARGETS  "cmd:COMMAND, unix:/path or tcp:host:port"
#define TARGET   " should be " TARGETS " (character devices are QEMU's own)"
#define HOST     " should be IPv4, IPv6 in brackets, or localhost (names are not looked up)"
#define HOST6    " should be an IPv6 address in brackets, such as [::1]"

static const struct wrong wrongs[] = {
	{"", "No : separators", FORM},
	{"tcp", "No : separators", FORM},
	{"udp:10.0.2.100:53-cmd:true", "Bad protocol name", "'udp'" PROTOCOL},
	{"10.0.2.100:80-cmd:true", "Bad protocol name", "'10.0.2.100'" PROTOCOL},
	{"tcp:80", "Missing : separator", "'80'" COLON},
	{"tcp:x:80-cmd:true", "Bad server address", "'x'" SERVER},
	{"tcp:10.0.2.300:80-cmd:true", "Bad server address", "'10.0.2.300'" SERVER},
	{"tcp:80-cmd:true", "Bad server address", "'80-cmd'" SERVER},
	{"tcp:fec0::1:80-cmd:true", "Bad server address", "'fec0'" SERVER},
	{"tcp:[fec0::1:80-cmd:true", "Bad server address", "'[fec0::1:80-cmd:true'" SERVER6},
	{"tcp:[x]:80-cmd:true", "Bad server address", "'[x]:80-cmd:true'" SERVER6},
	{"tcp:[]:80-cmd:true", "Bad server address", "'[]:80-cmd:true'" SERVER6},
	{"tcp:[::]:80-cmd:true", "Bad server address", "'[::]:80-cmd:true'" SERVER6},
	{"tcp:[fe80::1%1]:8-cmd:true", "Bad server address", "'[fe80::1%1]:8-cmd:true'" SERVER6},
	{"tcp:[::ffff:1.2.3.4]:80-cmd:x", "Bad server address",
	 "'[::ffff:1.2.3.4]:80-cmd:x'" SERVER6},
	{"tcp:[fec0::1]80-cmd:x", "Missing : separator",
	 "the server address '[fec0::1]' should be followed by : and a port"},
	{"tcp::80", "Missing - separator", "the port '80' should be followed by - and " TARGETS},
	{"tcp::-cmd:true", "Bad server port", "''" PORT},
	{"tcp::0-cmd:true", "Bad server port", "'0'" PORT},
	{"tcp::65536-cmd:true", "Bad server port", "'65536'" PORT},
	{"tcp::0x50-cmd:true", "Bad server port", "'0x50'" PORT},
	{"tcp:: 80-cmd:true", "Bad server port", "' 80'" PORT},
	{"tcp::+80-cmd:true", "Bad server port", "'+80'" PORT},
	{"tcp::80..90-cmd:true", "Bad server port", "'80..90'" PORT},
	{"tcp:::1:80-cmd:true", "Bad server port",
	 "':1:80'" PORT "; an IPv6 address stands in brackets"},
	{"tcp::80-", "Bad target", "''" TARGET},
	{"tcp::80-chardev0", "Bad target", "'chardev0'" TARGET},
	{"tcp::80-stdio", "Bad target", "'stdio'" TARGET},
	{"tcp::80-udp:127.0.0.1:80", "Bad target", "'udp:127.0.0.1:80'" TARGET},
	{"tcp::80-cmd:", "Missing command", "cmd: should be followed by one"},
	{"tcp::80-cmd: \t", "Missing command", "cmd: should be followed by one"},
	{"tcp::80-unix:", "unix socket path must be absolute", "'' should begin with /"},
	{"tcp::80-unix:run/x", "unix socket path must be absolute", "'run/x' should begin with /"},
	{"tcp::80-tcp:", "Bad target", "'' should be host:port"},
	{"tcp::80-tcp:127.0.0.1", "Bad target", "'127.0.0.1' should be host:port"},
	{"tcp::80-tcp::80", "Bad target address", "''" HOST},
	{"tcp::80-tcp:0.0.0.0:80", "Bad target address", "'0.0.0.0'" HOST},
	{"tcp::80-tcp:example.org:80", "Bad target address", "'example.org'" HOST},
	{"tcp::80-tcp:::1:80", "Bad target address", "'::1'" HOST},
	{"tcp::80-tcp:[::]:80", "Bad target address", "'[::]'" HOST6},
	{"tcp::80-tcp:[]:80", "Bad target address", "'[]'" HOST6},
	{"tcp::80-tcp:[x]:80", "Bad target address", "'[x]'" HOST6},
	{"tcp::80-tcp:[::1]", "Bad target address", "'[:'" HOST},
	{"tcp::80-tcp:[:80", "Bad target address", "'['" HOST},
	{"tcp::80-tcp:127.0.0.1:", "Bad target port", "''" PORT},
	{"tcp::80-tcp:127.0.0.1:0", "Bad target port", "'0'" PORT},
	{"tcp::80-tcp:127.0.0.1:http", "Bad target port", "'http'" PORT},
	{"tcp::80-tcp:127.0.0.1:80+masquerade=on", "Bad target port", "'80+masquerade=on'" PORT},
};

/* Valid until the next call. */
static const char *sockaddr_text(const struct sockaddr_any *addr)
{
	static char text[64];
	g_autofree char *made = sockaddr_format(addr);

	g_strlcpy(text, made, sizeof(text));
	return text;
}

START_TEST(rules_read_and_print_the_same)
{
	const struct right *right = &rights[_i];
	const char *expected = right->printed ? right->printed : right->text;
	struct fwd_guestfwd rule, again;
	GError *error = NULL;
	char *printed;

	ck_assert_msg(fwd_guestfwd_parse(&rule, right->text, &error), "%s",
		      error ? error->message : "");
	printed = fwd_guestfwd_format(&rule);
	ck_assert_str_eq(printed, expected);
	ck_assert(fwd_guestfwd_parse(&again, printed, NULL));
	ck_assert(sockaddr_equal(&rule.server, &again.server));
	ck_assert_int_eq(rule.target, again.target);
	ck_assert_pstr_eq(rule.command, again.command);
	if (rule.target == FWD_TARGET_SOCKET)
		ck_assert(sockaddr_equal(&rule.to, &again.to));
	g_free(printed);
	fwd_guestfwd_clear(&again);
	fwd_guestfwd_clear(&rule);
}
END_TEST

START_TEST(bad_rules_are_told_what_would_be_right)
{
	const struct wrong *wrong = &wrongs[_i];
	struct fwd_guestfwd rule;
	GError *error = NULL;
	char *expected = g_strdup_printf("Invalid guest forwarding rule '%s' (%s): %s", wrong->text,
					 wrong->reason, wrong->hint);

	ck_assert_msg(!fwd_guestfwd_parse(&rule, wrong->text, &error), "'%s' passed", wrong->text);
	ck_assert_str_eq(error->message, expected);
	ck_assert(g_error_matches(error, FWD_ERROR, FWD_ERROR_INVALID));
	ck_assert_ptr_null(rule.command);
	fwd_guestfwd_clear(&rule);
	g_error_free(error);
	g_free(expected);
}
END_TEST

START_TEST(server_alone_is_read_with_a_target_or_without)
{
	static const char *const texts[] = {"tcp:10.0.2.100:80", ":10.0.2.100:80",
					    "tcp:10.0.2.100:80-cmd:a-b"};
	struct fwd_guestfwd rule;

	for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++) {
		ck_assert(fwd_guestfwd_parse_server(&rule, texts[i], NULL));
		ck_assert_str_eq(sockaddr_text(&rule.server), "10.0.2.100:80");
		ck_assert_ptr_null(rule.command);
	}
	ck_assert(fwd_guestfwd_parse_server(&rule, "tcp:[fec0::4]:8", NULL));
	ck_assert_str_eq(sockaddr_text(&rule.server), "[fec0::4]:8");
	ck_assert(fwd_guestfwd_parse_server(&rule, "tcp::8", NULL));
	ck_assert_str_eq(sockaddr_text(&rule.server), "0.0.0.0:8");
}
END_TEST

START_TEST(wrong_server_alone_is_told_what_would_be_right)
{
	static const struct wrong wrong[] = {
		{"udp::8", "Bad protocol name", "'udp'" PROTOCOL},
		{"tcp::", "Bad server port", "''" PORT},
		{"tcp::-cmd:x", "Bad server port", "''" PORT},
		{"tcp::70000", "Bad server port", "'70000'" PORT},
	};
	struct fwd_guestfwd rule;

	for (unsigned i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *expected =
			g_strdup_printf("Invalid guest forwarding rule '%s' (%s): %s",
					wrong[i].text, wrong[i].reason, wrong[i].hint);

		ck_assert(!fwd_guestfwd_parse_server(&rule, wrong[i].text, &error));
		ck_assert_str_eq(error->message, expected);
	}
}
END_TEST

START_TEST(path_that_is_too_long_is_refused)
{
	char *name = g_strnfill(107, 'x');
	char *text = g_strdup_printf("tcp::80-unix:/%s", name);
	struct fwd_guestfwd rule;
	GError *error = NULL;

	ck_assert(!fwd_guestfwd_parse(&rule, text, &error));
	ck_assert_ptr_nonnull(strstr(error->message, "has 108 bytes, the limit is 107"));
	g_clear_error(&error);
	text[strlen(text) - 1] = '\0';
	ck_assert(fwd_guestfwd_parse(&rule, text, &error));
	fwd_guestfwd_clear(&rule);
	g_free(text);
	g_free(name);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("guestfwd");
	TCase *tcase = tcase_create("guestfwd");

	tcase_add_loop_test(tcase, rules_read_and_print_the_same, 0, G_N_ELEMENTS(rights));
	tcase_add_loop_test(tcase, bad_rules_are_told_what_would_be_right, 0, G_N_ELEMENTS(wrongs));
	tcase_add_test(tcase, path_that_is_too_long_is_refused);
	tcase_add_test(tcase, server_alone_is_read_with_a_target_or_without);
	tcase_add_test(tcase, wrong_server_alone_is_told_what_would_be_right);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
