/* SPDX-License-Identifier: BSD-3-Clause */
#include "capture/filter.h"

#include "base/error.h"
#include "run_suite.h"

/* The filter's answer for a frame of these bytes. */
static uint32_t ask(const char *program, const void *data, uint32_t len)
{
	GError *error = NULL;
	struct filter *filter = filter_new(program, &error);
	struct frame frame = {.data = data, .len = len};
	uint32_t keep;

	ck_assert_msg(filter != NULL, "%s: %s", program, error ? error->message : "");
	keep = filter_run(filter, &frame);
	filter_free(filter);
	return keep;
}

/* The value that the program computes of no frame. */
static uint32_t value(const char *program)
{
	return ask(program, "", 0);
}

static void refuse(const char *program)
{
	GError *error = NULL;

	ck_assert_msg(filter_new(program, &error) == NULL, "%s", program);
	ck_assert(g_error_matches(error, USERNET_ERROR, ERROR_USAGE));
	g_error_free(error);
}

START_TEST(chooses_by_ethertype)
{
	static const char arp[] = "4,40 0 0 12,21 0 1 2054,6 0 0 65535,6 0 0 0";
	uint8_t frame[60] = {0};

	frame[12] = 0x08;
	frame[13] = 0x06;
	ck_assert_uint_eq(ask(arp, frame, sizeof(frame)), 65535);
	frame[13] = 0x00;
	ck_assert_uint_eq(ask(arp, frame, sizeof(frame)), 0);
}
END_TEST

START_TEST(computes)
{
	/* ld #7; then an operation with 3; ret a */
	ck_assert_uint_eq(value("3,0 0 0 7,4 0 0 3,22 0 0 0"), 10);
	ck_assert_uint_eq(value("3,0 0 0 7,20 0 0 3,22 0 0 0"), 4);
	ck_assert_uint_eq(value("3,0 0 0 7,36 0 0 3,22 0 0 0"), 21);
	ck_assert_uint_eq(value("3,0 0 0 7,52 0 0 3,22 0 0 0"), 2);
	ck_assert_uint_eq(value("3,0 0 0 7,148 0 0 3,22 0 0 0"), 1);
	ck_assert_uint_eq(value("3,0 0 0 7,100 0 0 3,22 0 0 0"), 56);
	ck_assert_uint_eq(value("3,0 0 0 7,116 0 0 1,22 0 0 0"), 3);
	/* ld #7; st M[3]; ld #0; ldx M[3]; txa; ret a */
	ck_assert_uint_eq(value("6,0 0 0 7,2 0 0 3,0 0 0 0,97 0 0 3,135 0 0 0,22 0 0 0"), 7);
}
END_TEST

START_TEST(loads_stay_in_the_frame)
{
	static const uint8_t frame[] = {0x45, 2, 3, 4};

	ck_assert_uint_eq(ask("2,32 0 0 0,22 0 0 0", frame, 4), 0x45020304);
	ck_assert_uint_eq(ask("2,32 0 0 1,6 0 0 9", frame, 4), 0);
	ck_assert_uint_eq(ask("2,48 0 0 4,6 0 0 9", frame, 4), 0);
	ck_assert_uint_eq(ask("2,40 0 0 4294967295,6 0 0 9", frame, 4), 0);
	/* ldx 4*([0]&0xf) is 20; ldb [x+0] is outside */
	ck_assert_uint_eq(ask("3,177 0 0 0,135 0 0 0,22 0 0 0", frame, 4), 20);
	ck_assert_uint_eq(ask("3,177 0 0 0,80 0 0 0,6 0 0 9", frame, 4), 0);
	/* x = 0xffffffff, ldb [x+1]: no wrap */
	ck_assert_uint_eq(ask("3,1 0 0 4294967295,80 0 0 1,6 0 0 9", frame, 4), 0);
}
END_TEST

START_TEST(division_by_zero_in_x_matches_nothing)
{
	ck_assert_uint_eq(value("3,0 0 0 7,60 0 0 0,6 0 0 9"), 0);
	ck_assert_uint_eq(value("3,0 0 0 7,156 0 0 0,6 0 0 9"), 0);
}
END_TEST

START_TEST(unsound_programs_are_refused)
{
	refuse("");
	refuse("0");
	refuse("1");
	refuse("4097,6 0 0 1");
	refuse("1,6 0 0");
	refuse("1,6 0 0 1,6 0 0 1");
	refuse("1,6 0 0 4294967296");
	refuse("1,6 256 0 1");
	refuse("1,6 0 0 1x");
	refuse("1,7 0 0 0");                  /* the last does not return */
	refuse("1,255 0 0 0");                /* no such instruction */
	refuse("2,5 0 0 1,6 0 0 1");          /* jumps behind the end */
	refuse("2,5 0 0 4294967295,6 0 0 1"); /* and backwards */
	refuse("2,21 0 1 0,6 0 0 1");
	refuse("2,21 1 0 0,6 0 0 1");
	refuse("2,2 0 0 16,6 0 0 1"); /* M[16] */
	refuse("2,96 0 0 16,6 0 0 1");
	refuse("2,52 0 0 0,6 0 0 1");   /* / 0 */
	refuse("2,100 0 0 32,6 0 0 1"); /* << 32 */
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("filter");
	TCase *tcase = tcase_create("filter");

	tcase_add_test(tcase, chooses_by_ethertype);
	tcase_add_test(tcase, computes);
	tcase_add_test(tcase, loads_stay_in_the_frame);
	tcase_add_test(tcase, division_by_zero_in_x_matches_nothing);
	tcase_add_test(tcase, unsound_programs_are_refused);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
