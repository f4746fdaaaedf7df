/* SPDX-License-Identifier: BSD-3-Clause */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "run_suite.h"

static char said[4096];
static int pipe_fds[2];
static int stderr_fd;

/* said[] holds stderr between listen_in() and heard(). */
static void listen_in(void)
{
	ck_assert_int_eq(pipe2(pipe_fds, O_NONBLOCK), 0);
	stderr_fd = dup(STDERR_FILENO);
	dup2(pipe_fds[1], STDERR_FILENO);
}

static const char *heard(void)
{
	ssize_t len = read(pipe_fds[0], said, sizeof(said) - 1);

	said[MAX(len, 0)] = '\0';
	dup2(stderr_fd, STDERR_FILENO);
	close(stderr_fd);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	return said;
}

START_TEST(messages_name_us_and_their_level)
{
	listen_in();
	log_error("no %s", "luck");
	log_warning("beware");
	log_info("ready");
	log_debug("not heard by default");
	ck_assert_str_eq(heard(), "usernet: error: no luck\n"
				  "usernet: warning: beware\n"
				  "usernet: ready\n");
}
END_TEST

START_TEST(level_decides_what_is_heard)
{
	listen_in();
	log_set_level(LOG_LEVEL_ERROR);
	log_warning("no");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("yes");
	log_set_level(LOG_LEVEL_INFO);
	ck_assert_str_eq(heard(), "usernet: debug: yes\n");
}
END_TEST

/* In a child: it cannot be undone. */
START_TEST(a_file_gets_lines_with_their_time_and_a_terminal_a_copy)
{
	g_autofree char *path = NULL, *text = NULL;
	int status, file = g_file_open_tmp("usernet-test-XXXXXX", &path, NULL);
	pid_t child;

	listen_in();
	child = fork();
	ck_assert_int_ge(child, 0);
	if (!child) {
		bool fine;

		log_copy_to(dup(STDERR_FILENO));
		fine = log_to_file(path, NULL);
		log_warning("beware");
		log_copy_to(-1);
		log_info("ready");
		_exit(fine ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	ck_assert_str_eq(heard(), "usernet: warning: beware\n");
	ck_assert(g_file_get_contents(path, &text, NULL, NULL));
	ck_assert_msg(g_regex_match_simple("^[-0-9]{10} [:0-9]{8} usernet: warning: beware\n"
					   "[-0-9]{10} [:0-9]{8} usernet: ready\n$",
					   text, 0, 0),
		      "%s", text);
	close(file);
	unlink(path);
}
END_TEST

START_TEST(quoted_bytes_cannot_steer_the_terminal_or_forge_a_line)
{
	listen_in();
	log_info("%s", "a\nusernet: b\x1b[2J\x7f \xc3\xa9 \xff\xc2\x9b \\ %s");
	ck_assert_str_eq(heard(),
			 "usernet: a\\x0ausernet: b\\x1b[2J\\x7f \xc3\xa9 \\xff\\x9b \\ %s\n");
}
END_TEST

START_TEST(limited_messages_are_kept_back_and_then_counted)
{
	struct log_limit limit = {0};

	listen_in();
	for (unsigned i = 0; i < LOG_LIMIT_BURST + 7; i++)
		log_limited(&limit, "%u", i);
	ck_assert_str_eq(heard(), "usernet: warning: 0\nusernet: warning: 1\nusernet: warning: 2\n"
				  "usernet: warning: 3\nusernet: warning: 4\n");
	listen_in();
	limit.window -= LOG_LIMIT_PERIOD * G_USEC_PER_SEC;
	log_limited(&limit, "again");
	log_limited(&limit, "again");
	ck_assert_str_eq(heard(), "usernet: warning: again\n"
				  "usernet: warning: (7 more like this were kept back before)\n"
				  "usernet: warning: again\n");
}
END_TEST

START_TEST(limits_are_separate)
{
	struct log_limit a = {0}, b = {0};

	listen_in();
	for (unsigned i = 0; i < 2 * LOG_LIMIT_BURST; i++)
		log_limited(&a, "a");
	heard();
	listen_in();
	log_limited(&b, "b");
	ck_assert_str_eq(heard(), "usernet: warning: b\n");
}
END_TEST

START_TEST(warnings_of_libraries_are_limited_and_named)
{
	unsigned lines = 0;

	log_take_libraries();
	listen_in();
	for (unsigned i = 0; i < 100; i++)
		g_log_structured("Slirp", G_LOG_LEVEL_WARNING, "MESSAGE", "bad \x1b frame");
	heard();
	for (const char *p = said; (p = strchr(p, '\n')); p++)
		lines++;
	ck_assert_uint_eq(lines, LOG_LIMIT_BURST);
	ck_assert(g_str_has_prefix(said, "usernet: warning: Slirp: bad \\x1b frame\n"));
	listen_in();
	g_log_structured("Slirp", G_LOG_LEVEL_DEBUG, "MESSAGE", "chatter");
	ck_assert_str_eq(heard(), "");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log");
	TCase *tc = tcase_create("log");

	unsetenv("JOURNAL_STREAM");
	tcase_add_test(tc, messages_name_us_and_their_level);
	tcase_add_test(tc, level_decides_what_is_heard);
	tcase_add_test(tc, a_file_gets_lines_with_their_time_and_a_terminal_a_copy);
	tcase_add_test(tc, quoted_bytes_cannot_steer_the_terminal_or_forge_a_line);
	tcase_add_test(tc, limited_messages_are_kept_back_and_then_counted);
	tcase_add_test(tc, limits_are_separate);
	tcase_add_test(tc, warnings_of_libraries_are_limited_and_named);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
