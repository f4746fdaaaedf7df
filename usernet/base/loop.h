/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_LOOP_H
#define USERNET_BASE_LOOP_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

/*
 * The event loop: one epoll set. It runs alone, with one system call to wait per turn, or as a
 * GSource in a GMainContext together with other sources, with two.
 *
 * A turn handles the ready descriptors, each callback once; then the timers that are due; then the
 * deferred tasks, phase by phase:
 *
 *     ready fds -> timers -> LOOP_SERVICE -> LOOP_FLUSH -> LOOP_REAP
 *
 * After a long stop of the process the timers wait for one turn, so that what came meanwhile
 * counts.
 *
 * loop_now() does not change within a turn. A callback may add and remove any source, including its
 * own. A source removed during a turn is not called again. Memory that holds a source may be freed
 * at once after its removal.
 *
 * Single-threaded; starts no thread. Signals come through loop_signals().
 */
struct loop;

/* Microseconds, CLOCK_MONOTONIC. */
typedef int64_t usec_t;
#define USEC_PER_MSEC INT64_C(1000)
#define USEC_PER_SEC  INT64_C(1000000)

/* Owned by the caller. Returns NULL and sets @error (G_FILE_ERROR) when epoll fails. */
struct loop *loop_new(GError **error);
/* Runs until loop_quit(), which may already have been called. Not for an attached loop. */
void loop_run(struct loop *loop);
/* Makes loop_run() return at the end of the turn. */
void loop_quit(struct loop *loop);
/* Attaches to @context (NULL: the default context), which then runs the loop. */
void loop_attach(struct loop *loop, GMainContext *context);
/*
 * All descriptors and timers must have been removed. Runs the tasks deferred to LOOP_REAP and drops
 * those of other phases. Signals stay blocked.
 */
void loop_free(struct loop *loop);
/* The time this turn began; between turns, the time of the last wake-up. */
usec_t loop_now(const struct loop *loop);
/* Number of turns since the loop was made; equal values mean the same turn. */
uint64_t loop_turn(const struct loop *loop);

/* --- descriptors --- */

struct loop_io {
	struct loop *loop; /* NULL while not added */
	int fd;            /* borrowed: never closed here */
	uint32_t events;   /* EPOLLIN | EPOLLOUT …; level-triggered unless it has EPOLLET */
	void (*ready)(struct loop_io *io, uint32_t revents);
	unsigned slot; /* private to the loop */
};

/*
 * @io must be zeroed or removed. @fd must be supported by epoll (regular files are not) and on no
 * other @io. Aborts only when the kernel returns ENOMEM or ENOSPC.
 */
void loop_io_add(struct loop *loop, struct loop_io *io, int fd, uint32_t events,
		 void (*ready)(struct loop_io *io, uint32_t revents));
/*
 * Cheap when nothing changes. 0 parks @io: nothing is reported, not even EPOLLERR or EPOLLHUP,
 * which would otherwise wake every turn. With any other value both may be reported.
 */
void loop_io_events(struct loop_io *io, uint32_t events);
/* Does nothing when not added. Remove before closing the fd. */
void loop_io_remove(struct loop_io *io);

/* --- timers --- */

struct loop_timer {
	struct loop *loop;
	usec_t at;
	void (*fire)(struct loop_timer *timer);
	unsigned slot; /* private to the loop: position in the heap + 1, 0 when idle */
};

void loop_timer_init(struct loop *loop, struct loop_timer *timer,
		     void (*fire)(struct loop_timer *timer));
/*
 * One shot at absolute time @at, rounded up to a millisecond; call again to move it. O(log n). A
 * timer set by a timer callback waits for the next turn even when it is due.
 */
void loop_timer_set(struct loop_timer *timer, usec_t at);
void loop_timer_cancel(struct loop_timer *timer);
static inline bool loop_timer_is_set(const struct loop_timer *timer)
{
	return timer->slot != 0;
}

/* --- end of turn --- */

enum loop_phase {
	LOOP_SERVICE, /* services answer input: the gateway, the NAT */
	LOOP_FLUSH,   /* ports write queued frames */
	LOOP_REAP,    /* closed objects are freed, borrowed buffers returned */
	LOOP_N_PHASES,
};

/*
 * Work for the end of the turn. Deferring a task twice runs it once. A task deferred from a
 * callback of its own or a later phase runs in the next turn, which then starts without sleeping.
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
 * Blocks the signals of @set (a zero-terminated array) and calls @caught from the loop for each
 * that arrives (signalfd). Once per loop.
 */
bool loop_signals(struct loop *loop, const int *set, void (*caught)(int signo, void *data),
		  void *data, GError **error);

#endif
