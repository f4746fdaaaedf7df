/* SPDX-License-Identifier: BSD-3-Clause */
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loopbed.h"
#include "run_suite.h"
#include "slirp/fds.h"

/* Tests reading on within a turn; the wire tests of the NAT cover the rest of nat_fds. */
enum { N = 3 };

static struct nat_fds *fds;
static struct nat_fdset set;
static int ours[N], theirs[N], number[N];

static void ready(struct nat_fdset *from)
{
}

static void counted(struct nat_fdset *from, int n)
{
}

static void fill(uint32_t events)
{
	nat_fdset_begin(&set);
	for (unsigned i = 0; i < N; i++)
		number[i] = nat_fdset_wait(&set, ours[i], events);
	nat_fdset_end(&set);
	turn();
}

static void open_sockets(int type)
{
	for (unsigned i = 0; i < N; i++) {
		int pair[2];

		ck_assert_int_eq(socketpair(AF_UNIX, type, 0, pair), 0);
		ours[i] = pair[0];
		theirs[i] = pair[1];
	}
	fds = nat_fds_new(loop);
	nat_fdset_init(&set, fds, ready, counted);
}

static void close_sockets(void)
{
	nat_fdset_fini(&set);
	nat_fds_free(fds);
	for (unsigned i = 0; i < N; i++) {
		close(ours[i]);
		close(theirs[i]);
	}
}

static void send_bytes(unsigned i, size_t len)
{
	static const char bytes[100];

	ck_assert_int_eq(send(theirs[i], bytes, len, 0), (ssize_t)len);
}

static void take(unsigned i)
{
	char bytes[100];

	ck_assert_int_ge(recv(ours[i], bytes, sizeof(bytes), 0), 0);
}

START_TEST(those_with_another_datagram_are_read_on_and_no_others)
{
	open_sockets(SOCK_DGRAM);
	send_bytes(0, 10);
	send_bytes(0, 20);
	send_bytes(1, 30);
	fill(EPOLLIN);
	ck_assert_uint_eq(nat_fdset_revents(&set, number[0]), EPOLLIN);
	ck_assert_uint_eq(nat_fdset_revents(&set, number[1]), EPOLLIN);
	ck_assert_uint_eq(nat_fdset_revents(&set, number[2]), 0);
	take(0);
	take(1);
	/* A datagram at a socket not read before waits for the next turn. */
	send_bytes(2, 40);
	ck_assert_uint_eq(nat_fdset_read_on(&set), 20);
	ck_assert_uint_eq(nat_fdset_revents(&set, number[0]), EPOLLIN);
	ck_assert_uint_eq(nat_fdset_revents(&set, number[1]), 0);
	ck_assert_uint_eq(nat_fdset_revents(&set, number[2]), 0);
	take(0);
	ck_assert_uint_eq(nat_fdset_read_on(&set), 0);
	ck_assert_uint_eq(nat_fdset_revents(&set, number[0]), 0);
	close_sockets();
}
END_TEST

START_TEST(one_without_bytes_waits_for_the_next_turn)
{
	open_sockets(SOCK_DGRAM);
	send_bytes(0, 10);
	send_bytes(0, 0);
	fill(EPOLLIN);
	take(0);
	ck_assert_uint_eq(nat_fdset_read_on(&set), 0);
	fill(EPOLLIN);
	ck_assert_uint_eq(nat_fdset_revents(&set, number[0]), EPOLLIN);
	close_sockets();
}
END_TEST

START_TEST(a_stream_is_not_read_on)
{
	open_sockets(SOCK_STREAM);
	send_bytes(0, 10);
	fill(EPOLLIN | EPOLLPRI);
	ck_assert_uint_eq(nat_fdset_revents(&set, number[0]), EPOLLIN);
	ck_assert_uint_eq(nat_fdset_read_on(&set), 0);
	ck_assert_uint_eq(nat_fdset_revents(&set, number[0]), 0);
	close_sockets();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("nat_fds");
	TCase *tcase = tcase_create("nat_fds");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, those_with_another_datagram_are_read_on_and_no_others);
	tcase_add_test(tcase, one_without_bytes_waits_for_the_next_turn);
	tcase_add_test(tcase, a_stream_is_not_read_on);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
