/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_FILE_H
#define USERNET_BASE_FILE_H

#include <errno.h>
#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>
#include <unistd.h>

/*
 * Files and directories of ours: private by mode, checked for their owner, replaced atomically.
 * Errors are G_FILE_ERROR and name the path.
 */

/* An fd that closes itself at the end of its scope: `autofd int fd = -1;`. */
static inline void autofd_close(int *fd)
{
	int err = errno;

	if (*fd >= 0)
		close(*fd);
	errno = err; /* the caller's error outlives the close */
}
#define autofd __attribute__((cleanup(autofd_close)))
static inline int steal_fd(int *fd)
{
	int stolen = *fd;

	*fd = -1;
	return stolen;
}

/*
 * Makes @path and its parents (0700) where missing. What is there must be a directory, ours, and
 * not writable by others; symlinks as the last component are refused. Parents in a directory that
 * anyone may write to (/tmp) must be ours or root's.
 */
bool file_private_dir(const char *path, GError **error);

/*
 * Creates and locks @path (0600, open file description lock, close-on-exec) and writes our pid into
 * it. Returns the fd, which is the lock, or -1; when another holds it, the error says its pid.
 * The file is never unlinked: another process may have it open and be about to lock it.
 */
int file_lock(const char *path, GError **error);
/* Gives the lock up; the file stays, empty. */
void file_unlock(int fd);

/* Writes @path anew beside itself (0600), fsyncs, renames, fsyncs the directory. */
bool file_replace(const char *path, const void *data, size_t len, GError **error);
/* The same without a sync: after a power loss the file may be empty. */
bool file_replace_unsynced(const char *path, const void *data, size_t len, GError **error);

#endif
