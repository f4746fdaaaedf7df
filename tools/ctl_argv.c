/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_argv.h"

#include <string.h>

#include "ctl_options.h"

/* The first word from @at that is no option. */
static int skip_options(char **argv, int at)
{
	while (argv[at] && argv[at][0] == '-' && strcmp(argv[at], "--") != 0) {
		if (ctl_options_takes_value(argv[at]) && argv[at + 1])
			at++;
		at++;
	}
	return at;
}

char **ctl_argv_protect(int *argc, char **argv)
{
	int verb = skip_options(argv, 1), at = -1;
	bool is_log = argv[verb] && !strcmp(argv[verb], "log");
	GPtrArray *out = g_ptr_array_new();

	if (argv[verb] && (!strcmp(argv[verb], "run") || !strcmp(argv[verb], "ssh")))
		at = skip_options(argv, verb + 1);
	if (at >= 0 && argv[at] && !strcmp(argv[at], "--"))
		at = -1;
	for (int i = 0; i < *argc; i++) {
		if (i == at)
			g_ptr_array_add(out, (char *)"--");
		g_ptr_array_add(out, is_log && i > verb && !strcmp(argv[i], "-f")
					     ? (char *)"--follow"
					     : argv[i]);
	}
	*argc = (int)out->len;
	g_ptr_array_add(out, NULL);
	return (char **)g_ptr_array_free(out, FALSE);
}
