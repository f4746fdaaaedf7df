/* SPDX-License-Identifier: BSD-3-Clause */
#include <check.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loopbed.h"
#include "run_suite.h"

/* --- descriptors --- */

struct probe {
	struct loop_io io;
	int peer;
	unsigned calls;
	uint32_t revents;
	void (*then)(struct probe *probe);
	struct probe *other;
};

static void probe_ready(struct loop_io *io, uint32_t revents)
{
	struct probe *probe = container_of(io, struct probe, io);

	probe->calls++;
	probe->revents = revents;
	if (probe->then)
		probe->then(probe);
}

static struct probe *probe_new(uint32_t events)
{
	struct probe *probe = g_new0(struct probe, 1);
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	probe->peer = pair[1];
	loop_io_add(loop, &probe->io, pair[0], events, probe_ready);
	return probe;
}

static void probe_free(struct probe *probe)
{
	int fd = probe->io.fd;

	loop_io_remove(&probe->io);
	if (fd >= 0)
		close(fd);
	if (probe->peer >= 0)
		close(probe->peer);
	g_free(probe);
}

static void probe_poke(struct probe *probe)
{
	ck_assert_int_eq(write(probe->peer, "x", 1), 1);
}

START_TEST(ready_fd_is_called_once_a_turn)
{
	struct probe *a = probe_new(EPOLLIN);

	ck_assert(!turn());
	probe_poke(a);
	ck_assert(turn());
	ck_assert_uint_eq(a->calls, 1);
	ck_assert_uint_eq(a->revents, EPOLLIN);
	ck_assert(turn()); /* level-triggered: nobody has read it */
	ck_assert_uint_eq(a->calls, 2);
	probe_free(a);
}
END_TEST

START_TEST(edge_triggered_fd_is_called_once_for_what_is_new)
{
	struct probe *a = probe_new(EPOLLIN | EPOLLET);

	probe_poke(a);
	ck_assert(turn());
	ck_assert_uint_eq(a->revents, EPOLLIN);
	ck_assert(!turn()); /* not read yet */
	probe_poke(a);
	ck_assert(turn());
	ck_assert_uint_eq(a->calls, 2);
	probe_free(a);
}
END_TEST

START_TEST(hangup_is_told_unasked)
{
	struct probe *a = probe_new(EPOLLIN);

	close(a->peer);
	a->peer = -1;
	ck_assert(turn());
	ck_assert(a->revents & EPOLLHUP);
	probe_free(a);
}
END_TEST

START_TEST(parked_fd_is_silent_even_on_hangup)
{
	struct probe *a = probe_new(EPOLLIN);

	loop_io_events(&a->io, 0);
	close(a->peer);
	a->peer = -1;
	ck_assert(!turn());
	ck_assert_uint_eq(a->calls, 0);
	loop_io_events(&a->io, EPOLLIN);
	ck_assert(turn());
	ck_assert_uint_eq(a->calls, 1);
	probe_free(a);
}
END_TEST

START_TEST(fd_may_be_added_parked_and_removed_parked)
{
	struct probe *a = probe_new(0);

	probe_poke(a);
	ck_assert(!turn());
	probe_free(a);
}
END_TEST

START_TEST(interest_follows_its_changes)
{
	struct probe *a = probe_new(EPOLLIN);

	loop_io_events(&a->io, EPOLLIN | EPOLLOUT);
	ck_assert(turn());
	ck_assert_uint_eq(a->revents, EPOLLOUT);
	loop_io_events(&a->io, EPOLLIN);
	ck_assert(!turn());
	probe_free(a);
}
END_TEST

static void free_other(struct probe *probe)
{
	if (probe->other) {
		probe_free(probe->other);
		probe->other = NULL;
	}
}

START_TEST(fd_removed_and_freed_in_its_turn_is_not_called)
{
	struct probe *a = probe_new(EPOLLIN);
	struct probe *b = probe_new(EPOLLIN);

	/* The first frees the other; the sanitizers watch its memory. */
	a->other = b;
	a->then = free_other;
	probe_poke(a);
	probe_poke(b);
	ck_assert(turn());
	/* The kernel reports in order of readiness. */
	ck_assert_ptr_null(a->other);
	ck_assert_uint_eq(a->calls, 1);
	probe_free(a);
}
END_TEST

static struct probe *replacement;

static void replace_other(struct probe *probe)
{
	free_other(probe);
	if (!replacement)
		replacement = probe_new(EPOLLIN);
}

START_TEST(new_fd_in_the_place_of_a_removed_one_is_not_taken_for_it)
{
	struct probe *a = probe_new(EPOLLIN);
	struct probe *b = probe_new(EPOLLIN);
	int b_fd = b->io.fd;
	unsigned b_slot = b->io.slot;

	replacement = NULL;
	a->other = b;
	a->then = replace_other;
	probe_poke(a);
	probe_poke(b);
	ck_assert(turn());
	ck_assert_int_eq(replacement->io.fd, b_fd);
	ck_assert_uint_eq(replacement->io.slot, b_slot);
	ck_assert_uint_eq(replacement->calls, 0);
	probe_poke(replacement);
	turn();
	ck_assert_uint_eq(replacement->calls, 1);
	probe_free(replacement);
	probe_free(a);
}
END_TEST

static void park_other(struct probe *probe)
{
	loop_io_events(&probe->other->io, 0);
}

START_TEST(fd_parked_in_its_turn_is_not_called)
{
	struct probe *a = probe_new(EPOLLIN);
	struct probe *b = probe_new(EPOLLIN);

	a->other = b;
	a->then = park_other;
	probe_poke(a);
	probe_poke(b);
	ck_assert(turn());
	ck_assert_uint_eq(b->calls, 0);
	probe_free(b);
	probe_free(a);
}
END_TEST

static void free_self(struct probe *probe)
{
	probe_free(probe);
}

START_TEST(fd_may_free_itself)
{
	struct probe *a = probe_new(EPOLLIN);

	a->then = free_self;
	probe_poke(a);
	ck_assert(turn());
	ck_assert(!turn());
}
END_TEST

START_TEST(removing_twice_is_harmless_and_adding_again_works)
{
	struct probe *a = probe_new(EPOLLIN);
	int fd = a->io.fd;

	loop_io_remove(&a->io);
	loop_io_remove(&a->io);
	ck_assert_ptr_null(a->io.loop);
	loop_io_add(loop, &a->io, fd, EPOLLIN, probe_ready);
	probe_poke(a);
	ck_assert(turn());
	ck_assert_uint_eq(a->calls, 1);
	probe_free(a);
}
END_TEST

START_TEST(many_ready_fds_all_get_their_turn)
{
	enum { N = 400 }; /* more than one turn takes; two descriptors each, of a shell's 1024 */
	struct probe *probes[N];
	unsigned turns = 0, min = UINT_MAX, max = 0;

	for (unsigned i = 0; i < N; i++) {
		probes[i] = probe_new(EPOLLIN);
		probe_poke(probes[i]);
	}
	for (; turns < 9; turns++)
		ck_assert(turn());
	for (unsigned i = 0; i < N; i++) {
		min = MIN(min, probes[i]->calls);
		max = MAX(max, probes[i]->calls);
		probe_free(probes[i]);
	}
	/* 9 turns of 256 among 400: 5 or 6 for each. */
	ck_assert_uint_ge(min, 5);
	ck_assert_uint_le(max, 6);
}
END_TEST

/* --- beside GLib --- */

static unsigned n_idle;

static gboolean on_idle(gpointer data)
{
	usec_t *now = data;

	n_idle++;
	if (now)
		*now = loop_now(loop);
	return G_SOURCE_REMOVE;
}

START_TEST(other_sources_of_the_context_run_beside_a_busy_loop)
{
	struct probe *io = probe_new(EPOLLIN);
	GSource *source = g_timeout_source_new(0);

	n_idle = 0;
	g_source_set_callback(source, on_idle, NULL, NULL);
	g_source_attach(source, context);
	probe_poke(io);
	for (unsigned i = 0; i < 3; i++)
		ck_assert(turn());
	ck_assert_uint_eq(n_idle, 1);
	ck_assert_uint_ge(io->calls, 2);
	g_source_unref(source);
	probe_free(io);
}
END_TEST

START_TEST(other_sources_find_the_clock_right_after_a_sleep)
{
	GSource *source = g_timeout_source_new(15);
	usec_t before = loop_now(loop), seen = 0;

	n_idle = 0;
	g_source_set_callback(source, on_idle, &seen, NULL);
	g_source_attach(source, context);
	while (!seen)
		g_main_context_iteration(context, TRUE);
	ck_assert_int_ge(seen - before, 14 * USEC_PER_MSEC);
	g_source_unref(source);
}
END_TEST

/* --- without a context --- */

static unsigned n_runs;

static void on_due(struct loop_timer *timer)
{
	if (++n_runs == 3)
		loop_quit(loop);
	else
		loop_timer_set(timer, loop_now(loop) + 2 * USEC_PER_MSEC);
}

static void on_task(struct loop_task *task)
{
	n_idle++;
}

START_TEST(the_loop_runs_by_itself_until_it_is_told_to_quit)
{
	struct loop *own = loop;
	struct loop_timer timer;
	struct loop_task task;
	struct probe *probe;

	loop = loop_new(NULL);
	ck_assert_ptr_nonnull(loop);
	n_runs = n_idle = 0;
	probe = probe_new(EPOLLIN);
	probe_poke(probe);
	loop_task_init(loop, &task, LOOP_SERVICE, on_task);
	loop_task_defer(&task);
	loop_timer_init(loop, &timer, on_due);
	loop_timer_set(&timer, loop_now(loop) + USEC_PER_MSEC);
	loop_run(loop);
	ck_assert_uint_eq(n_runs, 3);
	ck_assert_uint_eq(n_idle, 1);
	ck_assert_uint_ge(probe->calls, 1);
	loop_run(loop);
	ck_assert_uint_eq(n_runs, 3);
	probe_free(probe);
	loop_free(loop);
	loop = own;
}
END_TEST

/* --- signals --- */

static int caught[4];
static unsigned n_caught;

static void on_signal(int signo, void *data)
{
	ck_assert_ptr_eq(data, caught);
	ck_assert_uint_lt(n_caught, 4);
	caught[n_caught++] = signo;
}

START_TEST(signals_arrive_from_the_loop)
{
	const int set[] = {SIGUSR1, SIGUSR2, 0};
	sigset_t mask;

	n_caught = 0;
	ck_assert(loop_signals(loop, set, on_signal, caught, NULL));
	ck_assert(!turn());
	kill(getpid(), SIGUSR2);
	kill(getpid(), SIGUSR1);
	ck_assert(turn());
	ck_assert_uint_eq(n_caught, 2);
	ck_assert_int_eq(caught[0] + caught[1], SIGUSR1 + SIGUSR2);
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	sigaddset(&mask, SIGUSR2);
	sigprocmask(SIG_UNBLOCK, &mask, NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("loop");
	TCase *tc = tcase_create("loop");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, ready_fd_is_called_once_a_turn);
	tcase_add_test(tc, edge_triggered_fd_is_called_once_for_what_is_new);
	tcase_add_test(tc, hangup_is_told_unasked);
	tcase_add_test(tc, parked_fd_is_silent_even_on_hangup);
	tcase_add_test(tc, fd_may_be_added_parked_and_removed_parked);
	tcase_add_test(tc, interest_follows_its_changes);
	tcase_add_test(tc, fd_removed_and_freed_in_its_turn_is_not_called);
	tcase_add_test(tc, new_fd_in_the_place_of_a_removed_one_is_not_taken_for_it);
	tcase_add_test(tc, fd_parked_in_its_turn_is_not_called);
	tcase_add_test(tc, fd_may_free_itself);
	tcase_add_test(tc, removing_twice_is_harmless_and_adding_again_works);
	tcase_add_test(tc, many_ready_fds_all_get_their_turn);
	tcase_add_test(tc, other_sources_of_the_context_run_beside_a_busy_loop);
	tcase_add_test(tc, other_sources_find_the_clock_right_after_a_sleep);
	tcase_add_test(tc, the_loop_runs_by_itself_until_it_is_told_to_quit);
	tcase_add_test(tc, signals_arrive_from_the_loop);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
