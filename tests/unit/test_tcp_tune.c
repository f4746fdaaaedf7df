/* SPDX-License-Identifier: BSD-3-Clause */
#include <check.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link/tcp_tune.h"
#include "run_suite.h"

static int fd;

static void setup(void)
{
	fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_ge(fd, 0);
}

static void teardown(void)
{
	close(fd);
}

static int option(int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	ck_assert_int_eq(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

START_TEST(a_silent_peer_is_given_up_after_two_minutes)
{
	tcp_tune(fd, &TCP_KEEPALIVE_DEFAULT);
	ck_assert_int_eq(option(IPPROTO_TCP, TCP_NODELAY), 1);
	ck_assert_int_eq(option(SOL_SOCKET, SO_KEEPALIVE), 1);
	ck_assert_int_eq(option(IPPROTO_TCP, TCP_KEEPIDLE) +
				 option(IPPROTO_TCP, TCP_KEEPINTVL) *
					 option(IPPROTO_TCP, TCP_KEEPCNT),
			 120);
}
END_TEST

START_TEST(what_is_said_is_set_and_0_is_the_systems)
{
	int interval = option(IPPROTO_TCP, TCP_KEEPINTVL);

	tcp_tune(fd, &(struct tcp_keepalive){.idle = 7, .count = 3});
	ck_assert_int_eq(option(SOL_SOCKET, SO_KEEPALIVE), 1);
	ck_assert_int_eq(option(IPPROTO_TCP, TCP_KEEPIDLE), 7);
	ck_assert_int_eq(option(IPPROTO_TCP, TCP_KEEPCNT), 3);
	ck_assert_int_eq(option(IPPROTO_TCP, TCP_KEEPINTVL), interval);
}
END_TEST

START_TEST(off_is_off)
{
	tcp_tune(fd, &(struct tcp_keepalive){.off = true, .idle = 7});
	ck_assert_int_eq(option(SOL_SOCKET, SO_KEEPALIVE), 0);
	ck_assert_int_eq(option(IPPROTO_TCP, TCP_NODELAY), 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tcp_tune");
	TCase *tc = tcase_create("tcp_tune");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_silent_peer_is_given_up_after_two_minutes);
	tcase_add_test(tc, what_is_said_is_set_and_0_is_the_systems);
	tcase_add_test(tc, off_is_off);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
