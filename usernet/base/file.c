/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/file.h"
#include "base/file_error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_ATTEMPTS 10

static bool not_ours(const char *what, const char *path, uid_t owner, GError **error)
{
	return file_error(error, EPERM, "%s '%s' belongs to user %u, not to us (user %u)", what,
			  path, (unsigned)owner, (unsigned)geteuid());
}

/* Stats @name in the directory @at; creates the directory if nothing is there. @path: of both. */
static bool look_or_make(int at, const char *name, const char *path, struct stat *st,
			 GError **error)
{
	if (fstatat(at, name, st, AT_SYMLINK_NOFOLLOW) == 0)
		return true;
	if (errno == ENOENT && mkdirat(at, name, 0700) < 0 && errno != EEXIST)
		return file_error(error, errno, "cannot create directory '%s': %s", path,
				  g_strerror(errno));
	if (fstatat(at, name, st, AT_SYMLINK_NOFOLLOW) < 0)
		return file_error(error, errno, "cannot access directory '%s': %s", path,
				  g_strerror(errno));
	return true;
}

/*
 * Checks or creates the directory @path, a proper prefix of the requested path. In a directory
 * where anyone may create names (/tmp) an existing one may be a trap, so it must be owned by us or
 * by root.
 *
 * *@shared: whether the parent is such a directory; on return, whether @path is.
 */
static bool parent_dir(const char *path, bool *shared, GError **error)
{
	struct stat st;

	if (!look_or_make(AT_FDCWD, path, path, &st, error))
		return false;
	if (*shared && st.st_uid != geteuid() && st.st_uid != 0)
		return not_ours("directory", path, st.st_uid, error);
	if (S_ISLNK(st.st_mode) && stat(path, &st) < 0)
		return file_error(error, errno, "cannot use directory '%s': %s", path,
				  g_strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return file_error(error, ENOTDIR, "'%s' is not a directory", path);
	*shared = st.st_mode & S_IWOTH;
	return true;
}

static bool last_dir(int at, const char *name, const char *path, GError **error)
{
	struct stat st;

	if (!look_or_make(at, name, path, &st, error))
		return false;
	if (S_ISLNK(st.st_mode))
		return file_error(error, ELOOP, "'%s' is a symbolic link: a directory is needed",
				  path);
	if (!S_ISDIR(st.st_mode))
		return file_error(error, ENOTDIR, "'%s' is not a directory", path);
	if (st.st_uid != geteuid())
		return not_ours("directory", path, st.st_uid, error);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return file_error(error, EPERM,
				  "directory '%s' is writable by others (mode %04o): "
				  "0700 is needed",
				  path, (unsigned)st.st_mode & 07777);
	return true;
}

bool file_private_dir(const char *path, GError **error)
{
	g_autofree char *prefix = g_strdup(path);
	size_t len = strlen(prefix);
	bool shared = false;

	while (len > 1 && prefix[len - 1] == '/')
		prefix[--len] = '\0';
	if (!len)
		return file_error(error, EINVAL, "a directory's path cannot be empty");
	for (char *slash = strchr(prefix + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		bool fine;

		if (slash[-1] == '/')
			continue;
		*slash = '\0';
		fine = parent_dir(prefix, &shared, error);
		*slash = '/';
		if (!fine)
			return false;
	}
	return last_dir(AT_FDCWD, prefix, prefix, error);
}

bool file_private_subdir(const char *dir, const char *name, GError **error)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);
	autofd int fd = -1;

	if (!file_private_dir(dir, error))
		return false;
	fd = open(dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return file_error(error, errno, "cannot use directory '%s': %s", dir,
				  g_strerror(errno));
	return last_dir(fd, name, path, error);
}

/* Sets the error: @path is locked, by the pid that the holder wrote there. */
static void held_by(const char *path, int fd, GError **error)
{
	char text[32];
	ssize_t len = pread(fd, text, sizeof(text) - 1, 0);
	gint64 pid = 0;

	text[MAX(len, 0)] = '\0';
	g_strchomp(text);
	if (g_ascii_string_to_signed(text, 10, 1, G_MAXINT, &pid, NULL))
		file_error(error, EAGAIN, "'%s' is locked by pid %d", path, (int)pid);
	else
		file_error(error, EAGAIN, "'%s' is locked by another process", path);
}

/* Is the file at @path still the one that @fd has open? */
static bool is_still_there(const char *path, int fd)
{
	struct stat open_file, there;

	return fstat(fd, &open_file) == 0 && lstat(path, &there) == 0 &&
	       open_file.st_dev == there.st_dev && open_file.st_ino == there.st_ino;
}

static int open_lock_file(const char *path, GError **error)
{
	g_autofree char *dir = g_path_get_dirname(path);
	g_autofree char *name = g_path_get_basename(path);
	/* In steps: a link in the place of the directory would lead to files of somebody else. */
	autofd int at = open(dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	autofd int fd = -1;
	struct stat st;

	if (at >= 0)
		fd = openat(at, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0 || fstat(fd, &st) < 0) {
		file_error(error, errno, "cannot open lock file '%s': %s", path, g_strerror(errno));
		return -1;
	}
	if (!S_ISREG(st.st_mode)) {
		file_error(error, EINVAL, "lock file '%s' is not a regular file", path);
		return -1;
	}
	if (st.st_uid != geteuid()) {
		not_ours("lock file", path, st.st_uid, error);
		return -1;
	}
	return steal_fd(&fd);
}

int file_lock(const char *path, GError **error)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	g_autofree char *pid = g_strdup_printf("%d\n", (int)getpid());
	size_t len = strlen(pid);

	for (int attempt = 0; attempt < LOCK_ATTEMPTS; attempt++) {
		autofd int fd = open_lock_file(path, error);

		if (fd < 0)
			return -1;
		if (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
			if (errno == EAGAIN || errno == EACCES)
				held_by(path, fd, error);
			else
				file_error(error, errno, "cannot lock '%s': %s", path,
					   g_strerror(errno));
			return -1;
		}
		/* The file was removed between open and lock: this lock excludes nobody. */
		if (!is_still_there(path, fd))
			continue;
		if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, len, 0) != (ssize_t)len) {
			file_error(error, errno, "cannot write lock file '%s': %s", path,
				   g_strerror(errno));
			return -1;
		}
		return steal_fd(&fd);
	}
	file_error(error, EAGAIN, "lock file '%s' is removed repeatedly by another process", path);
	return -1;
}

void file_unlock(int fd)
{
	/* Clear the pid. If this fails the pid stays, which is harmless: only the lock counts. */
	if (ftruncate(fd, 0) < 0)
		errno = 0;
	close(fd);
}

/* False: see errno. */
static bool write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

/* Writes the new contents to @beside and renames it over @path. False: see errno. */
static bool replace(const char *path, const char *beside, const void *data, size_t len, bool sync)
{
	/* The name is fixed and unlinked first, so a crash leaves at most one file. */
	autofd int fd = -1;
	int err;

	if (unlink(beside) < 0 && errno != ENOENT)
		return false;
	fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	if (write_all(fd, data, len) && (!sync || fsync(fd) == 0) && rename(beside, path) == 0)
		return true;
	err = errno;
	unlink(beside);
	errno = err;
	return false;
}

bool file_replace_unsynced(const char *path, const void *data, size_t len, GError **error)
{
	g_autofree char *beside = g_strconcat(path, ".new", NULL);

	if (!replace(path, beside, data, len, false))
		return file_error(error, errno, "cannot write '%s': %s", path, g_strerror(errno));
	return true;
}

bool file_replace(const char *path, const void *data, size_t len, GError **error)
{
	g_autofree char *beside = g_strconcat(path, ".new", NULL);
	g_autofree char *dir = g_path_get_dirname(path);
	autofd int dir_fd = -1;

	if (!replace(path, beside, data, len, true))
		return file_error(error, errno, "cannot write '%s': %s", path, g_strerror(errno));
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0 || fsync(dir_fd) < 0)
		return file_error(error, errno, "cannot sync directory '%s': %s", dir,
				  g_strerror(errno));
	return true;
}
