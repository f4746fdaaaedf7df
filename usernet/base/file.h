/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_FILE_H
#define USERNET_BASE_FILE_H

#include <errno.h>
#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>
#include <unistd.h>

/*
 * Our files and directories: private by mode, checked for their owner, replaced atomically. Errors
 * are G_FILE_ERROR and name the path.
 */

/* An fd that closes itself at the end of its scope: `autofd int fd = -1;`. */
static inline void autofd_close(int *fd)
{
	int err = errno;

	if (*fd >= 0)
		close(*fd);
	errno = err; /* keep the caller's errno */
}
#define autofd __attribute__((cleanup(autofd_close)))
static inline int steal_fd(int *fd)
{
	int stolen = *fd;

	*fd = -1;
	return stolen;
}

/*
 * Creates @path and its missing parents with mode 0700. An existing @path must be a directory owned
 * by us and not writable by others; a symlink as the last component is refused. Parents inside a
 * directory that anyone may write to (/tmp) must be owned by us or by root.
 */
bool file_private_dir(const char *path, GError **error);
/* The same for @dir and @name in it; @dir is no symlink either, even if it becomes one meanwhile.
 */
bool file_private_subdir(const char *dir, const char *name, GError **error);

/*
 * Creates and locks @path (0600, open file description lock, close-on-exec) and writes our pid into
 * it. Returns the fd that holds the lock, or -1; if another process holds it, the error names its
 * pid. Neither @path nor its directory may be a symlink. The file is never unlinked: another
 * process may have opened it to lock it.
 */
int file_lock(const char *path, GError **error);
/* Releases the lock; the file stays, empty. */
void file_unlock(int fd);

/* Writes a new file beside @path (0600), fsyncs it, renames it, fsyncs the directory. */
bool file_replace(const char *path, const void *data, size_t len, GError **error);
/* The same without fsync: after a power loss the file may be empty. */
bool file_replace_unsynced(const char *path, const void *data, size_t len, GError **error);

#endif
