/* SPDX-License-Identifier: BSD-3-Clause */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/portholder.h"
#include "base/sockaddr.h"
#include "run_suite.h"

static char *dir;
static char *path;
static struct sockaddr_any addr;

static void setup(void)
{
	dir = g_dir_make_tmp("usernet-test-XXXXXX", NULL);
	ck_assert_ptr_nonnull(dir);
	path = g_build_filename(dir, "lan.sock", NULL);
	ck_assert(sockaddr_unix(&addr, path, false, NULL));
}

static void teardown(void)
{
	g_chmod(dir, 0700);
	unlink(path);
	ck_assert_int_eq(rmdir(dir), 0);
	g_free(path);
	g_free(dir);
}

static int bind_fine(const struct sockaddr_any *to, int type)
{
	GError *error = NULL;
	int fd = socket_bind(to, type, &error);

	ck_assert_msg(fd >= 0, "%s", error ? error->message : "no error");
	ck_assert_ptr_null(error);
	return fd;
}

/* The bind must fail and say each of the parts (up to NULL). */
static void check_bind_says(const struct sockaddr_any *to, int type, const char *const *parts)
{
	g_autoptr(GError) error = NULL;

	ck_assert_int_eq(socket_bind(to, type, &error), -1);
	ck_assert_ptr_nonnull(error);
	for (; *parts; parts++)
		ck_assert_msg(strstr(error->message, *parts), "no '%s' in '%s'", *parts,
			      error->message);
}

#define assert_bind_says(to, type, ...)                                                            \
	check_bind_says(to, type, (const char *const[]){__VA_ARGS__, NULL})

static struct sockaddr_any loopback(const char *host, int type, int *fd)
{
	struct sockaddr_any to;

	ck_assert(sockaddr_inet(&to, host, "0", NULL));
	*fd = bind_fine(&to, type);
	to.len = sizeof(to.storage);
	ck_assert_int_eq(getsockname(*fd, &to.sa, &to.len), 0);
	return to;
}

START_TEST(unix_socket_is_private_listening_nonblocking_and_close_on_exec)
{
	mode_t mask = umask(022);
	autofd int fd = bind_fine(&addr, SOCK_STREAM);
	struct stat st;
	socklen_t len = sizeof(int);
	int listening = 0;

	ck_assert_uint_eq(umask(mask), 022); /* put back */
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len), 0);
	ck_assert_int_eq(listening, 1);
	ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}
END_TEST

static const int types[] = {SOCK_STREAM, SOCK_DGRAM};

START_TEST(stale_unix_socket_is_replaced)
{
	autofd int fd = -1;

	close(bind_fine(&addr, types[_i]));
	ck_assert(g_file_test(path, G_FILE_TEST_EXISTS));
	fd = bind_fine(&addr, types[_i]);
}
END_TEST

START_TEST(live_unix_socket_is_in_use_and_stays)
{
	autofd int fd = bind_fine(&addr, types[_i]), client = -1;
	bool in_progress;

	ck_assert_int_ge(fd, 0);
	/* Asked as either type. */
	assert_bind_says(&addr, SOCK_STREAM, path, "in use by another process");
	assert_bind_says(&addr, SOCK_DGRAM, path, "in use by another process");
	client = socket_connect(&addr, types[_i], &in_progress);
	ck_assert_int_ge(client, 0);
	ck_assert(!in_progress);
}
END_TEST

START_TEST(live_unix_socket_with_a_full_backlog_is_in_use)
{
	autofd int fd = bind_fine(&addr, SOCK_STREAM);
	int clients[4], n = 0;
	bool in_progress;

	listen(fd, 0);
	while (n < 4 && (clients[n] = socket_connect(&addr, SOCK_STREAM, &in_progress)) >= 0)
		n++;
	ck_assert_int_lt(n, 4);
	ck_assert_int_eq(errno, EAGAIN);
	assert_bind_says(&addr, SOCK_STREAM, path, "in use by another process");
	while (n)
		close(clients[--n]);
}
END_TEST

START_TEST(file_that_is_not_a_socket_is_refused_and_stays)
{
	ck_assert(g_file_set_contents(path, "mine", -1, NULL));
	assert_bind_says(&addr, SOCK_STREAM, path, "not a socket");
	socket_unlink(&addr);
	ck_assert(g_file_test(path, G_FILE_TEST_IS_REGULAR));
}
END_TEST

START_TEST(symlink_in_the_way_is_refused_and_stays)
{
	ck_assert_int_eq(symlink("/nonexistent/target", path), 0);
	assert_bind_says(&addr, SOCK_STREAM, path, "not a socket");
	ck_assert(g_file_test(path, G_FILE_TEST_IS_SYMLINK));
}
END_TEST

START_TEST(missing_directory_is_named)
{
	g_autofree char *gone = g_build_filename(dir, "gone", NULL);
	g_autofree char *inside = g_build_filename(gone, "lan.sock", NULL);
	struct sockaddr_any to;

	ck_assert(sockaddr_unix(&to, inside, false, NULL));
	assert_bind_says(&to, SOCK_STREAM, "no directory", gone);
}
END_TEST

START_TEST(directory_that_is_a_file_is_named)
{
	g_autofree char *inside = g_build_filename(path, "lan.sock", NULL);
	g_autofree char *want = g_strdup_printf("'%s' is not a directory", path);
	struct sockaddr_any to;

	ck_assert(g_file_set_contents(path, "mine", -1, NULL));
	ck_assert(sockaddr_unix(&to, inside, false, NULL));
	assert_bind_says(&to, SOCK_STREAM, want);
}
END_TEST

/* Root can read everything: drop privileges for the bind. */
START_TEST(unwritable_directory_is_named)
{
	uid_t us = geteuid();
	g_autofree char *want = g_strdup_printf("no right to write in '%s'", dir);

	ck_assert_int_eq(g_chmod(dir, 0500), 0);
	if (us == 0)
		ck_assert_int_eq(seteuid(65534), 0);
	assert_bind_says(&addr, SOCK_STREAM, want);
	if (us == 0)
		ck_assert_int_eq(seteuid(us), 0);
}
END_TEST

/* Only root can make a socket of another user. */
START_TEST(stale_socket_of_another_user_is_refused_and_stays)
{
	close(bind_fine(&addr, SOCK_STREAM));
	ck_assert_int_eq(chown(path, 65534, 65534), 0);
	assert_bind_says(&addr, SOCK_STREAM, path, "belongs to user 65534");
	ck_assert(g_file_test(path, G_FILE_TEST_EXISTS));
}
END_TEST

START_TEST(abstract_socket_in_use_is_named)
{
	g_autofree char *name = g_strdup_printf("usernet-test-%d", (int)getpid());
	g_autofree char *want = g_strdup_printf("@%s is in use by another process", name);
	struct sockaddr_any to;
	autofd int fd = -1;

	ck_assert(sockaddr_unix(&to, name, true, NULL));
	fd = bind_fine(&to, SOCK_STREAM);
	assert_bind_says(&to, SOCK_STREAM, want);
	socket_unlink(&to); /* nothing to do */
}
END_TEST

START_TEST(port_in_use_names_the_address_and_its_holder)
{
	autofd int fd = -1;
	struct sockaddr_any to = loopback("127.0.0.1", types[_i], &fd), any;
	g_autofree char *name = sockaddr_format(&to);
	g_autofree char *port = g_strdup_printf("%u", ntohs(to.in.sin_port));
	g_autofree char *holder = g_strdup_printf("is in use by pid %d (", (int)getpid());

	assert_bind_says(&to, types[_i], name, holder);
	/* Held on one address, it is held for "any" too. */
	ck_assert(sockaddr_inet(&any, "", port, NULL));
	assert_bind_says(&any, types[_i], "0.0.0.0:", holder);
}
END_TEST

START_TEST(ipv6_port_in_use_names_its_holder)
{
	autofd int fd = -1;
	struct sockaddr_any to;
	g_autofree char *holder = g_strdup_printf("pid %d (", (int)getpid());

	to = loopback("::1", types[_i], &fd);
	assert_bind_says(&to, types[_i], "[::1]:", holder);
}
END_TEST

START_TEST(port_held_by_a_dual_stack_socket_names_its_holder)
{
	autofd int fd = socket(AF_INET6, SOCK_STREAM, 0);
	struct sockaddr_any any6 = {.in6.sin6_family = AF_INET6, .len = sizeof(any6.in6)}, to;
	g_autofree char *holder = g_strdup_printf("pid %d (", (int)getpid());
	g_autofree char *port = NULL;
	int off = 0;

	ck_assert_int_eq(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)), 0);
	ck_assert_int_eq(bind(fd, &any6.sa, any6.len), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(getsockname(fd, &any6.sa, &any6.len), 0);
	port = g_strdup_printf("%u", ntohs(any6.in6.sin6_port));
	ck_assert(sockaddr_inet(&to, "127.0.0.1", port, NULL));
	assert_bind_says(&to, SOCK_STREAM, "127.0.0.1:", holder);
}
END_TEST

START_TEST(nobody_holds_a_free_port_or_a_neighbour_address)
{
	int fd;
	struct sockaddr_any to = loopback("127.0.0.1", SOCK_STREAM, &fd), other = to;
	g_autofree char *holder = NULL;

	other.in.sin_addr.s_addr = htonl(0x7f000002);
	ck_assert_ptr_null(port_holder(&other, SOCK_STREAM));
	ck_assert_ptr_null(port_holder(&to, SOCK_DGRAM));
	holder = port_holder(&to, SOCK_STREAM);
	ck_assert_ptr_nonnull(holder);
	close(fd);
	ck_assert_ptr_null(port_holder(&to, SOCK_STREAM));
}
END_TEST

START_TEST(ipv6_any_leaves_the_ipv4_port_free)
{
	struct sockaddr_any any6, to;
	g_autofree char *port = NULL;
	autofd int fd6 = -1, fd4 = -1;

	any6 = loopback("::", SOCK_STREAM, &fd6);
	port = g_strdup_printf("%u", ntohs(any6.in6.sin6_port));
	ck_assert(sockaddr_inet(&to, "", port, NULL));
	fd4 = bind_fine(&to, SOCK_STREAM);
}
END_TEST

START_TEST(address_that_is_not_here_is_named)
{
	struct sockaddr_any to;

	/* TEST-NET-1, RFC 5737 */
	ck_assert(sockaddr_inet(&to, "192.0.2.1", "0", NULL));
	assert_bind_says(&to, SOCK_STREAM, "192.0.2.1:0", "not on this host");
}
END_TEST

START_TEST(address_that_is_not_here_is_bound_early)
{
	/* RFC 5737, RFC 3849 */
	static const char *const addresses[] = {"192.0.2.1", "2001:db8::1"};
	struct sockaddr_any to, bound = {.len = sizeof(bound.storage)};

	for (unsigned i = 0; i < 2 * G_N_ELEMENTS(addresses); i++) {
		g_autoptr(GError) error = NULL;
		autofd int fd = -1;

		ck_assert(sockaddr_inet(&to, addresses[i / 2], "0", NULL));
		fd = socket_bind_early(&to, i % 2 ? SOCK_STREAM : SOCK_DGRAM, &error);
		ck_assert_msg(fd >= 0, "%s", error ? error->message : "");
		bound.len = sizeof(bound.storage);
		ck_assert_int_eq(getsockname(fd, &bound.sa, &bound.len), 0);
		ck_assert_uint_ne(bound.in.sin_port, 0); /* same offset in in6 */
	}
}
END_TEST

START_TEST(multicast_port_is_shared)
{
	struct sockaddr_any to;
	autofd int a = -1, b = -1;

	ck_assert(sockaddr_inet(&to, "239.1.2.3", "0", NULL));
	a = bind_fine(&to, SOCK_DGRAM);
	to.len = sizeof(to.storage);
	ck_assert_int_eq(getsockname(a, &to.sa, &to.len), 0);
	b = bind_fine(&to, SOCK_DGRAM);
}
END_TEST

START_TEST(connect_to_nobody_leaves_the_reason_in_errno)
{
	bool in_progress;

	ck_assert_int_eq(socket_connect(&addr, SOCK_STREAM, &in_progress), -1);
	ck_assert_int_eq(errno, ENOENT);
	close(bind_fine(&addr, SOCK_STREAM));
	ck_assert_int_eq(socket_connect(&addr, SOCK_STREAM, &in_progress), -1);
	ck_assert_int_eq(errno, ECONNREFUSED);
}
END_TEST

START_TEST(tcp_connect_is_in_progress_or_done_and_does_not_block)
{
	autofd int fd = -1, client = -1;
	struct sockaddr_any to = loopback("127.0.0.1", SOCK_STREAM, &fd);
	bool in_progress;

	client = socket_connect(&to, SOCK_STREAM, &in_progress);
	ck_assert_int_ge(client, 0);
	ck_assert(in_progress); /* Linux never completes the handshake within connect() */
	ck_assert(fcntl(client, F_GETFL) & O_NONBLOCK);
	ck_assert(fcntl(client, F_GETFD) & FD_CLOEXEC);
}
END_TEST

START_TEST(unlink_takes_away_our_socket)
{
	close(bind_fine(&addr, SOCK_STREAM));
	socket_unlink(&addr);
	ck_assert(!g_file_test(path, G_FILE_TEST_EXISTS));
	socket_unlink(&addr);
}
END_TEST

/* --- socket_listen --- */

static int listen_fine(struct sockaddr_any *to, const struct tcp_listen *options)
{
	GError *error = NULL;
	int fd = socket_listen(to, options, &error);

	ck_assert_msg(fd >= 0, "%s", error ? error->message : "no error");
	return fd;
}

START_TEST(a_listener_takes_the_first_free_port_of_a_range)
{
	struct sockaddr_any first = {.len = 0}, second, third;
	struct tcp_listen options = {.last_port = 0};
	g_autoptr(GError) error = NULL;
	int fds[2];

	ck_assert(sockaddr_inet(&first, "127.0.0.1", "0", NULL));
	fds[0] = listen_fine(&first, &options);
	ck_assert_uint_ne(first.in.sin_port, 0);
	/* The next port may be in use: then the one after it is taken. */
	options.last_port = ntohs(first.in.sin_port) + 20u;
	second = first;
	fds[1] = listen_fine(&second, &options);
	ck_assert_uint_gt(ntohs(second.in.sin_port), ntohs(first.in.sin_port));
	ck_assert_uint_le(ntohs(second.in.sin_port), options.last_port);
	options.last_port = ntohs(first.in.sin_port);
	third = first;
	ck_assert_int_eq(socket_listen(&third, &options, &error), -1);
	ck_assert_ptr_nonnull(strstr(error->message, "in use by"));
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(a_range_that_is_all_in_use_names_its_ends)
{
	struct sockaddr_any to, again;
	struct tcp_listen options = {0};
	g_autoptr(GError) error = NULL;
	g_autofree char *last = NULL;
	int fds[2] = {-1, -1};

	/* Two adjacent ports, both ours. */
	while (fds[1] < 0) {
		struct sockaddr_any next;

		if (fds[0] >= 0)
			close(fds[0]);
		ck_assert(sockaddr_inet(&to, "127.0.0.1", "0", NULL));
		fds[0] = listen_fine(&to, &options);
		next = to;
		next.in.sin_port = htons((uint16_t)(ntohs(to.in.sin_port) + 1));
		fds[1] = socket_listen(&next, &options, NULL);
	}
	options.last_port = ntohs(to.in.sin_port) + 1u;
	again = to;
	ck_assert_int_eq(socket_listen(&again, &options, &error), -1);
	last = g_strdup_printf("to %u are all in use", options.last_port);
	ck_assert_msg(strstr(error->message, last) != NULL, "%s", error->message);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

static bool answers(const char *host, in_port_t port)
{
	struct sockaddr_any to;
	bool answered;
	int fd;

	ck_assert(sockaddr_inet(&to, host, "0", NULL));
	if (to.sa.sa_family == AF_INET6)
		to.in6.sin6_port = port;
	else
		to.in.sin_port = port;
	fd = socket(to.sa.sa_family, SOCK_STREAM, 0);
	answered = connect(fd, &to.sa, to.len) == 0;
	close(fd);
	return answered;
}

START_TEST(a_dual_listener_takes_both_families_and_one_where_the_other_is_taken)
{
	struct sockaddr_any six, four, both;
	struct tcp_listen dual = {.dual = true}, alone = {0};
	int fds[3];

	ck_assert(sockaddr_inet(&six, "::", "0", NULL));
	fds[0] = listen_fine(&six, &dual);
	ck_assert(answers("127.0.0.1", six.in6.sin6_port));
	ck_assert(answers("::1", six.in6.sin6_port));
	close(fds[0]);
	ck_assert(sockaddr_inet(&six, "::", "0", NULL));
	fds[0] = listen_fine(&six, &alone);
	ck_assert(!answers("127.0.0.1", six.in6.sin6_port));
	ck_assert(answers("::1", six.in6.sin6_port));
	ck_assert(sockaddr_inet(&four, "0.0.0.0", "0", NULL));
	fds[1] = listen_fine(&four, &alone);
	ck_assert(sockaddr_inet(&both, "::", "0", NULL));
	both.in6.sin6_port = four.in.sin_port;
	fds[2] = listen_fine(&both, &dual);
	ck_assert(answers("::1", four.in.sin_port));
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}
END_TEST

START_TEST(multipath_tcp_is_made_where_the_kernel_has_it)
{
	struct tcp_listen options = {.mptcp = true};
	struct sockaddr_any to;
	bool in_progress;
	int fd, other, protocol = 0;
	socklen_t len = sizeof(protocol);

	if (!socket_has_mptcp())
		return;
	ck_assert(sockaddr_inet(&to, "127.0.0.1", "0", NULL));
	fd = listen_fine(&to, &options);
	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len), 0);
	ck_assert_int_eq(protocol, IPPROTO_MPTCP);
	other = socket_connect_mptcp(&to, &in_progress);
	ck_assert_int_ge(other, 0);
	ck_assert_int_eq(getsockopt(other, SOL_SOCKET, SO_PROTOCOL, &protocol, &len), 0);
	ck_assert_int_eq(protocol, IPPROTO_MPTCP);
	close(other);
	close(fd);
}
END_TEST

/* --- socket_share --- */

START_TEST(a_shared_socket_has_the_mode_and_group_that_were_said)
{
	struct socket_file file = {.mode = 0660, .has_group = true, .group = getegid()};
	g_autoptr(GError) error = NULL;
	int fd = bind_fine(&addr, SOCK_STREAM);
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	ck_assert_msg(socket_share(&addr, &file, &error), "%s", error ? error->message : "");
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0660);
	ck_assert_uint_eq(st.st_gid, getegid());
	ck_assert(socket_share(&addr, &(struct socket_file){0}, NULL));
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0660);
	close(fd);
}
END_TEST

START_TEST(what_is_not_our_socket_is_not_shared)
{
	struct socket_file file = {.mode = 0666};
	g_autofree char *other = g_build_filename(dir, "other", NULL);
	g_autoptr(GError) error = NULL;
	struct stat st;

	ck_assert(g_file_set_contents(other, "x", 1, NULL));
	ck_assert_int_eq(g_chmod(other, 0600), 0);
	ck_assert_int_eq(symlink(other, path), 0);
	ck_assert(!socket_share(&addr, &file, &error));
	ck_assert_ptr_nonnull(strstr(error->message, "not our socket"));
	ck_assert_int_eq(stat(other, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	unlink(other);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("socket");
	TCase *tc = tcase_create("socket");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, unix_socket_is_private_listening_nonblocking_and_close_on_exec);
	tcase_add_loop_test(tc, stale_unix_socket_is_replaced, 0, 2);
	tcase_add_loop_test(tc, live_unix_socket_is_in_use_and_stays, 0, 2);
	tcase_add_test(tc, live_unix_socket_with_a_full_backlog_is_in_use);
	tcase_add_test(tc, file_that_is_not_a_socket_is_refused_and_stays);
	tcase_add_test(tc, symlink_in_the_way_is_refused_and_stays);
	tcase_add_test(tc, missing_directory_is_named);
	tcase_add_test(tc, directory_that_is_a_file_is_named);
	tcase_add_test(tc, unwritable_directory_is_named);
	tcase_add_test(tc, abstract_socket_in_use_is_named);
	tcase_add_loop_test(tc, port_in_use_names_the_address_and_its_holder, 0, 2);
	tcase_add_test(tc, nobody_holds_a_free_port_or_a_neighbour_address);
	tcase_add_test(tc, address_that_is_not_here_is_named);
	tcase_add_test(tc, address_that_is_not_here_is_bound_early);
	tcase_add_test(tc, multicast_port_is_shared);
	tcase_add_test(tc, connect_to_nobody_leaves_the_reason_in_errno);
	tcase_add_test(tc, tcp_connect_is_in_progress_or_done_and_does_not_block);
	tcase_add_test(tc, unlink_takes_away_our_socket);
	if (geteuid() == 0)
		tcase_add_test(tc, stale_socket_of_another_user_is_refused_and_stays);
	if (access("/proc/net/if_inet6", R_OK) == 0) {
		tcase_add_loop_test(tc, ipv6_port_in_use_names_its_holder, 0, 2);
		tcase_add_test(tc, port_held_by_a_dual_stack_socket_names_its_holder);
		tcase_add_test(tc, ipv6_any_leaves_the_ipv4_port_free);
		tcase_add_test(
			tc, a_dual_listener_takes_both_families_and_one_where_the_other_is_taken);
	}
	tcase_add_test(tc, a_listener_takes_the_first_free_port_of_a_range);
	tcase_add_test(tc, a_range_that_is_all_in_use_names_its_ends);
	tcase_add_test(tc, multipath_tcp_is_made_where_the_kernel_has_it);
	tcase_add_test(tc, a_shared_socket_has_the_mode_and_group_that_were_said);
	tcase_add_test(tc, what_is_not_our_socket_is_not_shared);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
