/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/statedir.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"

char *statedir_path(const char *name, const char *explicit_path, GError **error)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	if (explicit_path)
		return g_canonicalize_filename(explicit_path, NULL);
	if (state && state[0] == '/')
		return g_strdup_printf("%s/usernet/%s", state, name);
	if (home && home[0] == '/')
		return g_strdup_printf("%s/.local/state/usernet/%s", home, name);
	g_set_error(error, USERNET_ERROR, ERROR_FAILED, "neither $XDG_STATE_HOME nor $HOME is set");
	return NULL;
}

static bool make(struct statedir *statedir, GError **error)
{
	if (!file_private_dir(statedir->path, error))
		return false;
	statedir->lock_path = g_build_filename(statedir->path, "lock", NULL);
	statedir->lock_fd = file_lock(statedir->lock_path, error);
	return statedir->lock_fd >= 0;
}

bool statedir_open(struct statedir *statedir, const char *name, const char *explicit_path,
		   GError **error)
{
	g_autoptr(GError) why = NULL;

	statedir->lock_fd = -1;
	statedir->path = statedir_path(name, explicit_path, &why);
	if (statedir->path && make(statedir, &why))
		return true;
	statedir_close(statedir);
	if (explicit_path) {
		g_propagate_prefixed_error(error, g_steal_pointer(&why), "state directory: ");
		return false;
	}
	log_warning("leases will not be saved: state directory: %s", why->message);
	return true;
}

void statedir_close(struct statedir *statedir)
{
	if (statedir->path && statedir->lock_path && statedir->lock_fd >= 0)
		file_unlock(statedir->lock_fd);
	g_free(statedir->path);
	g_free(statedir->lock_path);
	*statedir = (struct statedir){.lock_fd = -1};
}
