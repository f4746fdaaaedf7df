/* SPDX-License-Identifier: BSD-3-Clause */
#include "offloadbed.h"
#include "run_suite.h"

/* Loss on the way from the guest. */
static struct bed bed;

/* Libslirp has all that the guest has sent, which is shown more than libslirp takes, and will send
 * @n bytes more. */
static void open_bed(uint32_t seed, uint64_t n)
{
	bed_init(&bed, false, seed, 100000, 0);
	bed.guest.ends = false;
	bed_open(&bed);
	for (unsigned i = 0; i < 10; i++)
		bed_step(&bed, 1);
	ck_assert_uint_eq(bed.slirp.received, 100000);
	bed.guest.total += n;
}

/* In one turn: what fills a gap with much behind it, and what goes on behind that. */
START_TEST(what_follows_the_filling_of_a_gap_is_taken)
{
	struct bed_frame *first, *last;
	uint32_t top;

	open_bed(29, 300000);
	end_output(&bed.guest);
	top = bed.guest.top;
	first = g_queue_pop_head(&bed.up);
	last = g_queue_pop_tail(&bed.up);
	ck_assert_uint_gt(bed.up.length, 65535 / 1440);
	g_queue_push_tail(&bed.up, first);
	g_queue_push_tail(&bed.up, last);
	bed_step(&bed, 1);
	bed.cut = true; /* nothing comes again */
	for (unsigned i = 0; i < 10; i++)
		bed_step(&bed, 1);
	ck_assert_uint_eq(bed.slirp.rcv_nxt, top);
	bed.cut = false;
	bed_must_run(&bed, 10000);
	bed_check(&bed);
	bed_fini(&bed);
}
END_TEST

/* A duplicate acknowledgement for what libslirp is slow to take would have it sent again. */
START_TEST(a_gap_is_told_when_all_before_it_is_acknowledged)
{
	open_bed(30, 150000);
	bed.slirp.reads = 0;
	bed_step(&bed, 1);
	ck_assert_uint_lt(bed.slirp.received, bed.guest.total);
	bed.guest.total += 100000;
	end_output(&bed.guest);
	g_free(g_queue_pop_head(&bed.up));
	ck_assert_uint_gt(bed.up.length, 10);
	bed_step(&bed, 1);
	ck_assert_uint_lt(bed.guest.duplicates, 3);
	bed.slirp.reads = UINT32_MAX;
	bed_must_run(&bed, 150);
	bed_check(&bed);
	bed_fini(&bed);
}
END_TEST

static Suite *gap_suite(void)
{
	Suite *suite = suite_create("offload_gap");
	TCase *tcase = tcase_create("gap");

	tcase_add_test(tcase, what_follows_the_filling_of_a_gap_is_taken);
	tcase_add_test(tcase, a_gap_is_told_when_all_before_it_is_acknowledged);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return run_suite(gap_suite());
}
