/* SPDX-License-Identifier: BSD-3-Clause */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "loopbed.h"
#include "run_suite.h"

/* --- timers --- */

static unsigned fired[1100];
static unsigned n_fired;

struct clock {
	struct loop_timer timer;
	unsigned id;
	struct clock *other;
	bool again;
};

static void clock_fire(struct loop_timer *timer)
{
	struct clock *clock = container_of(timer, struct clock, timer);

	ck_assert(!loop_timer_is_set(timer));
	fired[n_fired++] = clock->id;
	if (clock->other)
		loop_timer_cancel(&clock->other->timer);
	if (clock->again)
		loop_timer_set(timer, 0);
}

static void clock_init(struct clock *clock, unsigned id)
{
	*clock = (struct clock){.id = id};
	loop_timer_init(loop, &clock->timer, clock_fire);
	n_fired = 0;
}

START_TEST(timers_fire_in_the_order_of_their_time)
{
	struct clock clocks[1000];
	usec_t base = loop_now(loop);
	bool found[1000] = {false};

	srand(1);
	for (unsigned i = 0; i < 1000; i++) {
		clock_init(&clocks[i], i);
		loop_timer_set(&clocks[i].timer, base + rand() % 5000);
	}
	for (unsigned i = 0; i < 1000; i += 3) /* moved */
		loop_timer_set(&clocks[i].timer, base + rand() % 5000);
	for (unsigned i = 0; i < 1000; i += 7) /* taken out of the middle */
		loop_timer_cancel(&clocks[i].timer);
	g_usleep(6000);
	while (turn())
		;
	ck_assert_uint_eq(n_fired, 1000 - 143);
	for (unsigned i = 0; i < n_fired; i++) {
		if (i)
			ck_assert_int_le(clocks[fired[i - 1]].timer.at, clocks[fired[i]].timer.at);
		ck_assert_uint_ne(fired[i] % 7, 0);
		ck_assert(!found[fired[i]]);
		found[fired[i]] = true;
	}
}
END_TEST

START_TEST(blocking_iteration_wakes_for_a_timer_and_not_before)
{
	struct clock clock;
	usec_t start = g_get_monotonic_time();

	clock_init(&clock, 1);
	loop_timer_set(&clock.timer, loop_now(loop) + 20 * USEC_PER_MSEC);
	turn(); /* on a busy machine the time may have come already */
	while (!n_fired)
		g_main_context_iteration(context, TRUE);
	ck_assert_int_ge(g_get_monotonic_time() - start, 20 * USEC_PER_MSEC - 1000);
	ck_assert_int_ge(loop_now(loop), clock.timer.at);
}
END_TEST

START_TEST(timer_that_is_always_due_fires_once_a_turn_and_starves_nobody)
{
	struct clock greedy, modest;

	clock_init(&greedy, 1);
	clock_init(&modest, 2);
	greedy.again = true;
	loop_timer_set(&greedy.timer, 0);
	loop_timer_set(&modest.timer, loop_now(loop));
	ck_assert(turn());
	ck_assert_uint_eq(n_fired, 2);
	ck_assert_uint_eq(fired[0], 1);
	ck_assert_uint_eq(fired[1], 2);
	ck_assert(turn());
	ck_assert_uint_eq(n_fired, 3);
	loop_timer_cancel(&greedy.timer);
	ck_assert(!turn());
}
END_TEST

START_TEST(timer_cancelled_by_one_of_its_turn_does_not_fire)
{
	struct clock a, b;

	clock_init(&a, 1);
	clock_init(&b, 2);
	a.other = &b;
	loop_timer_set(&a.timer, loop_now(loop));
	loop_timer_set(&b.timer, loop_now(loop));
	ck_assert(turn());
	ck_assert_uint_eq(n_fired, 1);
	ck_assert(!loop_timer_is_set(&b.timer));
	loop_timer_cancel(&b.timer);
}
END_TEST

/* --- end of turn --- */

static char trace[32];

struct work {
	struct loop_task task;
	char name;
	struct work *defers;
	struct work *cancels;
};

static void trace_add(char c)
{
	size_t len = strlen(trace);

	ck_assert_uint_lt(len, sizeof(trace) - 1);
	trace[len] = c;
	trace[len + 1] = '\0';
}

static void work_run(struct loop_task *task)
{
	struct work *work = container_of(task, struct work, task);
	struct work *defers = work->defers;

	trace_add(work->name);
	work->defers = NULL;
	if (defers)
		loop_task_defer(&defers->task);
	if (work->cancels)
		loop_task_cancel(&work->cancels->task);
}

static void work_init(struct work *work, char name, enum loop_phase phase)
{
	*work = (struct work){.name = name};
	loop_task_init(loop, &work->task, phase, work_run);
	trace[0] = '\0';
}

static void trace_fire(struct loop_timer *timer)
{
	trace_add('t');
}

static void trace_io(struct loop_io *io, uint32_t revents)
{
	trace_add('i');
}

START_TEST(turn_runs_fds_then_timers_then_phases)
{
	struct loop_io io = {0};
	int fd = eventfd(1, 0);
	struct loop_timer timer;
	struct work s, f, r;

	loop_timer_init(loop, &timer, trace_fire);
	work_init(&r, 'r', LOOP_REAP);
	work_init(&f, 'f', LOOP_FLUSH);
	work_init(&s, 's', LOOP_SERVICE);
	loop_io_add(loop, &io, fd, EPOLLIN, trace_io);
	loop_task_defer(&r.task);
	loop_task_defer(&f.task);
	loop_task_defer(&s.task);
	loop_timer_set(&timer, loop_now(loop));
	ck_assert(turn());
	ck_assert_str_eq(trace, "itsfr");
	ck_assert_uint_eq(loop_turn(loop), 1);
	loop_io_remove(&io);
	close(fd);
}
END_TEST

START_TEST(task_deferred_twice_runs_once)
{
	struct work a;

	work_init(&a, 'a', LOOP_FLUSH);
	loop_task_defer(&a.task);
	loop_task_defer(&a.task);
	ck_assert(turn());
	ck_assert(!turn());
	ck_assert_str_eq(trace, "a");
}
END_TEST

START_TEST(task_of_a_later_phase_runs_in_the_same_turn)
{
	struct work s, r;

	work_init(&s, 's', LOOP_SERVICE);
	work_init(&r, 'r', LOOP_REAP);
	s.defers = &r;
	loop_task_defer(&s.task);
	ck_assert(turn());
	ck_assert_str_eq(trace, "sr");
	ck_assert(!turn());
}
END_TEST

START_TEST(task_of_its_own_or_an_earlier_phase_runs_next_turn_without_sleep)
{
	struct work s, r;

	work_init(&s, 's', LOOP_SERVICE);
	work_init(&r, 'r', LOOP_REAP);
	r.defers = &s;
	s.defers = &s;
	loop_task_defer(&r.task);
	ck_assert(turn());
	ck_assert_str_eq(trace, "r");
	/* Would sleep for ever if the loop reported nothing to do. */
	ck_assert(g_main_context_iteration(context, TRUE));
	ck_assert_str_eq(trace, "rs");
	ck_assert(g_main_context_iteration(context, TRUE));
	ck_assert_str_eq(trace, "rss");
	ck_assert(!turn());
}
END_TEST

START_TEST(task_cancelled_by_one_of_its_phase_does_not_run)
{
	struct work a, b;

	work_init(&a, 'a', LOOP_FLUSH);
	work_init(&b, 'b', LOOP_FLUSH);
	a.cancels = &b;
	loop_task_defer(&a.task);
	loop_task_defer(&b.task);
	ck_assert(turn());
	ck_assert(!turn());
	ck_assert_str_eq(trace, "a");
}
END_TEST

START_TEST(freeing_the_loop_reaps_and_forgets_the_rest)
{
	struct loop *mine = loop;
	struct work r, f;

	loop = loop_new(NULL);
	work_init(&r, 'r', LOOP_REAP);
	work_init(&f, 'f', LOOP_FLUSH);
	loop_task_defer(&r.task);
	loop_task_defer(&f.task);
	loop_free(loop);
	loop = mine;
	ck_assert_str_eq(trace, "r");
	ck_assert(list_empty(&f.task.link));
}
END_TEST

/* --- beside GLib --- */

static void iterate_inside(struct loop_task *task)
{
	struct work *work = container_of(task, struct work, task);

	trace_add(work->name);
	loop_task_defer(&work->defers->task);
	while (g_main_context_iteration(context, FALSE))
		;
	trace_add('.');
}

START_TEST(callback_may_iterate_the_context_without_a_turn_in_a_turn)
{
	struct work a, b;

	work_init(&a, 'a', LOOP_SERVICE);
	work_init(&b, 'b', LOOP_FLUSH);
	a.task.run = iterate_inside;
	a.defers = &b;
	loop_task_defer(&a.task);
	ck_assert(turn());
	ck_assert_str_eq(trace, "a.b");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("turn");
	TCase *tc = tcase_create("turn");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, timers_fire_in_the_order_of_their_time);
	tcase_add_test(tc, blocking_iteration_wakes_for_a_timer_and_not_before);
	tcase_add_test(tc, timer_that_is_always_due_fires_once_a_turn_and_starves_nobody);
	tcase_add_test(tc, timer_cancelled_by_one_of_its_turn_does_not_fire);
	tcase_add_test(tc, turn_runs_fds_then_timers_then_phases);
	tcase_add_test(tc, task_deferred_twice_runs_once);
	tcase_add_test(tc, task_of_a_later_phase_runs_in_the_same_turn);
	tcase_add_test(tc, task_of_its_own_or_an_earlier_phase_runs_next_turn_without_sleep);
	tcase_add_test(tc, task_cancelled_by_one_of_its_phase_does_not_run);
	tcase_add_test(tc, freeing_the_loop_reaps_and_forgets_the_rest);
	tcase_add_test(tc, callback_may_iterate_the_context_without_a_turn_in_a_turn);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
