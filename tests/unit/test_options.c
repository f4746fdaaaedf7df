/* SPDX-License-Identifier: BSD-3-Clause */
#include <check.h>
#include <string.h>

#include "base/error.h"
#include "ctl/options/argv.h"
#include "run_suite.h"

/* The result of parsing a command line. test_config tests netdevs and guests. */
static struct options options;
static GError *error;

static void setup(void)
{
	memset(&options, 0, sizeof(options));
	error = NULL;
}

static void teardown(void)
{
	options_clear(&options);
	g_clear_error(&error);
}

static bool parse(const char *line)
{
	g_auto(GStrv) owned = g_strsplit(line, " ", -1);
	int argc = (int)g_strv_length(owned);
	/* Words are taken out of it. */
	g_autofree char **argv = g_memdup2(owned, sizeof(*owned) * (gsize)(argc + 1));
	char **args = argv;

	options_clear(&options);
	return options_parse(&options, &argc, &args, &error);
}

static void is_set(const char *key, const char *value)
{
	ck_assert_str_eq(optstr_get(options.settings, key), value);
}

START_TEST(every_option_is_a_setting)
{
	ck_assert_msg(parse("usernet --name lab --run-dir /r --state-dir none --pidfile /p "
			    "--ready-fd 5 --exit-with-parent -v --qmp unix:/a --qmp unix:/b "
			    "--no-default-netdevs --log-file /l"),
		      "%s", error ? error->message : "");
	is_set("name", "lab");
	is_set("run-dir", "/r");
	is_set("state-dir", "none");
	is_set("pidfile", "/p");
	is_set("ready-fd", "5");
	is_set("exit-with-parent", "on");
	is_set("log-level", "debug");
	is_set("no-default-netdevs", "on");
	is_set("log-file", "/l");
}
END_TEST

START_TEST(what_is_said_of_the_log_wins_over_verbose)
{
	ck_assert(parse("usernet -v --log-level error"));
	is_set("log-level", "error");
}
END_TEST

START_TEST(help_and_version_ask_for_nothing_else)
{
	ck_assert(parse("usernet --help --log-level loud"));
	ck_assert(options.help);
	ck_assert_ptr_nonnull(strstr(options.help_text, "--netdev"));
	ck_assert(parse("usernet --version"));
	ck_assert(options.version && !options.help);
}
END_TEST

static const struct {
	const char *line, *part;
} mistakes[] = {
	{"usernet --frob", "Unknown option --frob; usernet --help shows what there is"},
	{"usernet --name", "Missing argument for --name"},
	{"usernet user,id=nat", "unexpected argument 'user,id=nat'; options begin with --"},
	{"usernet --log-level loud", "--log-level 'loud': error, warning"},
	{"usernet --ready-fd x", "--ready-fd"},
	{"usernet --name a/b", "--name"},
	{"usernet --qmp tcp:1", "--qmp"},
	{"usernet --daemon --exit-with-parent", "--exit-with-parent 'on': not with daemon"},
};

START_TEST(mistakes_name_the_option)
{
	ck_assert(!parse(mistakes[_i].line));
	ck_assert(g_error_matches(error, USERNET_ERROR, ERROR_USAGE));
	ck_assert_msg(strstr(error->message, mistakes[_i].part) != NULL, "%s", error->message);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("options");
	TCase *tc = tcase_create("options");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, every_option_is_a_setting);
	tcase_add_test(tc, what_is_said_of_the_log_wins_over_verbose);
	tcase_add_test(tc, help_and_version_ask_for_nothing_else);
	tcase_add_loop_test(tc, mistakes_name_the_option, 0, G_N_ELEMENTS(mistakes));
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
