/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/loop.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/timerheap.h"

/*
 * epoll returns a slot number and its generation, never a pointer. The generation shows that a
 * source was removed or freed earlier in the turn, or replaced by another on the same fd or slot.
 *
 * When more than EVENTS_PER_TURN descriptors are ready, the epoll fd stays readable and the next
 * turn follows at once. The kernel moves reported descriptors to the end of its ready list, so none
 * is starved.
 */
#define EVENTS_PER_TURN 256

#define NO_SLOT UINT_MAX

#define ARM_RETRY (100 * USEC_PER_MSEC)
#define STOPPED   USEC_PER_SEC /* a timer so late: the process was stopped */

static void arm_again(struct loop_timer *timer);

struct slot {
	struct loop_io *io; /* NULL: free */
	uint32_t generation;
	unsigned next_free; // the free list of loop::slots
	bool in_epoll;      /* false while it waits for no event: see loop_io_events() */
	bool late;          /* the kernel does not know its events yet */
};

struct loop {
	GSource *source;
	gpointer epoll_tag;
	int epoll_fd;
	bool in_turn;
	bool quit;

	usec_t now;
	uint64_t turn;

	struct slot *slots;
	unsigned n_slots;
	unsigned free_slot;
	unsigned n_ios;
	struct loop_timer retry; /* runs while slots are late */

	struct timerheap timers;
	bool timers_waited;
	struct list tasks[LOOP_N_PHASES]; // loop_task::link

	int signal_fd;
	struct loop_io signal_io;
	void (*caught)(int signo, void *data);
	void *caught_data;

	struct epoll_event events[EVENTS_PER_TURN];
};

struct loop_source {
	GSource base;
	struct loop *loop;
};

static usec_t clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * USEC_PER_SEC + ts.tv_nsec / 1000;
}

/* --- the turn --- */

/* Dispatches the first @n entries of loop->events. */
static void run_ios(struct loop *loop, int n)
{
	for (int i = 0; i < n; i++) {
		uint64_t data = loop->events[i].data.u64;
		const struct slot *slot = &loop->slots[(uint32_t)data];
		struct loop_io *io = slot->io;
		uint32_t revents;

		if (!io || slot->generation != data >> 32)
			continue;
		/* An earlier callback of this turn may have cleared the events. */
		if (!slot->in_epoll)
			continue;
		revents = loop->events[i].events & (io->events | EPOLLERR | EPOLLHUP);
		if (revents)
			io->ready(io, revents);
	}
}

static void run_timers(struct loop *loop)
{
	/* Timers set from now on wait for the next turn, even when they are overdue. */
	uint64_t before = loop->timers.seq;
	struct loop_timer *timer;

	while ((timer = timerheap_pop(&loop->timers, loop->now, before)))
		timer->fire(timer);
}

static void run_tasks(struct loop *loop, enum loop_phase phase)
{
	struct list batch;

	list_init(&batch);
	list_splice(&batch, &loop->tasks[phase]);
	while (!list_empty(&batch)) {
		struct loop_task *task = list_first(&batch, struct loop_task, link);

		list_remove(&task->link);
		task->run(task);
	}
}

/*
 * After a long stop (SIGSTOP, suspend) every timer is overdue. They wait for one turn, so that what
 * came meanwhile counts: an answer that waits in a socket is not late.
 */
static bool was_stopped(const struct loop *loop)
{
	usec_t at;

	return timerheap_next(&loop->timers, &at) && loop->now > at + STOPPED;
}

static void run_turn(struct loop *loop, int n)
{
	loop->in_turn = true;
	loop->turn++;
	loop->now = clock_now();
	loop->timers_waited = n > 0 && !loop->timers_waited && was_stopped(loop);
	run_ios(loop, n);
	if (!loop->timers_waited)
		run_timers(loop);
	for (unsigned phase = 0; phase < LOOP_N_PHASES; phase++)
		run_tasks(loop, phase);
	loop->in_turn = false;
}

static bool tasks_pending(const struct loop *loop)
{
	for (unsigned i = 0; i < LOOP_N_PHASES; i++)
		if (!list_empty(&loop->tasks[i]))
			return true;
	return false;
}

/* Sets the clock. Returns how long to sleep, in milliseconds; -1: no limit. */
static int sleep_time(struct loop *loop)
{
	usec_t at, msec;

	loop->now = clock_now();
	if (tasks_pending(loop))
		return 0;
	if (!timerheap_next(&loop->timers, &at))
		return -1;
	if (at <= loop->now)
		return 0;
	/* Round up: waking early only means sleeping again. */
	msec = (at - loop->now - 1) / USEC_PER_MSEC + 1;
	return (int)MIN(msec, INT_MAX);
}

static int wait_for_ios(struct loop *loop, int msec)
{
	return epoll_wait(loop->epoll_fd, loop->events, EVENTS_PER_TURN, msec);
}

void loop_run(struct loop *loop)
{
	while (!loop->quit)
		run_turn(loop, wait_for_ios(loop, sleep_time(loop)));
}

void loop_quit(struct loop *loop)
{
	loop->quit = true;
}

/* --- the GSource --- */

/*
 * A callback that iterates the context must not start a turn within a turn. GLib can forbid that
 * (g_source_set_can_recurse), but then it removes the epoll fd from the context and adds it back at
 * every dispatch, and wakes the context by a write to itself each time (gmain.c block_source):
 * three system calls a turn. Instead, the three functions below report nothing to do during a turn.
 *
 * Outside a turn prepare() and check() set the clock, so that other sources of the context see the
 * right time after a long sleep.
 */
static gboolean source_prepare(GSource *source, gint *timeout)
{
	struct loop *loop = ((struct loop_source *)source)->loop;

	*timeout = loop->in_turn ? -1 : sleep_time(loop);
	return *timeout == 0;
}

static gboolean source_check(GSource *source)
{
	struct loop *loop = ((struct loop_source *)source)->loop;
	usec_t at;

	if (loop->in_turn)
		return FALSE;
	loop->now = clock_now();
	return g_source_query_unix_fd(source, loop->epoll_tag) || tasks_pending(loop) ||
	       (timerheap_next(&loop->timers, &at) && at <= loop->now);
}

static gboolean source_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
	struct loop *loop = ((struct loop_source *)source)->loop;

	run_turn(loop, wait_for_ios(loop, 0));
	return G_SOURCE_CONTINUE;
}

static GSourceFuncs source_funcs = {
	.prepare = source_prepare,
	.check = source_check,
	.dispatch = source_dispatch,
};

struct loop *loop_new(GError **error)
{
	struct loop *loop;
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd < 0) {
		g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
			    "cannot create an epoll set: %s", g_strerror(errno));
		return NULL;
	}
	loop = g_new0(struct loop, 1);
	loop->epoll_fd = fd;
	loop->signal_fd = -1;
	loop->now = clock_now();
	loop->free_slot = NO_SLOT;
	loop_timer_init(loop, &loop->retry, arm_again);
	for (unsigned i = 0; i < LOOP_N_PHASES; i++)
		list_init(&loop->tasks[i]);
	loop->source = g_source_new(&source_funcs, sizeof(struct loop_source));
	((struct loop_source *)loop->source)->loop = loop;
	g_source_set_name(loop->source, "usernet");
	g_source_set_can_recurse(loop->source, TRUE);
	loop->epoll_tag = g_source_add_unix_fd(loop->source, fd, G_IO_IN);
	return loop;
}

void loop_attach(struct loop *loop, GMainContext *context)
{
	g_source_attach(loop->source, context);
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	g_assert(!loop->in_turn);
	while (!list_empty(&loop->tasks[LOOP_REAP]))
		run_tasks(loop, LOOP_REAP);
	for (unsigned i = 0; i < LOOP_N_PHASES; i++)
		list_for_each_safe (task, &loop->tasks[i], struct loop_task, link)
			list_remove(&task->link);
	loop_io_remove(&loop->signal_io);
	loop_timer_cancel(&loop->retry);
	if (loop->signal_fd >= 0)
		close(loop->signal_fd);
	g_assert(loop->n_ios == 0);
	timerheap_clear(&loop->timers);
	g_source_destroy(loop->source);
	g_source_unref(loop->source);
	close(loop->epoll_fd);
	g_free(loop->slots);
	g_free(loop);
}

usec_t loop_now(const struct loop *loop)
{
	return loop->now;
}

uint64_t loop_turn(const struct loop *loop)
{
	return loop->turn;
}

/* --- descriptors --- */

static unsigned slot_take(struct loop *loop)
{
	unsigned slot = loop->free_slot;

	if (slot == NO_SLOT) {
		unsigned n = MAX(64, loop->n_slots * 2);

		loop->slots = g_renew(struct slot, loop->slots, n);
		for (unsigned i = n; i-- > loop->n_slots;) {
			loop->slots[i] = (struct slot){.next_free = loop->free_slot};
			loop->free_slot = i;
		}
		loop->n_slots = n;
		slot = loop->free_slot;
	}
	loop->free_slot = loop->slots[slot].next_free;
	return slot;
}

/*
 * epoll_ctl() has no memory, or this user watches too many descriptors
 * (fs.epoll.max_user_watches): tried again later.
 */
static void arm_later(struct loop *loop, struct slot *slot)
{
	static struct log_limit limit;

	log_limited(&limit, "cannot wait for descriptor %d: %s; trying again", slot->io->fd,
		    g_strerror(errno));
	slot->late = true;
	if (!loop_timer_is_set(&loop->retry))
		loop_timer_set(&loop->retry, loop->now + ARM_RETRY);
}

/* Updates the kernel's event mask for @io. */
static void io_arm(struct loop_io *io)
{
	struct loop *loop = io->loop;
	struct slot *slot = &loop->slots[io->slot];
	struct epoll_event event = {
		.events = io->events,
		.data.u64 = (uint64_t)slot->generation << 32 | io->slot,
	};
	int op = EPOLL_CTL_MOD;

	if (!io->events && !slot->in_epoll)
		return;
	if (!slot->in_epoll)
		op = EPOLL_CTL_ADD;
	else if (!io->events)
		op = EPOLL_CTL_DEL;
	slot->in_epoll = io->events != 0;
	slot->late = false;
	/* A descriptor that was closed too early has already left the set. */
	if (epoll_ctl(loop->epoll_fd, op, io->fd, &event) == 0 || op == EPOLL_CTL_DEL)
		return;
	if (errno != ENOMEM && errno != ENOSPC)
		g_error("epoll_ctl on descriptor %d: %s", io->fd, g_strerror(errno));
	slot->in_epoll = op == EPOLL_CTL_MOD;
	arm_later(loop, slot);
}

static void arm_again(struct loop_timer *timer)
{
	struct loop *loop = container_of(timer, struct loop, retry);

	for (unsigned i = 0; i < loop->n_slots; i++) {
		if (loop->slots[i].io && loop->slots[i].late)
			io_arm(loop->slots[i].io);
	}
}

void loop_io_add(struct loop *loop, struct loop_io *io, int fd, uint32_t events,
		 void (*ready)(struct loop_io *io, uint32_t revents))
{
	g_assert(!io->loop);
	io->loop = loop;
	io->fd = fd;
	io->events = events;
	io->ready = ready;
	io->slot = slot_take(loop);
	loop->slots[io->slot].io = io;
	loop->n_ios++;
	io_arm(io);
}

void loop_io_events(struct loop_io *io, uint32_t events)
{
	if (io->events == events)
		return;
	io->events = events;
	io_arm(io);
}

void loop_io_remove(struct loop_io *io)
{
	struct loop *loop = io->loop;
	struct slot *slot;

	if (!loop)
		return;
	io->events = 0;
	io_arm(io);
	slot = &loop->slots[io->slot];
	slot->io = NULL;
	slot->generation++;
	slot->next_free = loop->free_slot;
	loop->free_slot = io->slot;
	loop->n_ios--;
	io->loop = NULL;
	io->fd = -1;
}

/* --- timers --- */

void loop_timer_init(struct loop *loop, struct loop_timer *timer,
		     void (*fire)(struct loop_timer *timer))
{
	*timer = (struct loop_timer){.loop = loop, .fire = fire};
}

void loop_timer_set(struct loop_timer *timer, usec_t at)
{
	timerheap_set(&timer->loop->timers, timer, at, timer->loop->now);
}

void loop_timer_cancel(struct loop_timer *timer)
{
	if (timer->slot)
		timerheap_remove(&timer->loop->timers, timer);
}

/* --- end of turn --- */

void loop_task_init(struct loop *loop, struct loop_task *task, enum loop_phase phase,
		    void (*run)(struct loop_task *task))
{
	*task = (struct loop_task){.loop = loop, .phase = phase, .run = run};
	list_init(&task->link);
}

void loop_task_defer(struct loop_task *task)
{
	if (list_empty(&task->link))
		list_append(&task->loop->tasks[task->phase], &task->link);
}

void loop_task_cancel(struct loop_task *task)
{
	list_remove(&task->link);
}

/* --- signals --- */

static void signal_ready(struct loop_io *io, uint32_t revents)
{
	struct loop *loop = container_of(io, struct loop, signal_io);
	struct signalfd_siginfo infos[8];
	ssize_t len = read(loop->signal_fd, infos, sizeof(infos));

	for (ssize_t i = 0; len > 0 && i < len / (ssize_t)sizeof(infos[0]); i++)
		loop->caught((int)infos[i].ssi_signo, loop->caught_data);
}

bool loop_signals(struct loop *loop, const int *set, void (*caught)(int signo, void *data),
		  void *data, GError **error)
{
	sigset_t mask;

	g_assert(loop->signal_fd < 0);
	sigemptyset(&mask);
	for (; *set; set++)
		sigaddset(&mask, *set);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	loop->signal_fd = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
	if (loop->signal_fd < 0) {
		g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
			    "cannot receive signals: %s", g_strerror(errno));
		return false;
	}
	loop->caught = caught;
	loop->caught_data = data;
	loop_io_add(loop, &loop->signal_io, loop->signal_fd, EPOLLIN, signal_ready);
	return true;
}
