/* SPDX-License-Identifier: BSD-3-Clause */
#include "forward/proxy.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/sockaddr.h"
#include "run_suite.h"

static struct loop *loop;
static struct proxy *proxy;
static int near, far; /* our ends */
static int ended;     /* times */
static int ended_with;

static void on_ended(void *data, int err)
{
	ended++;
	ended_with = err;
	proxy = NULL;
}

static const struct proxy_ops ops = {.ended = on_ended};

/* A connected pair, non-blocking. */
static void make_pair(bool tcp, int pair[2])
{
	struct sockaddr_any addr;
	int listener;

	if (!tcp) {
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
		return;
	}
	ck_assert(sockaddr_inet(&addr, "127.0.0.1", "0", NULL));
	listener = socket_bind(&addr, SOCK_STREAM, NULL);
	ck_assert_int_ge(listener, 0);
	addr.len = sizeof(addr.storage);
	getsockname(listener, &addr.sa, &addr.len);
	pair[0] = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(pair[0], &addr.sa, addr.len), 0);
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	fcntl(listener, F_SETFL, 0);
	addr.len = sizeof(addr.storage);
	pair[1] = accept4(listener, &addr.sa, &addr.len, SOCK_NONBLOCK);
	ck_assert_int_ge(pair[1], 0);
	close(listener);
}

static void start(bool near_tcp, bool far_tcp)
{
	int a[2], b[2];

	make_pair(near_tcp, a);
	make_pair(far_tcp, b);
	near = a[0];
	far = b[0];
	proxy = proxy_new(loop, a[1], b[1], false, &ops, NULL);
}

static void set_up(void)
{
	loop = loop_new(NULL);
	loop_attach(loop, NULL);
	ended = 0;
	near = far = -1;
	proxy = NULL;
}

static void tear_down(void)
{
	if (proxy)
		proxy_abort(proxy);
	if (near >= 0)
		close(near);
	if (far >= 0)
		close(far);
	loop_free(loop);
}

static void run_idle(void)
{
	while (g_main_context_iteration(NULL, FALSE))
		;
}

/* recv, once something is there; a failure only by the test's time limit. */
static ssize_t await(int fd, void *data, size_t len)
{
	for (;;) {
		ssize_t n = recv(fd, data, len, MSG_DONTWAIT);

		if (n >= 0 || errno != EAGAIN)
			return n;
		g_main_context_iteration(NULL, FALSE);
	}
}

static void expect(int fd, const char *text)
{
	char got[64];

	ck_assert_int_eq(await(fd, got, sizeof(got)), (int)strlen(text));
	ck_assert(!memcmp(got, text, strlen(text)));
}

static void expect_end(int fd)
{
	char byte;

	ck_assert_int_eq(await(fd, &byte, 1), 0);
}

static void close_with_reset(int *fd)
{
	proxy_reset(*fd);
	*fd = -1;
}

static void await_end(void)
{
	while (!ended)
		g_main_context_iteration(NULL, FALSE);
}

START_TEST(each_way_ends_on_its_own)
{
	start(_i & 1, _i & 2);
	ck_assert_int_eq(send(near, "question", 8, 0), 8);
	shutdown(near, SHUT_WR);
	expect(far, "question");
	expect_end(far);
	ck_assert(!proxy_has_shut(proxy, PROXY_NEAR));
	ck_assert_int_eq(send(far, "answer", 6, 0), 6);
	expect(near, "answer");
	ck_assert_int_eq(ended, 0);
	shutdown(far, SHUT_WR);
	expect_end(near);
	await_end();
	ck_assert_int_eq(ended_with, 0);
}
END_TEST

START_TEST(who_is_not_read_is_not_read_from_and_loses_nothing)
{
	static uint8_t block[65536], got[65536];
	uint64_t sent = 0, came = 0;

	start(_i & 1, _i & 2);
	for (int idle = 0; idle < 3; idle++) { /* until nothing moves any more */
		ssize_t n;

		while ((n = send(near, block, sizeof(block), MSG_DONTWAIT)) > 0) {
			sent += (uint64_t)n;
			idle = 0;
		}
		run_idle();
	}
	ck_assert_uint_gt(sent, PROXY_CHUNK);
	shutdown(near, SHUT_WR);
	for (;;) {
		ssize_t n = await(far, got, sizeof(got));

		ck_assert_int_ge(n, 0);
		if (n == 0)
			break;
		came += (uint64_t)n;
	}
	ck_assert_uint_eq(came, sent);
}
END_TEST

START_TEST(reset_of_tcp_resets_the_other_side)
{
	char byte;

	start(true, true);
	close_with_reset(_i ? &near : &far);
	ck_assert_int_eq(await(_i ? far : near, &byte, 1), -1);
	ck_assert_int_eq(errno, ECONNRESET);
	ck_assert_int_eq(ended, 1);
}
END_TEST

START_TEST(unix_end_that_left_something_unread_is_an_end)
{
	start(true, false);
	ck_assert_int_eq(send(near, "unread", 6, 0), 6);
	ck_assert_int_eq(send(far, "bye", 3, 0), 3);
	run_idle();
	close(far);
	far = -1;
	expect(near, "bye");
	expect_end(near);
	/* To nobody; then its own end. */
	ck_assert_int_eq(send(near, "more", 4, 0), 4);
	run_idle();
	ck_assert_int_eq(ended, 0);
	shutdown(near, SHUT_WR);
	await_end();
}
END_TEST

START_TEST(end_that_takes_no_more_may_go_on_talking)
{
	static uint8_t block[65536];

	start(true, false);
	shutdown(far, SHUT_RD);
	for (int i = 0; i < 20; i++) {
		(void)!send(near, block, sizeof(block), MSG_DONTWAIT);
		run_idle();
	}
	ck_assert_int_eq(send(far, "still here", 10, 0), 10);
	expect(near, "still here");
	ck_assert_int_eq(ended, 0);
}
END_TEST

START_TEST(connect_that_fails_resets_and_says_why)
{
	struct sockaddr_any addr;
	bool in_progress;
	char byte;
	int pair[2], fd, held;

	/* Held as UDP, so that nobody listens there. */
	ck_assert(sockaddr_inet(&addr, "127.0.0.1", "0", NULL));
	held = socket_bind(&addr, SOCK_DGRAM, NULL);
	addr.len = sizeof(addr.storage);
	getsockname(held, &addr.sa, &addr.len);
	fd = socket_connect(&addr, SOCK_STREAM, &in_progress);
	ck_assert_int_ge(fd, 0);
	make_pair(true, pair);
	near = pair[0];
	proxy = proxy_new(loop, pair[1], fd, true, &ops, NULL);
	await_end();
	ck_assert_int_eq(ended_with, ECONNREFUSED);
	ck_assert_int_eq(await(near, &byte, 1), -1);
	ck_assert_int_eq(errno, ECONNRESET);
	close(held);
}
END_TEST

START_TEST(abort_resets_both_and_tells_nobody)
{
	char byte;

	start(true, true);
	proxy_abort(proxy);
	proxy = NULL;
	ck_assert_int_eq(await(near, &byte, 1), -1);
	ck_assert_int_eq(await(far, &byte, 1), -1);
	ck_assert_int_eq(ended, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("relay");
	TCase *tcase = tcase_create("relay");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, each_way_ends_on_its_own, 0, 4);
	tcase_add_loop_test(tcase, who_is_not_read_is_not_read_from_and_loses_nothing, 0, 4);
	tcase_add_loop_test(tcase, reset_of_tcp_resets_the_other_side, 0, 2);
	tcase_add_test(tcase, unix_end_that_left_something_unread_is_an_end);
	tcase_add_test(tcase, end_that_takes_no_more_may_go_on_talking);
	tcase_add_test(tcase, connect_that_fails_resets_and_says_why);
	tcase_add_test(tcase, abort_resets_both_and_tells_nobody);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
