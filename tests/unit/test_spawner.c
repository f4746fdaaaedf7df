/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/spawner.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/loop.h"
#include "run_suite.h"

/* A time limit for failures only. */
#define PATIENCE_MS 30000

static struct loop *loop;
static struct spawner *spawner;

static void set_up(void)
{
	loop = loop_new(NULL);
	loop_attach(loop, NULL);
	spawner = NULL;
}

static void tear_down(void)
{
	spawner_free(spawner);
	loop_free(loop);
}

static void start(const char *command, bool live)
{
	const char *const commands[] = {"true", command, NULL};

	spawner = spawner_new(commands, live, NULL);
	ck_assert_ptr_nonnull(spawner);
	spawner_attach(spawner, loop);
}

static int run(const char *command, uint32_t *id)
{
	struct spawner_env env = {"net", "10.0.2.15", NULL};
	g_autoptr(GError) error = NULL;
	int fd = spawner_run(spawner, command, &env, id, &error);

	ck_assert_msg(fd >= 0, "%s", error ? error->message : "");
	return fd;
}

/* All of its output, to the end; valid until the next call. */
static const char *say_all(int fd)
{
	static char text[4096];
	size_t len = 0;

	for (;;) {
		struct pollfd polled = {.fd = fd, .events = POLLIN};
		ssize_t n;

		ck_assert_int_eq(poll(&polled, 1, PATIENCE_MS), 1);
		n = read(fd, text + len, sizeof(text) - 1 - len);
		ck_assert_int_ge(n, 0);
		if (n == 0)
			break;
		len += (size_t)n;
	}
	text[len] = '\0';
	return text;
}

START_TEST(command_of_the_list_is_run_with_its_environment)
{
	static const char command[] =
		"echo $USERNET_NETWORK $USERNET_GUEST ${USERNET_GUEST_NAME-no}";
	uint32_t id;
	int fd;

	start(command, false);
	ck_assert(spawner_takes(spawner, command, NULL));
	fd = run(command, &id);
	ck_assert_str_eq(say_all(fd), "net 10.0.2.15 no\n");
	close(fd);
	spawner_end(spawner, id);
}
END_TEST

START_TEST(command_beside_the_list_is_refused_here_and_by_the_helper)
{
	g_autoptr(GError) error = NULL;
	uint32_t id;
	int fd;

	start("true", false);
	ck_assert(!spawner_takes(spawner, "echo other", &error));
	ck_assert_ptr_nonnull(strstr(error->message, "--live-commands"));
	/* Asked nevertheless, as by an attacker who controls this process. */
	fd = run("echo other", &id);
	ck_assert_str_eq(say_all(fd), "");
	close(fd);
}
END_TEST

START_TEST(live_helper_runs_any)
{
	uint32_t id;
	int fd;

	start("true", true);
	ck_assert(spawner_takes(spawner, "echo other", NULL));
	fd = run("echo other", &id);
	ck_assert_str_eq(say_all(fd), "other\n");
	close(fd);
}
END_TEST

START_TEST(without_a_helper_nothing_is_taken)
{
	g_autofree char *longer = g_strnfill(SPAWNER_COMMAND_MAX + 1, 'x');
	g_autoptr(GError) error = NULL;

	ck_assert(!spawner_takes(NULL, "true", NULL));
	start("true", true);
	ck_assert(!spawner_takes(spawner, longer, &error));
	ck_assert_ptr_nonnull(strstr(error->message, "16385 bytes"));
}
END_TEST

START_TEST(ended_command_is_terminated_with_its_group)
{
	uint32_t id;
	int fd;

	start("sleep 1000 & exec sleep 1000", false);
	fd = run("sleep 1000 & exec sleep 1000", &id);
	spawner_end(spawner, id);
	ck_assert_str_eq(say_all(fd), ""); /* both had it */
	close(fd);
}
END_TEST

START_TEST(freeing_ends_all_commands)
{
	uint32_t id;
	int fd;

	start("trap '' TERM; while :; do sleep 1; done", false);
	fd = run("trap '' TERM; while :; do sleep 1; done", &id);
	spawner_free(spawner);
	spawner = NULL;
	ck_assert_str_eq(say_all(fd), "");
	close(fd);
}
END_TEST

START_TEST(many_at_once_answer_each_for_itself)
{
	enum { N = 64 };
	uint32_t id[N];
	int fd[N];

	start("cat", false);
	for (int i = 0; i < N; i++)
		fd[i] = run("cat", &id[i]);
	for (int i = 0; i < N; i++) {
		char text[16];
		int len = g_snprintf(text, sizeof(text), "%d", i);

		ck_assert_int_eq(write(fd[i], text, (size_t)len), len);
		shutdown(fd[i], SHUT_WR);
		ck_assert_str_eq(say_all(fd[i]), text);
		close(fd[i]);
		spawner_end(spawner, id[i]);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("spawner");
	TCase *tcase = tcase_create("spawner");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, command_of_the_list_is_run_with_its_environment);
	tcase_add_test(tcase, command_beside_the_list_is_refused_here_and_by_the_helper);
	tcase_add_test(tcase, live_helper_runs_any);
	tcase_add_test(tcase, without_a_helper_nothing_is_taken);
	tcase_add_test(tcase, ended_command_is_terminated_with_its_group);
	tcase_add_test(tcase, freeing_ends_all_commands);
	tcase_add_test(tcase, many_at_once_answer_each_for_itself);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
