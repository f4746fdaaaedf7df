/* SPDX-License-Identifier: BSD-3-Clause */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "run_suite.h"

static char *dir;

static char *in_dir(const char *name)
{
	return g_build_filename(dir, name, NULL);
}

static void remove_tree(const char *path)
{
	g_autoptr(GDir) entries = g_dir_open(path, 0, NULL);
	const char *name;

	while (entries && (name = g_dir_read_name(entries))) {
		g_autofree char *entry = g_build_filename(path, name, NULL);

		if (g_file_test(entry, G_FILE_TEST_IS_DIR) &&
		    !g_file_test(entry, G_FILE_TEST_IS_SYMLINK))
			remove_tree(entry);
		else
			unlink(entry);
	}
	ck_assert_int_eq(rmdir(path), 0);
}

static void setup(void)
{
	dir = g_dir_make_tmp("usernet-test-XXXXXX", NULL);
	ck_assert_ptr_nonnull(dir);
}

static void teardown(void)
{
	g_chmod(dir, 0700);
	remove_tree(dir);
	g_free(dir);
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	ck_assert_int_eq(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

/* Takes @error, which must say each of the parts (up to NULL). */
static void check_says(GError *error, const char *const *parts)
{
	ck_assert_ptr_nonnull(error);
	ck_assert_int_eq(error->domain, G_FILE_ERROR);
	for (; *parts; parts++)
		ck_assert_msg(strstr(error->message, *parts), "no '%s' in '%s'", *parts,
			      error->message);
	g_error_free(error);
}

#define assert_says(error, ...) check_says(error, (const char *const[]){__VA_ARGS__, NULL})

static void assert_dir_says(const char *path, const char *what)
{
	GError *error = NULL;

	ck_assert(!file_private_dir(path, &error));
	assert_says(error, path, what);
}

/* --- directories --- */

START_TEST(missing_directories_are_made_private)
{
	g_autofree char *a = in_dir("a"), *b = in_dir("a/b"), *c = in_dir("a/b/c");
	mode_t mask = umask(0);

	ck_assert(file_private_dir(c, NULL));
	umask(mask);
	ck_assert_uint_eq(mode_of(a), 0700);
	ck_assert_uint_eq(mode_of(b), 0700);
	ck_assert_uint_eq(mode_of(c), 0700);
	ck_assert(file_private_dir(c, NULL)); /* again */
}
END_TEST

START_TEST(slashes_may_be_doubled_or_trail)
{
	g_autofree char *messy = in_dir("a//b///"), *b = in_dir("a/b");

	ck_assert(file_private_dir(messy, NULL));
	ck_assert_uint_eq(mode_of(b), 0700);
}
END_TEST

START_TEST(directory_others_may_write_to_is_refused)
{
	g_autofree char *a = in_dir("a");

	ck_assert_int_eq(g_mkdir(a, 0700), 0);
	g_chmod(a, 0770);
	assert_dir_says(a, "writable by others");
	g_chmod(a, 0702);
	assert_dir_says(a, "0702");
	g_chmod(a, 0755);
	ck_assert(file_private_dir(a, NULL));
}
END_TEST

START_TEST(file_in_the_place_of_a_directory_is_named)
{
	g_autofree char *a = in_dir("a"), *b = in_dir("a/b");
	GError *error = NULL;

	ck_assert(g_file_set_contents(a, "", 0, NULL));
	assert_dir_says(a, "is not a directory");
	ck_assert(!file_private_dir(b, &error));
	assert_says(error, a, "is not a directory");
}
END_TEST

START_TEST(symlink_is_refused_as_the_last_part_only)
{
	g_autofree char *real = in_dir("real"), *link = in_dir("link"), *below = in_dir("link/b");

	ck_assert_int_eq(g_mkdir(real, 0700), 0);
	ck_assert_int_eq(symlink(real, link), 0);
	assert_dir_says(link, "symbolic link");
	ck_assert(file_private_dir(below, NULL));
}
END_TEST

START_TEST(dangling_symlink_on_the_way_is_named)
{
	g_autofree char *link = in_dir("link"), *below = in_dir("link/b");
	GError *error = NULL;

	ck_assert_int_eq(symlink("/nonexistent/target", link), 0);
	ck_assert(!file_private_dir(below, &error));
	assert_says(error, link, "No such file");
}
END_TEST

START_TEST(empty_path_is_refused)
{
	GError *error = NULL;

	ck_assert(!file_private_dir("", &error));
	assert_says(error, "empty");
}
END_TEST

START_TEST(directory_that_cannot_be_made_is_named)
{
	g_autofree char *a = in_dir("a");
	uid_t us = geteuid();

	ck_assert_int_eq(g_chmod(dir, 0500), 0);
	if (us == 0)
		ck_assert_int_eq(seteuid(65534), 0);
	assert_dir_says(a, "Permission denied");
	if (us == 0)
		ck_assert_int_eq(seteuid(us), 0);
}
END_TEST

START_TEST(directory_of_another_user_is_refused)
{
	g_autofree char *a = in_dir("a");

	ck_assert_int_eq(g_mkdir(a, 0700), 0);
	ck_assert_int_eq(chown(a, 65534, 65534), 0);
	assert_dir_says(a, "belongs to user 65534");
}
END_TEST

START_TEST(parent_of_another_user_in_a_shared_directory_is_a_trap)
{
	g_autofree char *a = in_dir("a"), *b = in_dir("a/b");
	GError *error = NULL;

	ck_assert_int_eq(g_mkdir(a, 0700), 0);
	ck_assert_int_eq(chown(a, 65534, 65534), 0);
	ck_assert_int_eq(g_chmod(dir, 01777), 0);
	ck_assert(!file_private_dir(b, &error));
	assert_says(error, a, "belongs to user 65534");
	ck_assert(!g_file_test(b, G_FILE_TEST_EXISTS));
	/* Where only we can make names, it was put there by us. */
	ck_assert_int_eq(g_chmod(dir, 0700), 0);
	ck_assert(file_private_dir(b, NULL));
}
END_TEST

/* --- locks --- */

START_TEST(lock_is_private_close_on_exec_and_holds_our_pid)
{
	g_autofree char *path = in_dir("lock"), *text = NULL;
	g_autofree char *pid = g_strdup_printf("%d\n", (int)getpid());
	autofd int fd = -1;

	ck_assert(g_file_set_contents(path, "1234567890 of one gone\n", -1, NULL));
	g_chmod(path, 0600);
	fd = file_lock(path, NULL);
	ck_assert_int_ge(fd, 0);
	ck_assert_uint_eq(mode_of(path), 0600);
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	ck_assert(g_file_get_contents(path, &text, NULL, NULL));
	ck_assert_str_eq(text, pid);
}
END_TEST

START_TEST(lock_held_names_the_holder_and_ends_with_its_fd)
{
	g_autofree char *path = in_dir("lock");
	g_autofree char *pid = g_strdup_printf("pid %d", (int)getpid());
	GError *error = NULL;
	int fd = file_lock(path, NULL);

	ck_assert_int_ge(fd, 0);
	/* Of the open file, not of the process: we ourselves are shut out. */
	ck_assert_int_eq(file_lock(path, &error), -1);
	assert_says(error, path, "locked by", pid);
	close(fd);
	fd = file_lock(path, NULL);
	ck_assert_int_ge(fd, 0);
	close(fd);
}
END_TEST

START_TEST(lock_of_a_holder_without_a_pid_is_told)
{
	g_autofree char *path = in_dir("lock");
	GError *error = NULL;
	autofd int fd = file_lock(path, NULL);

	ck_assert_int_eq(ftruncate(fd, 0), 0);
	ck_assert_int_eq(file_lock(path, &error), -1);
	assert_says(error, path, "locked by another process");
}
END_TEST

START_TEST(lock_of_a_killed_process_is_free)
{
	g_autofree char *path = in_dir("lock");
	int fd, ready[2], status;
	pid_t child;
	char c;

	ck_assert_int_eq(pipe(ready), 0);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (!child) {
		if (file_lock(path, NULL) >= 0 && write(ready[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	ck_assert_int_eq(file_lock(path, NULL), -1);
	kill(child, SIGKILL);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	fd = file_lock(path, NULL);
	ck_assert_int_ge(fd, 0);
	close(fd);
	close(ready[0]);
	close(ready[1]);
}
END_TEST

START_TEST(lock_stays_when_it_is_given_up)
{
	g_autofree char *path = in_dir("lock");
	struct stat before, after;
	int fd = file_lock(path, NULL);

	ck_assert_int_eq(fstat(fd, &before), 0);
	file_unlock(fd);
	ck_assert_int_eq(stat(path, &after), 0);
	ck_assert_uint_eq(before.st_ino, after.st_ino);
	ck_assert_int_eq(after.st_size, 0);
}
END_TEST

START_TEST(lock_that_is_no_plain_file_is_refused)
{
	g_autofree char *fifo = in_dir("fifo"), *link = in_dir("link"), *target = in_dir("target");
	GError *error = NULL;

	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	ck_assert_int_eq(file_lock(fifo, &error), -1);
	assert_says(g_steal_pointer(&error), fifo, "not a regular file");
	ck_assert_int_eq(symlink(target, link), 0);
	ck_assert_int_eq(file_lock(link, &error), -1);
	assert_says(error, link);
	ck_assert(!g_file_test(target, G_FILE_TEST_EXISTS));
}
END_TEST

START_TEST(lock_behind_a_linked_directory_is_refused)
{
	g_autofree char *owned = in_dir("theirs"), *link = in_dir("linked"),
			*path = in_dir("linked/lock"), *text = NULL;
	g_autofree char *theirs = in_dir("theirs/lock");
	GError *error = NULL;

	ck_assert_int_eq(g_mkdir(owned, 0700), 0);
	ck_assert(g_file_set_contents(theirs, "kept", -1, NULL));
	ck_assert_int_eq(symlink(owned, link), 0);
	ck_assert_int_eq(file_lock(path, &error), -1);
	assert_says(error, path);
	ck_assert(g_file_get_contents(theirs, &text, NULL, NULL));
	ck_assert_str_eq(text, "kept");
}
END_TEST

/* --- replacement --- */

START_TEST(replace_makes_and_replaces_privately_and_leaves_nothing_beside)
{
	g_autofree char *path = in_dir("leases"), *text = NULL;
	g_autoptr(GDir) entries = NULL;
	mode_t mask = umask(0);
	gsize len;

	ck_assert(file_replace(path, "one", 3, NULL));
	ck_assert(file_replace(path, "t\0o", 3, NULL));
	umask(mask);
	ck_assert_uint_eq(mode_of(path), 0600);
	ck_assert(g_file_get_contents(path, &text, &len, NULL));
	ck_assert_uint_eq(len, 3);
	ck_assert_mem_eq(text, "t\0o", 3);
	entries = g_dir_open(dir, 0, NULL);
	ck_assert_str_eq(g_dir_read_name(entries), "leases");
	ck_assert_ptr_null(g_dir_read_name(entries));
}
END_TEST

START_TEST(replace_keeps_the_old_file_for_who_has_it_open)
{
	g_autofree char *path = in_dir("leases");
	autofd int old = -1;
	char c;

	ck_assert(file_replace(path, "1", 1, NULL));
	old = open(path, O_RDONLY);
	ck_assert(file_replace(path, "2", 1, NULL));
	ck_assert_int_eq(read(old, &c, 1), 1);
	ck_assert_int_eq(c, '1');
}
END_TEST

START_TEST(replace_does_not_follow_what_a_crash_or_a_trap_left_beside)
{
	g_autofree char *path = in_dir("leases"), *beside = in_dir("leases.new");
	g_autofree char *target = in_dir("target");

	ck_assert_int_eq(symlink(target, beside), 0);
	ck_assert(file_replace(path, "1", 1, NULL));
	ck_assert(!g_file_test(target, G_FILE_TEST_EXISTS));
	ck_assert(g_file_test(path, G_FILE_TEST_IS_REGULAR));
}
END_TEST

START_TEST(replace_that_fails_names_the_path_and_leaves_nothing)
{
	g_autofree char *gone = in_dir("gone/leases"), *sub = in_dir("sub");
	g_autofree char *beside = in_dir("sub.new");
	GError *error = NULL;

	ck_assert(!file_replace(gone, "1", 1, &error));
	assert_says(g_steal_pointer(&error), gone, "No such file");
	ck_assert_int_eq(g_mkdir(sub, 0700), 0); /* rename() over a directory fails */
	ck_assert(!file_replace(sub, "1", 1, &error));
	assert_says(error, sub);
	ck_assert(!g_file_test(beside, G_FILE_TEST_EXISTS));
}
END_TEST

START_TEST(autofd_closes_once_and_keeps_errno)
{
	int number, stolen;

	{
		autofd int fd = open("/dev/null", O_RDONLY);

		number = fd;
		errno = ENOTTY;
	}
	ck_assert_int_eq(errno, ENOTTY);
	ck_assert_int_eq(fcntl(number, F_GETFD), -1);
	{
		autofd int fd = open("/dev/null", O_RDONLY);

		stolen = steal_fd(&fd);
		ck_assert_int_eq(fd, -1);
	}
	ck_assert_int_ge(fcntl(stolen, F_GETFD), 0);
	close(stolen);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("file");
	TCase *tc = tcase_create("file");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, missing_directories_are_made_private);
	tcase_add_test(tc, slashes_may_be_doubled_or_trail);
	tcase_add_test(tc, directory_others_may_write_to_is_refused);
	tcase_add_test(tc, file_in_the_place_of_a_directory_is_named);
	tcase_add_test(tc, symlink_is_refused_as_the_last_part_only);
	tcase_add_test(tc, dangling_symlink_on_the_way_is_named);
	tcase_add_test(tc, empty_path_is_refused);
	tcase_add_test(tc, directory_that_cannot_be_made_is_named);
	if (geteuid() == 0) { /* only root can make what is another's */
		tcase_add_test(tc, directory_of_another_user_is_refused);
		tcase_add_test(tc, parent_of_another_user_in_a_shared_directory_is_a_trap);
	}
	tcase_add_test(tc, lock_is_private_close_on_exec_and_holds_our_pid);
	tcase_add_test(tc, lock_held_names_the_holder_and_ends_with_its_fd);
	tcase_add_test(tc, lock_of_a_holder_without_a_pid_is_told);
	tcase_add_test(tc, lock_of_a_killed_process_is_free);
	tcase_add_test(tc, lock_that_is_no_plain_file_is_refused);
	tcase_add_test(tc, lock_behind_a_linked_directory_is_refused);
	tcase_add_test(tc, lock_stays_when_it_is_given_up);
	tcase_add_test(tc, replace_makes_and_replaces_privately_and_leaves_nothing_beside);
	tcase_add_test(tc, replace_keeps_the_old_file_for_who_has_it_open);
	tcase_add_test(tc, replace_does_not_follow_what_a_crash_or_a_trap_left_beside);
	tcase_add_test(tc, replace_that_fails_names_the_path_and_leaves_nothing);
	tcase_add_test(tc, autofd_closes_once_and_keeps_errno);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
