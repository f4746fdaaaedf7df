/* SPDX-License-Identifier: BSD-3-Clause */
#include "program.h"

#include <glib.h>
#include <stdlib.h>
#include <unistd.h>

char *program_usernet(void)
{
	const char *given = getenv("USERNET");
	g_autofree char *self = program_self(), *folder = g_path_get_dirname(self);
	g_autofree char *beside = g_build_filename(folder, "usernet", NULL);
	/* A build folder has tools/usernetctl and usernet/usernet. */
	g_autofree char *built = g_build_filename(folder, "..", "usernet", "usernet", NULL);

	if (given && *given)
		return g_strdup(given);
	if (access(beside, X_OK) == 0 && !g_file_test(beside, G_FILE_TEST_IS_DIR))
		return g_steal_pointer(&beside);
	if (access(built, X_OK) == 0)
		return g_steal_pointer(&built);
	return g_strdup("usernet");
}

char *program_self(void)
{
	g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);

	return self ? g_steal_pointer(&self) : g_strdup("usernetctl");
}
