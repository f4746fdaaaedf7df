/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "sandbox/parts.h"
#include "sandbox/place.h"

/*
 * A new user namespace gives the right to mount, in a mount namespace of our own. The new root is
 * an empty tmpfs; each place is mounted in it where it was. Paths therefore stay valid, symbolic
 * links on the way included.
 *
 * Directories and sockets that are already open stay as they are. The user keeps the own user and
 * group id; other ids show as the overflow id (65534).
 */

/* Holds the new root while it is filled. Any directory will do, as the places are already open. */
#define HOLDER "/proc"

/* A place's mount, to be attached in the new root. */
struct tree {
	const char *path;
	char *real; /* without symbolic links; owned */
	int fd;     /* open_tree(2) */
	bool is_dir;
};

static void clear_tree(void *data)
{
	struct tree *tree = data;

	free(tree->real);
	close(tree->fd);
}

/* --- the user namespace --- */

static bool write_file(const char *path, const char *text, GError **error)
{
	autofd int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return part_failed(error, path, errno);
	return true;
}

static bool map_ids(uid_t uid, gid_t gid, GError **error)
{
	g_autofree char *users = g_strdup_printf("%u %u 1\n", uid, uid);
	g_autofree char *groups = g_strdup_printf("%u %u 1\n", gid, gid);
	int dumpable = prctl(PR_GET_DUMPABLE);
	bool ok;

	/* proc_pid_uid_map(5): these files belong to root while we are not dumpable. */
	prctl(PR_SET_DUMPABLE, 1);
	ok = write_file("/proc/self/uid_map", users, error) &&
	     write_file("/proc/self/setgroups", "deny", error) &&
	     write_file("/proc/self/gid_map", groups, error);
	prctl(PR_SET_DUMPABLE, dumpable);
	return ok;
}

/* --- the root --- */

static int compare_trees(const void *a, const void *b)
{
	const struct tree *one = a, *two = b;

	return strcmp(one->real, two->real);
}

static bool is_beneath(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return g_str_has_prefix(path, dir) && (path[len] == '/' || !path[len] || len == 1);
}

static bool take_tree(GArray *trees, const char *path, GError **error)
{
	struct tree tree = {.path = path, .real = realpath(path, NULL)};
	struct stat st;

	if (!tree.real || stat(tree.real, &st) < 0) {
		free(tree.real);
		return true;
	}
	tree.is_dir = S_ISDIR(st.st_mode);
	tree.fd =
		open_tree(AT_FDCWD, tree.real, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (tree.fd < 0) {
		part_failed(error, path, errno);
		free(tree.real);
		return false;
	}
	g_array_append_val(trees, tree);
	return true;
}

/* Makes the directories of @path that lead to its last component. @path: below the new root. */
static void make_parents(char *path)
{
	for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
}

/* The working directory is the new root. */
static bool attach(const struct tree *tree, GError **error)
{
	g_autofree char *at = g_strdup(tree->real + 1);

	if (!*at)
		return part_failed(error, "the root directory cannot be left out", EINVAL);
	make_parents(at);
	if (tree->is_dir) {
		if (mkdir(at, 0755) < 0 && errno != EEXIST)
			return part_failed(error, at, errno);
	} else {
		autofd int fd = open(at, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

		if (fd < 0)
			return part_failed(error, at, errno);
	}
	if (move_mount(tree->fd, "", AT_FDCWD, at, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return part_failed(error, tree->real, errno);
	return true;
}

/* A path given with a symbolic link in it gets a link to the place. */
static void link_name(const struct tree *tree, const GArray *trees)
{
	g_autofree char *at = g_strdup(tree->path + 1);

	for (guint i = 0; i < trees->len; i++) {
		if (is_beneath(tree->path, g_array_index(trees, struct tree, i).real))
			return;
	}
	make_parents(at);
	if (symlink(tree->real, at) < 0)
		errno = 0; /* it exists: two places lie behind one link */
}

static bool attach_all(GArray *trees, GError **error)
{
	const char *above = NULL;

	for (guint i = 0; i < trees->len; i++) {
		const struct tree *tree = &g_array_index(trees, struct tree, i);

		if (above && is_beneath(tree->real, above))
			continue;
		if (!attach(tree, error))
			return false;
		if (tree->is_dir)
			above = tree->real;
	}
	for (guint i = 0; i < trees->len; i++)
		link_name(&g_array_index(trees, struct tree, i), trees);
	return true;
}

/* Goes to @cwd in the new root, so that relative paths lead where they did. */
static bool go_back(char *cwd, GError **error)
{
	if (cwd && cwd[1]) {
		g_autofree char *at = g_strconcat(cwd + 1, "/", NULL);

		make_parents(at);
	}
	if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0)
		return part_failed(error, "cannot change the root", errno);
	if (mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) <
	    0)
		return part_failed(error, "cannot make the root read-only", errno);
	if (chdir("/") < 0 || (cwd && chdir(cwd) < 0))
		return part_failed(error, "cannot return to the working directory", errno);
	return true;
}

static bool change_root(GArray *trees, GError **error)
{
	char *cwd = getcwd(NULL, 0);
	bool ok;

	ok = mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) == 0 &&
	     mount("usernet", HOLDER, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755") ==
		     0 &&
	     chdir(HOLDER) == 0;
	if (!ok)
		part_failed(error, "cannot mount an empty root", errno);
	ok = ok && attach_all(trees, error) && go_back(cwd, error);
	free(cwd);
	return ok;
}

static bool enter(const GPtrArray *places, GError **error)
{
	GArray *trees = g_array_new(FALSE, FALSE, sizeof(struct tree));
	uid_t uid = geteuid();
	gid_t gid = getegid();
	bool ok;

	g_array_set_clear_func(trees, clear_tree);
	ok = unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS) == 0;
	if (!ok)
		part_failed(error, "this user may not create namespaces", errno);
	ok = ok && map_ids(uid, gid, error);
	for (guint i = 0; ok && i < places->len; i++)
		ok = take_tree(trees, ((const struct place *)places->pdata[i])->path, error);
	if (ok) {
		g_array_sort(trees, compare_trees);
		ok = change_root(trees, error);
	}
	g_array_unref(trees);
	return ok;
}

/*
 * A child tries first: a step that fails in the middle, for example because a security module
 * denies mounts, would leave this process with half of its paths.
 */
static bool rehearse(const GPtrArray *places, GError **error)
{
	char why[512] = "";
	autofd int ours = -1;
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return part_failed(error, "pipe", errno);
	ours = ends[0];
	child = fork();
	if (child == 0) {
		g_autoptr(GError) failure = NULL;

		if (!enter(places, &failure))
			(void)!write(ends[1], failure->message, strlen(failure->message));
		_exit(0);
	}
	close(ends[1]);
	if (child < 0)
		return part_failed(error, "fork", errno);
	if (read(ours, why, sizeof(why) - 1) > 0)
		g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_PERM, why);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	return !why[0];
}

bool namespaces_enter(const GPtrArray *places, GError **error)
{
	return rehearse(places, error) && enter(places, error);
}
