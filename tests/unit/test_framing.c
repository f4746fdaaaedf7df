/* SPDX-License-Identifier: BSD-3-Clause */
#include <check.h>
#include <glib.h>

#include "link/framing.h"
#include "run_suite.h"

static size_t put(uint8_t *to, uint32_t len, uint8_t fill)
{
	memset(to + FRAME_PREFIX, fill, len);
	frame_set_prefix(to + FRAME_PREFIX, len);
	return FRAME_PREFIX + len;
}

START_TEST(frames_in_a_row_are_found_in_place)
{
	uint8_t data[256];
	size_t len = put(data, 14, 1);
	struct framing in;
	struct frame f[4];

	len += put(data + len, 60, 2);
	in = framing_init(data, len);
	ck_assert_uint_eq(framing_split(&in, f, 4), 2);
	ck_assert_ptr_eq(f[0].data, data + 4);
	ck_assert_uint_eq(f[0].len, 14);
	ck_assert_ptr_eq(f[1].data, data + 22);
	ck_assert_uint_eq(f[1].len, 60);
	ck_assert_ptr_eq(in.p, in.end);
	ck_assert(!in.bad);
	ck_assert_uint_eq(framing_split(&in, f, 4), 0);
}
END_TEST

START_TEST(a_cut_anywhere_leaves_the_begun_frame_whole)
{
	uint8_t data[64];
	size_t first = put(data, 14, 1);
	size_t len = first + put(data + first, 20, 2);

	for (size_t cut = 0; cut < len; cut++) {
		struct framing in = framing_init(data, cut);
		struct frame f[4];
		size_t n = framing_split(&in, f, 4);

		ck_assert_uint_eq(n, cut >= first ? 1 : 0);
		ck_assert_ptr_eq(in.p, data + (cut >= first ? first : 0));
		ck_assert(!in.bad);
	}
}
END_TEST

START_TEST(more_frames_than_asked_for_come_with_the_next_call)
{
	uint8_t data[18 * 5] = {0};
	struct framing in = framing_init(data, sizeof(data));
	struct frame f[2];

	for (int i = 0; i < 5; i++)
		put(data + 18 * i, 14, (uint8_t)i);
	ck_assert_uint_eq(framing_split(&in, f, 2), 2);
	ck_assert_uint_eq(framing_split(&in, f, 2), 2);
	ck_assert_uint_eq(f[0].data[0], 2);
	ck_assert_uint_eq(framing_split(&in, f, 2), 1);
	ck_assert_uint_eq(framing_split(&in, f, 2), 0);
}
END_TEST

static const uint32_t bad_lengths[] = {0, FRAME_MAX + 1, 0x80000000, 0xffffffff};

START_TEST(an_illegal_length_is_told_after_the_frames_before_it)
{
	uint8_t data[64];
	size_t len = put(data, 14, 1);
	struct framing in;
	struct frame f[4];

	frame_set_prefix(data + len + FRAME_PREFIX, bad_lengths[_i]);
	in = framing_init(data, len + FRAME_PREFIX);
	ck_assert_uint_eq(framing_split(&in, f, 4), 1);
	ck_assert(in.bad);
	ck_assert_uint_eq(in.bad_length, bad_lengths[_i]);
	ck_assert_uint_eq(framing_split(&in, f, 4), 0);
}
END_TEST

START_TEST(the_longest_frame_is_taken)
{
	uint8_t *data = g_malloc(FRAME_PREFIX + FRAME_MAX);
	struct framing in = framing_init(data, put(data, FRAME_MAX, 7));
	struct frame f;

	ck_assert_uint_eq(framing_split(&in, &f, 1), 1);
	ck_assert_uint_eq(f.len, FRAME_MAX);
	g_free(data);
}
END_TEST

START_TEST(runts_are_counted_and_skipped)
{
	uint8_t data[64];
	size_t len = put(data, 1, 1);
	struct framing in;
	struct frame f[4];

	len += put(data + len, 13, 2);
	len += put(data + len, 14, 3);
	in = framing_init(data, len);
	ck_assert_uint_eq(framing_split(&in, f, 4), 1);
	ck_assert_uint_eq(f[0].data[0], 3);
	ck_assert_uint_eq(in.n_runts, 2);
	ck_assert(!in.bad);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("framing");
	TCase *tc = tcase_create("split");

	tcase_add_test(tc, frames_in_a_row_are_found_in_place);
	tcase_add_test(tc, a_cut_anywhere_leaves_the_begun_frame_whole);
	tcase_add_test(tc, more_frames_than_asked_for_come_with_the_next_call);
	tcase_add_loop_test(tc, an_illegal_length_is_told_after_the_frames_before_it, 0,
			    G_N_ELEMENTS(bad_lengths));
	tcase_add_test(tc, the_longest_frame_is_taken);
	tcase_add_test(tc, runts_are_counted_and_skipped);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
