/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/socket_maker.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "run_suite.h"

static char dir[] = "/tmp/usernet-maker-XXXXXX";
static struct sockaddr_any addr;
static int fd;

static void set_up(void)
{
	g_autofree char *path = NULL;

	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	path = g_strdup_printf("%s/a.sock", dir);
	ck_assert(sockaddr_unix(&addr, path, false, NULL));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert(socket_maker_start(NULL));
}

static void tear_down(void)
{
	socket_maker_stop();
	ck_assert(!socket_maker_runs());
	close(fd);
	unlink(addr.un.sun_path);
	ck_assert_int_eq(rmdir(dir), 0);
}

static unsigned mode(void)
{
	struct stat st;

	return lstat(addr.un.sun_path, &st) == 0 ? (unsigned)st.st_mode & 07777 : 0;
}

static void must(bool done, GError *error)
{
	ck_assert_msg(done, "%s", error ? error->message : "");
}

START_TEST(socket_is_made_shared_and_removed)
{
	const struct socket_file file = {.mode = 0660};
	GError *error = NULL;

	must(socket_maker_bind(fd, &addr, SOCK_STREAM, &error), error);
	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_uint_eq(mode(), 0600);
	must(socket_maker_share(&addr, &file, &error), error);
	ck_assert_uint_eq(mode(), 0660);
	socket_maker_unlink(&addr);
	ck_assert_uint_eq(mode(), 0);
}
END_TEST

START_TEST(socket_of_others_is_neither_shared_nor_removed)
{
	const struct socket_file file = {.mode = 0666};
	g_autoptr(GError) error = NULL;

	ck_assert_int_eq(bind(fd, &addr.sa, addr.len), 0);
	ck_assert_int_eq(chmod(addr.un.sun_path, 0600), 0);
	ck_assert(!socket_maker_share(&addr, &file, &error));
	ck_assert_int_eq(error->code, G_FILE_ERROR_ACCES);
	socket_maker_unlink(&addr);
	ck_assert_uint_eq(mode(), 0600);
	ck_assert(socket_maker_runs());
}
END_TEST

START_TEST(another_file_at_the_path_is_not_removed)
{
	GError *error = NULL;
	autofd int other = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(socket_maker_bind(fd, &addr, SOCK_STREAM, &error), error);
	ck_assert_int_eq(unlink(addr.un.sun_path), 0);
	ck_assert_int_eq(bind(other, &addr.sa, addr.len), 0);
	socket_maker_unlink(&addr);
	ck_assert_uint_ne(mode(), 0);
}
END_TEST

START_TEST(living_socket_is_not_replaced)
{
	g_autoptr(GError) error = NULL;
	autofd int living = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(living, &addr.sa, addr.len), 0);
	ck_assert_int_eq(listen(living, 1), 0);
	ck_assert(!socket_maker_bind(fd, &addr, SOCK_STREAM, &error));
	ck_assert_ptr_nonnull(strstr(error->message, "in use by another process"));
}
END_TEST

START_TEST(what_is_no_path_is_refused)
{
	GError *error = NULL;
	struct sockaddr_any inet;

	ck_assert(sockaddr_inet(&inet, "127.0.0.1", "0", NULL));
	ck_assert(!socket_maker_bind(fd, &inet, SOCK_STREAM, &error));
	g_clear_error(&error);
	ck_assert(sockaddr_unix(&inet, "abstract", true, NULL));
	ck_assert(!socket_maker_bind(fd, &inet, SOCK_STREAM, &error));
	g_clear_error(&error);
	ck_assert(socket_maker_runs());
}
END_TEST

START_TEST(holder_of_a_port_is_named)
{
	g_autofree char *mine = g_strdup_printf("pid %d (", (int)getpid());
	g_autofree char *holder = NULL;
	struct sockaddr_any inet;
	autofd int listener = -1;

	ck_assert(sockaddr_inet(&inet, "127.0.0.1", "0", NULL));
	listener = socket_bind(&inet, SOCK_STREAM, NULL);
	ck_assert_int_eq(getsockname(listener, &inet.sa, &inet.len), 0);
	holder = socket_maker_port_holder(&inet, SOCK_STREAM);
	ck_assert_ptr_nonnull(holder);
	ck_assert_msg(g_str_has_prefix(holder, mine), "%s", holder);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("socket_maker");
	TCase *tc = tcase_create("socket_maker");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, socket_is_made_shared_and_removed);
	tcase_add_test(tc, socket_of_others_is_neither_shared_nor_removed);
	tcase_add_test(tc, another_file_at_the_path_is_not_removed);
	tcase_add_test(tc, living_socket_is_not_replaced);
	tcase_add_test(tc, what_is_no_path_is_refused);
	tcase_add_test(tc, holder_of_a_port_is_named);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
