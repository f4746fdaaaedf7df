/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_LOOP_H
#define USERNET_BASE_LOOP_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

/*
 * The event loop: one epoll set. It runs by itself, with one system call to wait in each turn, or
 * as one GSource in a GMainContext, beside what else is there, with two.
 *
 * A turn is: the ready descriptors, each callback once; the timers that are due;
 * then what was deferred, phase by phase:
 *
 *     ready fds -> timers -> LOOP_SERVICE -> LOOP_FLUSH -> LOOP_REAP
 *
 * Within a turn loop_now() stands still. Every callback may add and remove any
 * source, its own included: a source removed in the middle of a turn is not called
 * again. Memory that holds a source may be freed at once after its removal.
 *
 * Single-threaded; starts no thread. Signals come through loop_signals().
 */
struct loop;

/* Microseconds, CLOCK_MONOTONIC. */
typedef int64_t usec_t;
#define USEC_PER_MSEC INT64_C(1000)
#define USEC_PER_SEC  INT64_C(1000000)

/* Owned by the caller. NULL and @error (G_FILE_ERROR) when epoll is not to be had. */
struct loop *loop_new(GError **error);
/* Turns, until loop_quit(), which may have been called before. Not for a loop that is attached. */
void loop_run(struct loop *loop);
/* loop_run() returns at the end of the turn. */
void loop_quit(struct loop *loop);
/* Attaches to @context (NULL: the default one), which then runs it. */
void loop_attach(struct loop *loop, GMainContext *context);
/*
 * All descriptors and timers must have been removed. Runs what is deferred to LOOP_REAP first and
 * forgets what is deferred to other phases. Signals stay blocked.
 */
void loop_free(struct loop *loop);
/* The time this turn began; between turns, of the last wake-up. */
usec_t loop_now(const struct loop *loop);
/* Turns since the loop was made; equal values mean the same turn. */
uint64_t loop_turn(const struct loop *loop);

/* --- descriptors --- */

struct loop_io {
	struct loop *loop; /* NULL while not added */
	int fd;            /* borrowed: never closed here */
	uint32_t events;   /* EPOLLIN | EPOLLOUT …; level-triggered unless EPOLLET is in it */
	void (*ready)(struct loop_io *io, uint32_t revents);
	unsigned slot; /* loop's */
};

/*
 * @io is zeroed or was removed. @fd is one that epoll takes (a regular file is not), on no other
 * @io. Aborts only on ENOMEM/ENOSPC of the kernel.
 */
void loop_io_add(struct loop *loop, struct loop_io *io, int fd, uint32_t events,
		 void (*ready)(struct loop_io *io, uint32_t revents));
/*
 * Cheap when nothing changes. 0 parks @io: nothing at all is reported, not even EPOLLERR or
 * EPOLLHUP (which would make every turn run at once). Otherwise both may come unasked for.
 */
void loop_io_events(struct loop_io *io, uint32_t events);
/* Harmless when not added. Remove before closing the fd. */
void loop_io_remove(struct loop_io *io);

/* --- timers --- */

struct loop_timer {
	struct loop *loop;
	usec_t at;
	void (*fire)(struct loop_timer *timer);
	unsigned slot; /* loop's: position in the heap + 1, 0 when idle */
};

void loop_timer_init(struct loop *loop, struct loop_timer *timer,
		     void (*fire)(struct loop_timer *timer));
/*
 * One shot at absolute time @at, to the millisecond above; set again to move it. O(log n). One set
 * by a timer's callback waits for the next turn even when it is due.
 */
void loop_timer_set(struct loop_timer *timer, usec_t at);
void loop_timer_cancel(struct loop_timer *timer);
static inline bool loop_timer_is_set(const struct loop_timer *timer)
{
	return timer->slot != 0;
}

/* --- end of turn --- */

enum loop_phase {
	LOOP_SERVICE, /* services answer what came in: the gateway, the NAT */
	LOOP_FLUSH,   /* ports write what they were given */
	LOOP_REAP,    /* closing things are freed, borrowed buffers go back */
	LOOP_N_PHASES,
};

/*
 * A piece of work for the end of the turn. Deferring it twice runs it once. Deferred from a
 * callback of its own or a later phase it runs next turn, which then comes without sleeping.
 */
struct loop_task {
	struct loop *loop;
	enum loop_phase phase;
	void (*run)(struct loop_task *task);
	struct list link; // loop::tasks[phase]; detached when idle
};

void loop_task_init(struct loop *loop, struct loop_task *task, enum loop_phase phase,
		    void (*run)(struct loop_task *task));
void loop_task_defer(struct loop_task *task);
void loop_task_cancel(struct loop_task *task);

/* --- signals --- */

/*
 * Blocks the signals of @set (a zero-terminated array) and calls @caught for each that arrives,
 * from the loop (signalfd). Once per loop.
 */
bool loop_signals(struct loop *loop, const int *set, void (*caught)(int signo, void *data),
		  void *data, GError **error);

#endif
