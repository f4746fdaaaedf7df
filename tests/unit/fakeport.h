/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TESTS_FAKEPORT_H
#define USERNET_TESTS_FAKEPORT_H

#include <check.h>

#include "base/list.h"
#include "net/port.h"

/* A port that records its frames and counts flush and pause calls. */
struct fakeport {
	struct port port;
	unsigned sends, flushes, pauses, resumes;
	size_t n; /* frames, of which the first are here */
	struct frame frames[64];
};

static inline struct fakeport *fakeport(struct port *port)
{
	return container_of(port, struct fakeport, port);
}

static inline void fakeport_send(struct port *port, const struct frame *frames, size_t n)
{
	struct fakeport *fake = fakeport(port);

	fake->sends++;
	for (size_t i = 0; i < n; i++) {
		if (fake->n < G_N_ELEMENTS(fake->frames))
			fake->frames[fake->n] = frames[i];
		fake->n++;
	}
}

static inline void fakeport_flush(struct port *port)
{
	fakeport(port)->flushes++;
}

static inline void fakeport_pause(struct port *port, bool pause)
{
	if (pause)
		fakeport(port)->pauses++;
	else
		fakeport(port)->resumes++;
}

static const struct port_ops fakeport_ops = {
	.send = fakeport_send,
	.flush = fakeport_flush,
	.pause = fakeport_pause,
};

/* Forgets the frames. */
static inline void fakeport_clear(struct fakeport *fake)
{
	fake->sends = 0;
	fake->n = 0;
}

static inline struct loop *new_test_loop(void)
{
	struct loop *loop = loop_new(NULL);

	ck_assert_ptr_nonnull(loop);
	loop_attach(loop, NULL);
	return loop;
}

/* Turns the loop until nothing is due, and for @ms more. */
static inline void run_loop(unsigned ms)
{
	gint64 end = g_get_monotonic_time() + ms * 1000;

	do {
		if (!g_main_context_iteration(NULL, FALSE))
			g_usleep(ms ? 500 : 0);
	} while (g_get_monotonic_time() < end);
	while (g_main_context_iteration(NULL, FALSE))
		;
}

#endif
