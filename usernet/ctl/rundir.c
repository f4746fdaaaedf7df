/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/rundir.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"

/* The parent directory of all networks of this user. */
static char *base_dir(void)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");

	if (runtime && runtime[0] == '/')
		return g_strdup_printf("%s/usernet", runtime);
	return g_strdup_printf("/tmp/usernet-%u", (unsigned)geteuid());
}

char *rundir_path(const char *name, const char *explicit_path)
{
	g_autofree char *base = base_dir();

	return explicit_path ? g_canonicalize_filename(explicit_path, NULL)
			     : g_strdup_printf("%s/%s", base, name);
}

bool rundir_open(struct rundir *rundir, const char *name, const char *explicit_path, GError **error)
{
	g_autofree char *base = base_dir();
	g_autoptr(GError) why = NULL;
	const char *end = "";

	rundir->lock_fd = -1;
	rundir->path = rundir_path(name, explicit_path);
	/* For the default, check the parent too: anyone may create names in /tmp. */
	if (!(explicit_path ? file_private_dir(rundir->path, error)
			    : file_private_subdir(base, name, error))) {
		g_prefix_error(error, "run directory: ");
		return false;
	}
	rundir->lock_path = rundir_file(rundir, "lock");
	rundir->lock_fd = file_lock(rundir->lock_path, &why);
	if (rundir->lock_fd >= 0)
		return true;
	if (g_error_matches(why, G_FILE_ERROR, G_FILE_ERROR_AGAIN))
		end = "; it runs already: stop it with 'usernetctl quit', or choose another --name";
	g_set_error(error, why->domain, why->code, "network '%s' cannot be started: %s%s", name,
		    why->message, end);
	return false;
}

void rundir_close(struct rundir *rundir)
{
	if (rundir->lock_fd >= 0) {
		file_unlock(rundir->lock_fd);
		rundir->lock_fd = -1;
	}
	g_free(rundir->path);
	g_free(rundir->lock_path);
	rundir->path = rundir->lock_path = NULL;
}

char *rundir_file(const struct rundir *rundir, const char *file)
{
	return g_strdup_printf("%s/%s", rundir->path, file);
}
