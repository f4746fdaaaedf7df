/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TESTS_LOOPBED_H
#define USERNET_TESTS_LOOPBED_H

#include <check.h>

#include "base/loop.h"

/* A loop in a context of its own, turned by hand. */
static GMainContext *context;
static struct loop *loop;

static inline void setup(void)
{
	context = g_main_context_new();
	loop = loop_new(NULL);
	ck_assert_ptr_nonnull(loop);
	loop_attach(loop, context);
}

static inline void teardown(void)
{
	loop_free(loop);
	g_main_context_unref(context);
}

/* One turn if anything is due; never sleeps. */
static inline bool turn(void)
{
	return g_main_context_iteration(context, FALSE);
}

#endif
