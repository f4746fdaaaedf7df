/* SPDX-License-Identifier: BSD-3-Clause */
#include <check.h>
#include <string.h>

#include "ctl/guests.h"
#include "ctl/netdev_kind.h"
#include "ctl/options/argv.h"
#include "ctl/options/settings.h"
#include "run_suite.h"

static const struct {
	const char *heading, *end; /* the key's part of --help */

} parts[] = {
	{"\n  user: ", "\n\n"},   {"\n  stream: ", "\n\n"}, {"\n  dgram: ", "\n\n"},
	{"\n  socket: ", "\n\n"}, {"\n  vxlan: ", "\n\n"},  {"\nGUEST is ", "\n\n"},
};

static const struct opt_spec *specs_of(int i)
{
	const struct opt_spec *all[] = {netdev_kind_user.specs,  netdev_kind_stream.specs,
					netdev_kind_dgram.specs, netdev_kind_socket.specs,
					netdev_kind_vxlan.specs, guest_specs};

	return all[i];
}

static char *help_text(void)
{
	struct options options;
	char *words[] = {(char *)"usernet", (char *)"--help", NULL}, **argv = words, *text;
	int argc = 2;

	ck_assert(options_parse(&options, &argc, &argv, NULL));
	text = g_steal_pointer(&options.help_text);
	options_clear(&options);
	return text;
}

static char *part_of_help(int i)
{
	g_autofree char *all = help_text();
	const char *from = strstr(all, parts[i].heading), *to;

	ck_assert_msg(from != NULL, "--help has no part%s", parts[i].heading);
	from = strchr(from + 1, '\n');
	to = strstr(from, parts[i].end);
	ck_assert_ptr_nonnull(to);
	return g_strndup(from, (gsize)(to - from));
}

START_TEST(help_names_every_key)
{
	g_autofree char *text = part_of_help(_i);

	for (const struct opt_spec *spec = specs_of(_i); spec->key; spec++) {
		/* One line stands for the architectures. */
		const char *named =
			g_str_has_prefix(spec->key, "bootfile.") ? "bootfile.ARCH" : spec->key;
		g_autofree char *key = g_regex_escape_string(named, -1);
		g_autofree char *pattern = g_strdup_printf("[ \n]%s=", key);

		ck_assert_msg(g_regex_match_simple(pattern, text, 0, 0),
			      "--help, %s: no %s=", parts[_i].heading + 1, spec->key);
	}
}
END_TEST

START_TEST(help_names_no_key_that_there_is_not)
{
	g_autofree char *text = part_of_help(_i);
	g_autoptr(GRegex) regex = g_regex_new("^    (.*)$", G_REGEX_MULTILINE, 0, NULL);
	g_autoptr(GRegex) keys = g_regex_new("(?:^|  )([a-z][a-z0-9.-]*)=", 0, 0, NULL);
	g_autoptr(GMatchInfo) lines = NULL;
	unsigned n = 0;

	for (g_regex_match(regex, text, 0, &lines); g_match_info_matches(lines);
	     g_match_info_next(lines, NULL)) {
		g_autofree char *line = g_match_info_fetch(lines, 1);
		g_autoptr(GMatchInfo) found = NULL;

		for (g_regex_match(keys, line, 0, &found); g_match_info_matches(found);
		     g_match_info_next(found, NULL)) {
			g_autofree char *key = g_match_info_fetch(found, 1);
			const struct opt_spec *spec = specs_of(_i);

			while (spec->key && strcmp(spec->key, key))
				spec++;
			ck_assert_msg(spec->key != NULL, "--help names %s=, which %s does not know",
				      key, parts[_i].heading + 1);
			n++;
		}
	}
	ck_assert_uint_gt(n, 4);
}
END_TEST

START_TEST(help_names_every_setting)
{
	g_autofree char *text = help_text();

	for (const struct opt_spec *spec = setting_specs; spec->key; spec++) {
		g_autofree char *pattern = g_strdup_printf("--%s[= \n]", spec->key);

		ck_assert_msg(g_regex_match_simple(pattern, text, 0, 0), "--help: no --%s",
			      spec->key);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("help");
	TCase *tc = tcase_create("help");

	tcase_add_loop_test(tc, help_names_every_key, 0, G_N_ELEMENTS(parts));
	tcase_add_loop_test(tc, help_names_no_key_that_there_is_not, 0, G_N_ELEMENTS(parts));
	tcase_add_test(tc, help_names_every_setting);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
