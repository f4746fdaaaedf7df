/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/folder.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/file.h"

struct folder {
	char *path;
	int fd;
};

/* --- openat2, or a walk where it is missing (before Linux 5.6, and in valgrind) --- */

static int openat2_beneath(int dir, const char *name, uint64_t flags)
{
	struct open_how how = {
		.flags = flags | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	/* EAGAIN: something beneath was renamed meanwhile, so ".." could not be checked. */
	for (unsigned tries = 0; tries < 8; tries++) {
		fd = syscall(SYS_openat2, dir, name, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return (int)fd;
}

/*
 * Removes "." and ".." from @path; equivalent, as no symbolic links are followed. False: it leads
 * out of the directory.
 */
static bool normalize(char *path)
{
	char *out = path, *next = path;

	while (next) {
		char *word = next;
		size_t len = strcspn(word, "/");

		next = word[len] ? word + len + 1 : NULL;
		if (len == 0 || (len == 1 && word[0] == '.'))
			continue;
		if (len == 2 && word[0] == '.' && word[1] == '.') {
			if (out == path)
				return false;
			while (--out > path && out[-1] != '/')
				;
			continue;
		}
		memmove(out, word, len);
		out += len;
		*out++ = '/';
	}
	if (out > path)
		out--;
	*out = '\0';
	return true;
}

/* Opens one component; ELOOP: it is a symbolic link. */
static int open_step(int dir, const char *name, int flags)
{
	autofd int fd = openat(dir, name, flags | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 && errno != ENOTDIR)
		return -1;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode)) {
		errno = ELOOP;
		return -1;
	}
	if (fd < 0)
		errno = ENOTDIR;
	return steal_fd(&fd);
}

static int walk_beneath(int dir, const char *name, int flags)
{
	char path[FOLDER_NAME_MAX + 1], *word = path, *slash;
	autofd int at = -1;

	if (g_strlcpy(path, name, sizeof(path)) >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (!normalize(path)) {
		errno = EXDEV;
		return -1;
	}
	while ((slash = strchr(word, '/'))) {
		int next;

		*slash = '\0';
		next = open_step(at < 0 ? dir : at, word, O_PATH | O_DIRECTORY);
		if (at >= 0)
			close(at);
		at = next;
		if (at < 0)
			return -1;
		word = slash + 1;
	}
	return open_step(at < 0 ? dir : at, *word ? word : ".", flags);
}

static int open_beneath(int dir, const char *name, int flags)
{
	int fd = openat2_beneath(dir, name, (uint64_t)flags);

	return fd < 0 && errno == ENOSYS ? walk_beneath(dir, name, flags) : fd;
}

static int open_dir(const char *path)
{
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

struct folder *folder_open(const char *key, const char *path, GError **error)
{
	autofd int fd = open_dir(path);
	struct folder *folder;

	if (fd < 0) {
		int err = errno;

		g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(err),
			    "user: %s: cannot serve '%s': %s", key, path, g_strerror(err));
		return NULL;
	}
	folder = g_new0(struct folder, 1);
	folder->path = g_strdup(path);
	folder->fd = steal_fd(&fd);
	return folder;
}

void folder_close(struct folder *folder)
{
	if (!folder)
		return;
	close(folder->fd);
	g_free(folder->path);
	g_free(folder);
}

/* Reopens the directory if it was removed and made again. */
static void follow(struct folder *folder)
{
	struct stat st;
	int fd;

	if (fstat(folder->fd, &st) < 0 || st.st_nlink > 0)
		return;
	fd = open_dir(folder->path);
	if (fd < 0)
		return;
	close(folder->fd);
	folder->fd = fd;
}

int folder_open_file(struct folder *folder, const char *name, struct stat *st)
{
	autofd int fd = -1, found = -1;

	follow(folder);
	name += strspn(name, "/");
	if (!*name)
		name = ".";
	/* Check before opening: opening a device may have effects. */
	found = open_beneath(folder->fd, name, O_PATH);
	if (found < 0 || fstat(found, st) < 0)
		return -1;
	if (!S_ISREG(st->st_mode)) {
		errno = EISDIR;
		return -1;
	}
	fd = open_beneath(folder->fd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, st) < 0)
		return -1;
	if (!S_ISREG(st->st_mode)) {
		errno = ENOENT; /* it was replaced meanwhile */
		return -1;
	}
	return steal_fd(&fd);
}
