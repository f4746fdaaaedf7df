/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/rundir.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"

/* The directory of all networks of this user. */
static char *base_dir(bool *in_runtime_dir)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");

	*in_runtime_dir = runtime && runtime[0] == '/';
	if (*in_runtime_dir)
		return g_strdup_printf("%s/usernet", runtime);
	return g_strdup_printf("/tmp/usernet-%u", (unsigned)geteuid());
}

char *rundir_path(const char *name, const char *explicit_path)
{
	bool in_runtime_dir;
	g_autofree char *base = base_dir(&in_runtime_dir);

	return explicit_path ? g_canonicalize_filename(explicit_path, NULL)
			     : g_strdup_printf("%s/%s", base, name);
}

bool rundir_open(struct rundir *rundir, const char *name, const char *explicit_path, GError **error)
{
	bool existed, in_runtime_dir;
	g_autofree char *base = base_dir(&in_runtime_dir);

	rundir->lock_fd = -1;
	rundir->path = rundir_path(name, explicit_path);
	existed = access(rundir->path, F_OK) == 0;
	/* The default's parent is ours too and must be checked: /tmp is everybody's. */
	if ((!explicit_path && !file_private_dir(base, error)) ||
	    !file_private_dir(rundir->path, error)) {
		g_prefix_error(error, "run directory: ");
		return false;
	}
	rundir->created = !existed || !explicit_path;
	/* The one in /tmp stays: once gone, somebody else could make one in its place. */
	if (!explicit_path && in_runtime_dir)
		rundir->parent = g_steal_pointer(&base);
	rundir->lock_path = rundir_file(rundir, "lock");
	rundir->lock_fd = file_lock(rundir->lock_path, error);
	if (rundir->lock_fd < 0) {
		rundir->created = false;
		g_prefix_error(error, "network '%s' cannot be started: ", name);
		return false;
	}
	return true;
}

void rundir_close(struct rundir *rundir)
{
	if (rundir->lock_fd >= 0) {
		unlink(rundir->lock_path);
		close(rundir->lock_fd);
		rundir->lock_fd = -1;
	}
	if (rundir->created)
		rmdir(rundir->path);
	if (rundir->parent)
		rmdir(rundir->parent);
	g_free(rundir->parent);
	g_free(rundir->path);
	g_free(rundir->lock_path);
	rundir->path = rundir->lock_path = rundir->parent = NULL;
}

char *rundir_file(const struct rundir *rundir, const char *file)
{
	return g_strdup_printf("%s/%s", rundir->path, file);
}
