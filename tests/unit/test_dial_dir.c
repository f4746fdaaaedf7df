/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <sys/resource.h>

#include "link/dial_dir.h"
#include "link/stream.h"
#include "linkbed.h"
#include "run_suite.h"

static struct netdev *netdev;
static char *guests; /* the directory that is dialled */

static void start(void)
{
	GError *error = NULL;
	struct sockaddr_any addr = unix_address("guests/");

	netdev = stream_netdev_new(
		network,
		&(struct stream_config){
			.kind = "stream", .id = "lan", .mode = STREAM_DIR, .addr = addr, .fd = -1},
		&error);
	ck_assert_msg(netdev, "%s", error ? error->message : "");
}

static void setup(void)
{
	bed_setup();
	guests = g_build_filename(dir, "guests", NULL);
	start();
}

static void teardown(void)
{
	network_free(network);
	network = network_new(loop, "empty");
	ck_assert_msg(!g_file_test(guests, G_FILE_TEST_EXISTS), "the directory is left");
	g_clear_pointer(&guests, g_free);
	bed_teardown();
}

static struct sockaddr_any address_of(const char *name)
{
	g_autofree char *path = g_build_filename("guests", name, NULL);

	return unix_address(path);
}

/* As QEMU with server=on. */
static int guest_listens(const char *name)
{
	struct sockaddr_any addr = address_of(name);
	int fd = socket_bind(&addr, SOCK_STREAM, NULL);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static void guest_ends(int listener, const char *name)
{
	struct sockaddr_any addr = address_of(name);

	close(listener);
	socket_unlink(&addr);
}

static int take(int listener)
{
	int fd;

	run_until((fd = accept(listener, NULL, NULL)) >= 0);
	return fd;
}

START_TEST(each_socket_is_a_port_also_one_that_comes_later)
{
	int a = guest_listens("a.sock"), b, link_a = take(a), link_b;

	run_until(count_ports() == 1);
	b = guest_listens("b.sock");
	link_b = take(b);
	run_until(count_ports() == 2);
	close(link_a);
	close(link_b);
	guest_ends(a, "a.sock");
	guest_ends(b, "b.sock");
	run_until(count_ports() == 0);
}
END_TEST

START_TEST(a_socket_that_was_there_first_is_dialled)
{
	int a = guest_listens("a.sock"), link = take(a);

	netdev->ops->destroy(netdev);
	ck_assert_uint_eq(count_ports(), 0);
	close(link);
	/* The directory stays for the guest that listens in it. */
	start();
	close(take(a));
	guest_ends(a, "a.sock");
}
END_TEST

START_TEST(a_lost_link_is_dialled_again)
{
	int a = guest_listens("a.sock");

	for (int i = 0; i < 3; i++)
		close(take(a));
	guest_ends(a, "a.sock");
}
END_TEST

START_TEST(a_new_guest_in_the_place_of_a_dead_one_is_dialled_at_once)
{
	int a = guest_listens("a.sock");
	usec_t began;

	close(take(a));
	close(a); /* killed: its socket stays, and the wait for it doubles */
	began = g_get_monotonic_time();
	while (g_get_monotonic_time() - began < USEC_PER_SEC)
		g_main_context_iteration(context, FALSE);
	began = g_get_monotonic_time();
	a = guest_listens("a.sock");
	close(take(a));
	ck_assert_int_lt(g_get_monotonic_time() - began, USEC_PER_SEC);
	guest_ends(a, "a.sock");
}
END_TEST

START_TEST(what_is_no_socket_is_left_alone)
{
	g_autofree char *file = g_build_filename(guests, "file", NULL);
	g_autofree char *sub = g_build_filename(guests, "sub", NULL);

	ck_assert(g_file_set_contents(file, "x", 1, NULL));
	ck_assert_int_eq(g_mkdir(sub, 0700), 0);
	run_idle();
	ck_assert_uint_eq(count_ports(), 0);
	g_unlink(file);
	g_rmdir(sub);
}
END_TEST

START_TEST(without_inotify_the_directory_is_read_now_and_then)
{
	struct rlimit limit, none;
	int a, other;

	netdev->ops->destroy(netdev);
	run_idle();
	other = open("/dev/null", O_RDONLY);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){.rlim_cur = (rlim_t)other, .rlim_max = limit.rlim_max};
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	start();
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	close(other);
	a = guest_listens("a.sock");
	close(take(a));
	guest_ends(a, "a.sock");
}
END_TEST

START_TEST(a_directory_that_is_not_ours_alone_is_refused)
{
	GError *error = NULL;
	struct sockaddr_any addr = unix_address("open/");
	g_autofree char *path = g_build_filename(dir, "open", NULL);

	ck_assert_int_eq(g_mkdir(path, 0700), 0);
	ck_assert_int_eq(g_chmod(path, 0777), 0);
	ck_assert_ptr_null(stream_netdev_new(
		network,
		&(struct stream_config){
			.kind = "stream", .id = "b", .mode = STREAM_DIR, .addr = addr, .fd = -1},
		&error));
	ck_assert_ptr_nonnull(strstr(error->message, "writable by others"));
	ck_assert_ptr_null(network_find_netdev(network, "b"));
	g_error_free(error);
	g_rmdir(path);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dial_dir");
	TCase *tc = tcase_create("dial_dir");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, each_socket_is_a_port_also_one_that_comes_later);
	tcase_add_test(tc, a_socket_that_was_there_first_is_dialled);
	tcase_add_test(tc, a_lost_link_is_dialled_again);
	tcase_add_test(tc, a_new_guest_in_the_place_of_a_dead_one_is_dialled_at_once);
	tcase_add_test(tc, what_is_no_socket_is_left_alone);
	tcase_add_test(tc, without_inotify_the_directory_is_read_now_and_then);
	tcase_add_test(tc, a_directory_that_is_not_ours_alone_is_refused);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
