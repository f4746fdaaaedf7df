/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/socket_unix.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/file_error.h"

/* Tries to connect to a unix socket: 0 when a process serves it, else an errno. */
static int probe(const struct sockaddr_any *addr, int type)
{
	bool in_progress;
	autofd int fd = socket_connect(addr, type, &in_progress);

	if (fd >= 0)
		return 0;
	/* The queue is full, or the type differs: a process serves it. */
	return errno == EAGAIN || errno == EPROTOTYPE ? 0 : errno;
}

/* Unlinks the socket at @path when it is ours and no process serves it. */
static bool clear_stale(const struct sockaddr_any *addr, int type, GError **error)
{
	const char *path = addr->un.sun_path;
	struct stat st;
	int err;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ||
		       file_error(error, errno, "cannot access '%s': %s", path, g_strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return file_error(error, EEXIST, "'%s' exists and is not a socket", path);
	err = probe(addr, type);
	if (!err)
		return file_error(error, EADDRINUSE, "socket '%s' is in use by another process",
				  path);
	if (st.st_uid != geteuid())
		return file_error(error, EPERM,
				  "socket '%s' belongs to user %u, not to us (user %u)", path,
				  (unsigned)st.st_uid, (unsigned)geteuid());
	if (err != ECONNREFUSED && err != ENOENT)
		return file_error(error, err, "cannot tell whether socket '%s' is in use: %s", path,
				  g_strerror(err));
	if (unlink(path) < 0 && errno != ENOENT)
		return file_error(error, errno, "cannot remove the stale socket '%s': %s", path,
				  g_strerror(errno));
	return true;
}

bool unix_socket_bind(int fd, const struct sockaddr_any *addr, int type, GError **error)
{
	const char *path = addr->un.sun_path;
	g_autofree char *dir = NULL;
	mode_t mask;
	int err = 0;

	/* Bind first; check for a stale socket only when that fails, and only once. */
	for (int attempt = 0; attempt < 2; attempt++) {
		mask = umask(0177);
		err = bind(fd, &addr->sa, addr->len) < 0 ? errno : 0;
		umask(mask);
		if (!err)
			return true;
		if (err != EADDRINUSE)
			break;
		if (!clear_stale(addr, type, error))
			return false;
	}
	dir = g_path_get_dirname(path);
	switch (err) {
	case EADDRINUSE:
		return file_error(error, err, "socket '%s' is in use by another process", path);
	case ENOENT:
		return file_error(error, err, "cannot create socket '%s': no directory '%s'", path,
				  dir);
	case ENOTDIR:
		return file_error(error, err, "cannot create socket '%s': '%s' is not a directory",
				  path, dir);
	case EACCES:
	case EROFS:
		return file_error(error, err,
				  "cannot make socket '%s': no right to write in '%s' (%s)", path,
				  dir, g_strerror(err));
	default:
		return file_error(error, err, "cannot create socket '%s': %s", path,
				  g_strerror(err));
	}
}

bool unix_socket_share(const struct sockaddr_any *addr, const struct socket_file *file,
		       GError **error)
{
	mode_t mode = file->mode ? file->mode : 0600;
	const char *path = addr->un.sun_path;
	autofd int fd = -1;
	char by_fd[32];
	struct stat st;

	if (!file->mode && !file->has_group)
		return true;
	/* Check through a descriptor: the path may meanwhile be another file. */
	fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return file_error(error, errno, "cannot access '%s': %s", path, g_strerror(errno));
	if (!S_ISSOCK(st.st_mode) || st.st_uid != geteuid())
		return file_error(error, EPERM, "'%s' is not our socket any more", path);
	if (file->has_group && fchownat(fd, "", (uid_t)-1, file->group, AT_EMPTY_PATH) < 0)
		return file_error(
			error, errno,
			"cannot give socket '%s' to group %u: %s (use a group of which you are "
			"a member)",
			path, (unsigned)file->group, g_strerror(errno));
	/* fchmod() does not take an O_PATH descriptor (open(2)). */
	g_snprintf(by_fd, sizeof(by_fd), "/proc/self/fd/%d", fd);
	if (chmod(by_fd, mode) < 0)
		return file_error(error, errno, "cannot set mode %04o of socket '%s': %s",
				  (unsigned)mode, path, g_strerror(errno));
	return true;
}

bool unix_socket_unlink(const struct sockaddr_any *addr)
{
	struct stat st;

	if (lstat(addr->un.sun_path, &st) < 0 || !S_ISSOCK(st.st_mode) || st.st_uid != geteuid())
		return false;
	return unlink(addr->un.sun_path) == 0;
}
