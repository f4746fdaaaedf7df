/* SPDX-License-Identifier: BSD-3-Clause */
#include <check.h>
#include <string.h>

#include "ctl/qmp/json_splitter.h"
#include "run_suite.h"

/* The events, one per line: a letter and its text. */
static GString *seen;
static bool go_on;

static bool note(void *data, enum json_split_event event, const char *text)
{
	g_string_append_printf(seen, "%c %s\n", "VBEL"[event], text);
	return go_on;
}

static struct json_splitter *splitter;

static void setup(void)
{
	seen = g_string_new(NULL);
	go_on = true;
	splitter = json_splitter_new(note, NULL);
}

static void teardown(void)
{
	json_splitter_free(splitter);
	g_string_free(seen, TRUE);
}

static bool feed(const char *text)
{
	return json_splitter_feed(splitter, text, strlen(text));
}

static const struct {
	const char *in, *out;
} cases[] = {
	{"{}", "V {}\n"},
	{"{}{}", "V {}\nV {}\n"},
	{"\r\n{} \t{}\n", "V {}\nV {}\n"},
	{"[{}]", "V [{}]\n"},
	{"{\"a\":\"}\"}", "V {\"a\":\"}\"}\n"},
	{"{\"a\":\"\\\"}\"}", "V {\"a\":\"\\\"}\"}\n"},
	{"{\"a\":\"\\\\\"}", "V {\"a\":\"\\\\\"}\n"},
	{"{'a':'b'}", "V {\"a\":\"b\"}\n"},
	{"{'a':'\"'}", "V {\"a\":\"\\\"\"}\n"},
	{"{'a':'it\\'s'}", "V {\"a\":\"it's\"}\n"},
	{"{\"a\":\"'\"}", "V {\"a\":\"'\"}\n"},
	{"{\n\"a\"\n:1\n}", "V { \"a\" :1 }\n"},
	{"xyz {}", "B xyz\nV {}\n"},
	{"5\n", "B 5\n"},
	{"\"a b\"", "B \"a b\"\n"},
	{"}", "E JSON parse error, expecting value\n"},
	{"{]{}", "E JSON parse error, expecting value\nV {}\n"},
	{"[}", "E JSON parse error, expecting value\n"},
	{"\xff{}", "E JSON parse error, stray '\\xff'\nV {}\n"},
	{"{\xff{}", "E JSON parse error, stray '\\xff'\nV {}\n"},
	{"{'bad \xff", "E JSON parse error, invalid UTF-8 sequence\n"},
	{"{'bad \xff{}", "E JSON parse error, invalid UTF-8 sequence\nV {}\n"},
	{"{'bad \xc0", "E JSON parse error, invalid UTF-8 sequence\n"},
	{"{'50%':'%p'}", "V {\"50%\":\"%p\"}\n"},
	{"%p", "E JSON parse error, stray '%'\n"},
	{"{'a':%s", "E JSON parse error, stray '%'\n"},
	{"%p{}", "E JSON parse error, stray '%'\nV {}\n"},
	{"%d\n{}", "E JSON parse error, stray '%'\nV {}\n"},
	{"{'a':-1.5E+3,'b':[true,null]}", "V {\"a\":-1.5E+3,\"b\":[true,null]}\n"},
	{"{\"a\n", "E JSON parse error, invalid control character in string\n"},
	{"{\"a\":\"\xc3\xa4\"}", "V {\"a\":\"\xc3\xa4\"}\n"},
	{"{\"a", ""},
};

START_TEST(values_are_cut_at_their_last_bracket)
{
	ck_assert(feed(cases[_i].in));
	ck_assert_str_eq(seen->str, cases[_i].out);
}
END_TEST

START_TEST(pieces_of_any_size_make_the_same_values)
{
	size_t len = strlen(cases[_i].in);

	for (size_t at = 0; at <= len; at++) {
		g_string_truncate(seen, 0);
		json_splitter_free(splitter);
		splitter = json_splitter_new(note, NULL);
		ck_assert(json_splitter_feed(splitter, cases[_i].in, at));
		ck_assert(json_splitter_feed(splitter, cases[_i].in + at, len - at));
		ck_assert_str_eq(seen->str, cases[_i].out);
	}
	g_string_truncate(seen, 0);
	json_splitter_free(splitter);
	splitter = json_splitter_new(note, NULL);
	for (size_t at = 0; at < len; at++)
		ck_assert(json_splitter_feed(splitter, cases[_i].in + at, 1));
	ck_assert_str_eq(seen->str, cases[_i].out);
}
END_TEST

START_TEST(nul_byte_is_an_error_and_no_end)
{
	ck_assert(json_splitter_feed(splitter, "\0{}", 3));
	ck_assert_str_eq(seen->str, "E JSON parse error, stray '\\x00'\nV {}\n");
}
END_TEST

START_TEST(deepest_value_passes_and_one_deeper_does_not)
{
	for (int i = 0; i < JSON_SPLIT_MAX_DEPTH; i++)
		ck_assert(feed("["));
	for (int i = 0; i < JSON_SPLIT_MAX_DEPTH; i++)
		ck_assert(feed("]"));
	ck_assert_int_eq(seen->str[0], 'V');
	g_string_truncate(seen, 0);
	for (int i = 0; i <= JSON_SPLIT_MAX_DEPTH; i++)
		ck_assert(feed("["));
	ck_assert_str_eq(seen->str, "E JSON nesting depth limit exceeded\n");
}
END_TEST

START_TEST(largest_value_passes_and_a_larger_ends_it)
{
	g_autofree char *filler = g_strnfill(JSON_SPLIT_MAX_SIZE - 4, 'a');

	ck_assert(feed("[\""));
	ck_assert(feed(filler));
	ck_assert(feed("\"]"));
	ck_assert_uint_eq(seen->len, JSON_SPLIT_MAX_SIZE + 3);
	g_string_truncate(seen, 0);
	go_on = false;
	ck_assert(feed("[\""));
	ck_assert(feed(filler));
	ck_assert(feed("aa"));
	ck_assert(!feed("aaaa"));
	ck_assert_str_eq(seen->str, "L JSON token size limit exceeded\n");
}
END_TEST

START_TEST(large_word_without_brackets_is_bounded_too)
{
	g_autofree char *filler = g_strnfill(JSON_SPLIT_MAX_SIZE + 1, 'a');

	go_on = false;
	ck_assert(!feed(filler));
	ck_assert_str_eq(seen->str, "L JSON token size limit exceeded\n");
}
END_TEST

START_TEST(stop_leaves_the_rest_alone)
{
	go_on = false;
	ck_assert(!feed("{}{}"));
	ck_assert_str_eq(seen->str, "V {}\n");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("json_splitter");
	TCase *tc = tcase_create("json_splitter");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, values_are_cut_at_their_last_bracket, 0, G_N_ELEMENTS(cases));
	tcase_add_loop_test(tc, pieces_of_any_size_make_the_same_values, 0, G_N_ELEMENTS(cases));
	tcase_add_test(tc, nul_byte_is_an_error_and_no_end);
	tcase_add_test(tc, deepest_value_passes_and_one_deeper_does_not);
	tcase_add_test(tc, largest_value_passes_and_a_larger_ends_it);
	tcase_add_test(tc, large_word_without_brackets_is_bounded_too);
	tcase_add_test(tc, stop_leaves_the_rest_alone);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
