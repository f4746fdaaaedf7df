/* SPDX-License-Identifier: BSD-3-Clause */
#include <check.h>
#include <string.h>

#include "base/chunk.h"
#include "run_suite.h"

static GMainContext *context;
static struct loop *loop;
static struct chunk_pool *pool;

static void setup(void)
{
	context = g_main_context_new();
	loop = loop_new(NULL);
	ck_assert_ptr_nonnull(loop);
	loop_attach(loop, context);
	pool = chunk_pool_new(loop);
}

static void teardown(void)
{
	chunk_pool_free(pool);
	loop_free(loop);
	g_main_context_unref(context);
}

static void turn(void)
{
	ck_assert(g_main_context_iteration(context, FALSE));
}

START_TEST(retired_chunk_is_readable_till_the_turn_ends)
{
	struct chunk *a = chunk_take(pool), *b;

	memset(a->data, 7, sizeof(a->data));
	chunk_retire(pool, a);
	b = chunk_take(pool);
	ck_assert_ptr_ne(a, b);
	ck_assert_uint_eq(a->data[0], 7);
	ck_assert_uint_eq(a->data[CHUNK_SIZE - 1], 7);
	turn();
	chunk_retire(pool, b);
}
END_TEST

START_TEST(warm_chunk_comes_back_first)
{
	struct chunk *a = chunk_take(pool), *b = chunk_take(pool);

	chunk_retire(pool, a);
	turn();
	chunk_retire(pool, b);
	turn();
	ck_assert_ptr_eq(chunk_take(pool), b);
	ck_assert_ptr_eq(chunk_take(pool), a);
	b->data[0] = a->data[0] = 1; /* not poisoned any more */
	chunk_retire(pool, a);
	chunk_retire(pool, b);
}
END_TEST

START_TEST(many_chunks_are_distinct_and_all_reused)
{
	enum { N = 20 };
	struct chunk *first[N], *again[N];

	for (unsigned i = 0; i < N; i++) {
		first[i] = chunk_take(pool);
		first[i]->data[0] = (uint8_t)i;
	}
	for (unsigned i = 0; i < N; i++)
		ck_assert_uint_eq(first[i]->data[0], i);
	for (unsigned i = 0; i < N; i++)
		chunk_retire(pool, first[i]);
	turn();
	for (unsigned i = 0; i < N; i++) {
		bool found = false;

		again[i] = chunk_take(pool);
		for (unsigned j = 0; j < N; j++)
			found |= again[i] == first[j];
		ck_assert(found);
		for (unsigned j = 0; j < i; j++)
			ck_assert_ptr_ne(again[i], again[j]);
	}
	for (unsigned i = 0; i < N; i++)
		chunk_retire(pool, again[i]);
	turn();
}
END_TEST

START_TEST(chunks_unneeded_for_a_second_are_freed_and_the_loop_then_sleeps)
{
	struct chunk *chunks[9];
	gint64 until;

	for (unsigned i = 0; i < G_N_ELEMENTS(chunks); i++)
		chunks[i] = chunk_take(pool);
	for (unsigned i = 0; i < G_N_ELEMENTS(chunks); i++)
		chunk_retire(pool, chunks[i]);
	turn();
	ck_assert_uint_eq(chunk_pool_idle(pool), 9);
	until = g_get_monotonic_time() + 5 * G_USEC_PER_SEC;
	while (chunk_pool_idle(pool) == 9 && g_get_monotonic_time() < until)
		g_main_context_iteration(context, TRUE);
	ck_assert_uint_eq(chunk_pool_idle(pool), 4);
	/* No timer is left, or the loop could not be freed without the pool. */
	ck_assert(!g_main_context_iteration(context, FALSE));
}
END_TEST

START_TEST(pool_may_go_with_chunks_retired_in_the_last_turn)
{
	chunk_retire(pool, chunk_take(pool));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("chunk");
	TCase *tc = tcase_create("chunk");

	tcase_set_timeout(tc, 10);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, retired_chunk_is_readable_till_the_turn_ends);
	tcase_add_test(tc, warm_chunk_comes_back_first);
	tcase_add_test(tc, many_chunks_are_distinct_and_all_reused);
	tcase_add_test(tc, chunks_unneeded_for_a_second_are_freed_and_the_loop_then_sleeps);
	tcase_add_test(tc, pool_may_go_with_chunks_retired_in_the_last_turn);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
