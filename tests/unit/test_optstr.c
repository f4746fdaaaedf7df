/* SPDX-License-Identifier: BSD-3-Clause */
#include <check.h>
#include <string.h>

#include "base/error.h"
#include "ctl/options/optstr.h"
#include "run_suite.h"

static const struct opt_spec specs[] = {
	{.key = "net"},
	{.key = "restrict", .type = OPT_BOOL},
	{.key = "mtu", .type = OPT_NUMBER, .min = 68, .max = 65535},
	{.key = "hostfwd", .flags = OPT_REPEATS},
	{.key = "addr.type"},
	{.key = "addr.host", .flags = OPT_EMPTY},
	{NULL},
};

static struct optstr *parse(const char *text)
{
	GError *error = NULL;
	struct optstr *opts = optstr_parse_any(text, "type", &error);

	ck_assert_msg(opts != NULL, "%s: %s", text, error ? error->message : "no error");
	ck_assert_msg(optstr_check(opts, "user", specs, &error), "%s: %s", text,
		      error ? error->message : "no error");
	return opts;
}

/* @text is refused, with exactly @message, or one that begins so when it ends in "…". */
static void refused(const char *text, const char *message)
{
	g_autoptr(GError) error = NULL;
	auto_optstr struct optstr *opts = optstr_parse_any(text, "type", &error);
	const char *dots = strstr(message, "…");
	size_t len = dots ? (size_t)(dots - message) : strlen(message) + 1;

	ck_assert(!opts || !optstr_check(opts, "user", specs, &error));
	ck_assert(g_error_matches(error, USERNET_ERROR, ERROR_USAGE));
	ck_assert_msg(!strncmp(error->message, message, len), "%s: %s", text, error->message);
}

START_TEST(first_word_is_the_type)
{
	auto_optstr struct optstr *opts = parse("user,id=nat");

	ck_assert_str_eq(optstr_get(opts, "type"), "user");
	ck_assert_str_eq(optstr_get(opts, "id"), "nat");
	ck_assert_ptr_null(optstr_get(opts, "net"));
}
END_TEST

START_TEST(type_may_be_spelled_out_anywhere)
{
	auto_optstr struct optstr *opts = parse("id=nat,type=user");

	ck_assert_str_eq(optstr_get(opts, "type"), "user");
}
END_TEST

START_TEST(doubled_commas_are_one_and_the_last_may_hang)
{
	auto_optstr struct optstr *opts = parse("user,net=a,,b,,,,c,id=x,");

	ck_assert_str_eq(optstr_get(opts, "net"), "a,b,,c");
	ck_assert_str_eq(optstr_get(opts, "id"), "x");
}
END_TEST

START_TEST(equals_sign_in_a_value_stays)
{
	auto_optstr struct optstr *opts = parse("user,net=a=b");

	ck_assert_str_eq(optstr_get(opts, "net"), "a=b");
}
END_TEST

START_TEST(repeated_key_keeps_all_in_order)
{
	auto_optstr struct optstr *opts = parse("user,hostfwd=a,id=x,hostfwd=b");

	ck_assert_str_eq(optstr_nth(opts, "hostfwd", 0), "a");
	ck_assert_str_eq(optstr_nth(opts, "hostfwd", 1), "b");
	ck_assert_ptr_null(optstr_nth(opts, "hostfwd", 2));
}
END_TEST

static const struct {
	const char *text;
	bool value;
} switches[] = {
	{"user,restrict=on", true},    {"user,restrict=off", false},
	{"user,restrict=yes", true},   {"user,restrict=no", false},
	{"user,restrict=true", true},  {"user,restrict=false", false},
	{"user,restrict=y", true},     {"user,restrict=n", false},
	{"user,restrict", true},       {"user,norestrict", false},
	{"user,restrict,id=x", true},  {"user,norestrict,id=x", false},
	{"{\"restrict\":true}", true}, {"{\"restrict\":false}", false},
};

START_TEST(switches_take_qemus_words)
{
	auto_optstr struct optstr *opts = parse(switches[_i].text);

	ck_assert_int_eq(optstr_bool(opts, "restrict", !switches[_i].value), switches[_i].value);
}
END_TEST

START_TEST(what_is_not_given_has_the_callers_default)
{
	auto_optstr struct optstr *opts = parse("user");

	ck_assert(optstr_bool(opts, "restrict", true));
	ck_assert(!optstr_bool(opts, "restrict", false));
	ck_assert_int_eq(optstr_number(opts, "mtu", 17), 17);
}
END_TEST

START_TEST(dotted_keys_and_nested_json_are_the_same)
{
	auto_optstr struct optstr *text = parse("stream,addr.type=inet,addr.host=");
	auto_optstr struct optstr *json =
		parse("{\"type\":\"stream\",\"addr\":{\"type\":\"inet\",\"host\":\"\"}}");

	ck_assert_str_eq(optstr_get(text, "addr.type"), "inet");
	ck_assert_str_eq(optstr_get(json, "addr.type"), "inet");
	ck_assert_str_eq(optstr_get(json, "addr.host"), "");
	ck_assert(optstr_has_prefix(text, "addr."));
	ck_assert(!optstr_has_prefix(text, "remote."));
}
END_TEST

START_TEST(json_lists_are_repeated_keys)
{
	auto_optstr struct optstr *opts =
		parse("{\"type\":\"user\",\"mtu\":1400,\"hostfwd\":[{\"str\":\"a\"},\"b\"]}");

	ck_assert_str_eq(optstr_nth(opts, "hostfwd", 0), "a");
	ck_assert_str_eq(optstr_nth(opts, "hostfwd", 1), "b");
	ck_assert_int_eq(optstr_number(opts, "mtu", 0), 1400);
}
END_TEST

static const struct {
	const char *text, *message;
} mistakes[] = {
	{"user,foo=1", "Parameter 'foo' is unexpected; user knows id, net, restrict, mtu, hostfwd, "
		       "addr.type, addr.host"},
	{"user,foo", "Parameter 'foo' is unexpected; …"},
	{"user,hostfw=1", "Parameter 'hostfw' is unexpected; user knows id, net, restrict, mtu, "
			  "hostfwd, addr.type, addr.host; did you mean 'hostfwd'?"},
	{"user,nofoo", "Parameter 'nofoo' is unexpected; …"},
	{"user,nonet", "Parameter 'nonet' is unexpected; …"},
	{"user,net", "Expected '=' after parameter 'net': it needs a value"},
	{"user,id", "Expected '=' after parameter 'id': it needs a value"},
	{"user,net=", "Parameter 'net' has no value: write net=VALUE, or leave it out"},
	{"user,restrict=perhaps", "Parameter 'restrict' expects 'on' or 'off', not 'perhaps'"},
	{"user,restrict=", "Parameter 'restrict' expects 'on' or 'off', not ''"},
	{"user,mtu=x", "Parameter 'mtu' expects a number from 68 to 65535, not 'x'"},
	{"user,mtu=67", "Parameter 'mtu' expects a number from 68 to 65535, not '67'"},
	{"user,mtu=1500k", "Parameter 'mtu' expects a number from 68 to 65535, not '1500k'"},
	{"user,mtu=99999999999999999999", "Parameter 'mtu' expects a number …"},
	{"user,net=a,net=b", "Parameter 'net' is given twice"},
	{"user,restrict,norestrict", "Parameter 'restrict' is given twice"},
	{"user,=x", "Invalid parameter '' …"},
	{"user,1net=x", "Invalid parameter '1net' …"},
	{"user,ne t=x", "Invalid parameter 'ne t' …"},
	{"{\"foo\":1}", "Parameter 'foo' is unexpected; …"},
	{"{\"net\":5}", "Invalid parameter type for 'net', expected: string"},
	{"{\"net\":null}", "Invalid parameter type for 'net', expected: string"},
	{"{\"net\":[\"a\"]}", "Invalid parameter type for 'net', expected: string"},
	{"{\"restrict\":\"on\"}", "Invalid parameter type for 'restrict', expected: boolean"},
	{"{\"mtu\":\"1500\"}", "Invalid parameter type for 'mtu', expected: integer"},
	{"{\"mtu\":1.5}", "Invalid parameter type for 'mtu', expected: integer"},
	{"{\"hostfwd\":\"a\"}", "Invalid parameter type for 'hostfwd', expected: array"},
	{"{\"hostfwd\":[5]}", "Invalid parameter type for 'hostfwd[0]', …"},
	{"{\"hostfwd\":[{\"a\":\"b\"}]}", "Invalid parameter type for 'hostfwd[0]', …"},
	{"{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":{\"f\":1}}}}}}", "Parameter 'a.b.c.d.e' is nested …"},
	{"{\"net\":", "JSON parse error, …"},
	{"{", "JSON parse error, …"},
};

START_TEST(mistakes_are_named_in_qemus_words)
{
	refused(mistakes[_i].text, mistakes[_i].message);
}
END_TEST

START_TEST(required_key_is_missed_by_name)
{
	static const struct opt_spec needs[] = {{.key = "sock", .flags = OPT_REQUIRED}, {NULL}};
	g_autoptr(GError) error = NULL;
	auto_optstr struct optstr *opts = optstr_parse("vde,id=v", "type", NULL);

	ck_assert(!optstr_check(opts, "vde", needs, &error));
	ck_assert_str_eq(error->message, "Parameter 'sock' is missing");
}
END_TEST

START_TEST(number_of_options_is_bounded)
{
	g_autoptr(GString) text = g_string_new("user");
	g_autoptr(GError) error = NULL;

	for (int i = 0; i < OPTSTR_MAX_OPTIONS; i++)
		g_string_append(text, ",hostfwd=a");
	ck_assert_ptr_null(optstr_parse(text->str, "type", &error));
	ck_assert(g_error_matches(error, USERNET_ERROR, ERROR_USAGE));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("optstr");
	TCase *tc = tcase_create("optstr");

	tcase_add_test(tc, first_word_is_the_type);
	tcase_add_test(tc, type_may_be_spelled_out_anywhere);
	tcase_add_test(tc, doubled_commas_are_one_and_the_last_may_hang);
	tcase_add_test(tc, equals_sign_in_a_value_stays);
	tcase_add_test(tc, repeated_key_keeps_all_in_order);
	tcase_add_loop_test(tc, switches_take_qemus_words, 0, G_N_ELEMENTS(switches));
	tcase_add_test(tc, what_is_not_given_has_the_callers_default);
	tcase_add_test(tc, dotted_keys_and_nested_json_are_the_same);
	tcase_add_test(tc, json_lists_are_repeated_keys);
	tcase_add_loop_test(tc, mistakes_are_named_in_qemus_words, 0, G_N_ELEMENTS(mistakes));
	tcase_add_test(tc, required_key_is_missed_by_name);
	tcase_add_test(tc, number_of_options_is_bounded);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
