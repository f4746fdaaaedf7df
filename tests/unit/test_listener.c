/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <sys/resource.h>

#include "link/listener.h"
#include "linkbed.h"
#include "run_suite.h"

#define N_CLIENTS (LISTENER_BATCH + 10)

static struct sockaddr_any addr;
static struct listener listener;
static int listen_fd;
static int clients[N_CLIENTS];
static int taken[N_CLIENTS];
static unsigned n_taken;

static void accepted(struct listener *l, int fd, const struct sockaddr_any *peer)
{
	ck_assert_ptr_eq(l, &listener);
	taken[n_taken++] = fd;
}

static void setup(void)
{
	bed_setup();
	addr = unix_address("sock");
	n_taken = 0;
	listen_fd = socket_bind(&addr, SOCK_STREAM, NULL);
	ck_assert_int_ge(listen_fd, 0);
	for (unsigned i = 0; i < N_CLIENTS; i++)
		clients[i] = -1;
	listener_start(&listener, loop, listen_fd, accepted);
}

static void teardown(void)
{
	listener_stop(&listener);
	close(listen_fd);
	socket_unlink(&addr);
	for (unsigned i = 0; i < N_CLIENTS; i++) {
		if (clients[i] >= 0)
			close(clients[i]);
		if (i < n_taken)
			close(taken[i]);
	}
	bed_teardown();
}

static void dial(unsigned n)
{
	bool in_progress;

	for (unsigned i = 0; i < n; i++) {
		clients[i] = socket_connect(&addr, SOCK_STREAM, &in_progress);
		ck_assert_int_ge(clients[i], 0);
	}
}

START_TEST(a_turn_takes_no_more_than_a_batch)
{
	dial(N_CLIENTS);
	run_until(n_taken > 0);
	ck_assert_uint_eq(n_taken, LISTENER_BATCH);
	run_until(n_taken == N_CLIENTS);
}
END_TEST

START_TEST(held_it_takes_nobody)
{
	listener_hold(&listener, true);
	dial(2);
	run_idle();
	ck_assert_uint_eq(n_taken, 0);
	listener_hold(&listener, false);
	run_until(n_taken == 2);
}
END_TEST

/* Its own library is preloaded into what it runs. */
static bool under_valgrind(void)
{
	const char *preload = getenv("LD_PRELOAD");

	return preload && strstr(preload, "vgpreload");
}

START_TEST(without_descriptors_it_rests_and_goes_on)
{
	struct rlimit all, few;
	uint64_t turn;

	dial(2);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &all), 0);
	/* numbers are given lowest first: none is left under the next one */
	few = all;
	few.rlim_cur = (rlim_t)dup(listen_fd);
	close((int)few.rlim_cur);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	run_until(loop_timer_is_set(&listener.rest));
	turn = loop_turn(loop);
	run_idle();
	/* It does not spin: one turn per pause, not one each time (20). */
	ck_assert_uint_le(loop_turn(loop), turn + 5);
	ck_assert_uint_eq(n_taken, 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &all), 0);
	run_until(n_taken == 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("listener");
	TCase *tc = tcase_create("listener");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_turn_takes_no_more_than_a_batch);
	tcase_add_test(tc, held_it_takes_nobody);
	/* valgrind enforces the limit by accepting and closing at once: nobody waits. */
	if (!under_valgrind())
		tcase_add_test(tc, without_descriptors_it_rests_and_goes_on);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
