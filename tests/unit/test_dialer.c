/* SPDX-License-Identifier: BSD-3-Clause */

#include "link/dialer.h"
#include "linkbed.h"
#include "run_suite.h"

#define FIRST (1 * USEC_PER_MSEC)
#define MOST  (8 * USEC_PER_MSEC)

static struct dialer dialer;
static struct sockaddr_any addr;
static int answered;

static void connected(struct dialer *d, int fd)
{
	ck_assert_ptr_eq(d, &dialer);
	answered = fd;
}

static void setup(void)
{
	bed_setup();
	addr = unix_address("far");
	answered = -1;
	dialer_init(&dialer, loop, &addr, FIRST, MOST, connected);
}

static void teardown(void)
{
	dialer_stop(&dialer);
	if (answered >= 0)
		close(answered);
	bed_teardown();
}

START_TEST(waits_are_spread_by_a_quarter)
{
	ck_assert_int_eq(dialer_spread(1000, 0), 750);
	ck_assert_int_eq(dialer_spread(1000, 0.5), 1000);
	ck_assert_int_lt(dialer_spread(1000, 0.9999), 1250);
}
END_TEST

START_TEST(each_failure_doubles_the_wait_up_to_the_most)
{
	dialer_start(&dialer);
	for (usec_t wait = 2 * FIRST; wait < MOST; wait *= 2)
		run_until(dialer.wait == wait);
	run_until(dialer.wait == MOST);
	for (int i = 0; i < 3; i++) {
		usec_t at = dialer.timer.at;

		run_until(dialer.timer.at != at);
		ck_assert_int_ge(dialer.timer.at - loop_now(loop), MOST * 3 / 4);
		ck_assert_int_le(dialer.timer.at - loop_now(loop), MOST * 5 / 4);
	}
	dialer_good(&dialer);
	ck_assert_int_eq(dialer.wait, FIRST);
}
END_TEST

START_TEST(it_answers_from_the_loop_and_once)
{
	int listener = socket_bind(&addr, SOCK_STREAM, NULL);

	dialer_start(&dialer);
	ck_assert_int_eq(answered, -1);
	run_until(answered >= 0);
	ck_assert(!loop_timer_is_set(&dialer.timer));
	close(listener);
	socket_unlink(&addr);
}
END_TEST

START_TEST(a_refused_tcp_connection_is_dialled_again)
{
	struct sockaddr_any tcp, bound = {.len = sizeof(bound.storage)};
	int listener;

	ck_assert(sockaddr_inet(&tcp, "127.0.0.1", "0", NULL));
	listener = socket_bind(&tcp, SOCK_STREAM, NULL);
	ck_assert_int_eq(getsockname(listener, &bound.sa, &bound.len), 0);
	close(listener);
	dialer_init(&dialer, loop, &bound, FIRST, MOST, connected);
	dialer_start(&dialer);
	run_until(dialer.wait == MOST);
	listener = socket_bind(&bound, SOCK_STREAM, NULL);
	ck_assert_int_ge(listener, 0);
	run_until(answered >= 0);
	close(listener);
}
END_TEST

START_TEST(one_that_dials_once_does_not_come_again)
{
	dialer_init(&dialer, loop, &addr, 0, 0, connected);
	dialer_start(&dialer);
	run_until(dialer.error == ENOENT);
	ck_assert(!loop_timer_is_set(&dialer.timer));
	run_idle();
	ck_assert_int_eq(answered, -1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dialer");
	TCase *tc = tcase_create("dialer");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, waits_are_spread_by_a_quarter);
	tcase_add_test(tc, each_failure_doubles_the_wait_up_to_the_most);
	tcase_add_test(tc, it_answers_from_the_loop_and_once);
	tcase_add_test(tc, a_refused_tcp_connection_is_dialled_again);
	tcase_add_test(tc, one_that_dials_once_does_not_come_again);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
