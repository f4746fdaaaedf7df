/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "dhcp/journal.h"
#include "run_suite.h"

#define MAC(n) (UINT64_C(0x525400000000) + (n))
#define WALL   INT64_C(1700000000)

static char *dir, *path;
static struct lease_journal *journal;
static GArray *records;

static void setup(void)
{
	dir = g_dir_make_tmp("usernet-journal-XXXXXX", NULL);
	ck_assert_ptr_nonnull(dir);
	path = g_build_filename(dir, "leases", NULL);
}

static void shut(void)
{
	g_clear_pointer(&records, g_array_unref);
	lease_journal_close(journal);
	journal = NULL;
}

static void teardown(void)
{
	g_autofree char *beside = g_strconcat(path, ".new", NULL);

	shut();
	g_unlink(path);
	g_unlink(beside);
	g_rmdir(dir);
	g_clear_pointer(&path, g_free);
	g_clear_pointer(&dir, g_free);
}

static void start(void)
{
	g_autoptr(GError) error = NULL;

	shut();
	journal = lease_journal_open(path, &records, &error);
	ck_assert_msg(journal, "%s", error ? error->message : "");
}

static struct lease_record record(unsigned mac, const char *addr, int64_t expiry)
{
	struct lease_record r = {.expiry = expiry};

	r.lease.mac = mac ? MAC(mac) : 0;
	r.lease.addr.s_addr = inet_addr(addr);
	return r;
}

static void note(unsigned mac, const char *addr, int64_t expiry)
{
	struct lease_record r = record(mac, addr, expiry);

	lease_journal_add(journal, &r);
}

static const struct lease_record *at(const char *addr)
{
	for (guint i = 0; i < records->len; i++) {
		const struct lease_record *r = &g_array_index(records, struct lease_record, i);

		if (r->lease.addr.s_addr == inet_addr(addr))
			return r;
	}
	return NULL;
}

/* Without g_file_set_contents()'s fsync, of which hundreds take a minute on a slow disk. */
static void write_bytes(const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
	close(fd);
}

static void write_file(const char *text)
{
	write_bytes(text, strlen(text));
}

static char *contents(void)
{
	char *text = NULL;

	ck_assert(g_file_get_contents(path, &text, NULL, NULL));
	return text;
}

START_TEST(what_was_added_is_there_at_once)
{
	start();
	ck_assert_uint_eq(records->len, 0);
	ck_assert(!lease_journal_is_dirty(journal));
	note(1, "10.0.2.15", WALL);
	{
		g_autofree char *text = contents();

		ck_assert_str_eq(text, "1700000000 52:54:00:00:00:01 10.0.2.15 * *\n");
	}
	ck_assert(!lease_journal_is_dirty(journal));
	start();
	ck_assert_uint_eq(records->len, 1);
	ck_assert_uint_eq(at("10.0.2.15")->lease.mac, MAC(1));
}
END_TEST

START_TEST(file_and_its_directory_are_private)
{
	struct stat st;

	g_free(path);
	path = g_build_filename(dir, "state", "net", "leases", NULL);
	start();
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	shut();
	g_unlink(path);
	for (unsigned i = 0; i < 2; i++) {
		char *parent = g_path_get_dirname(path);

		ck_assert_int_eq(stat(parent, &st), 0);
		ck_assert_uint_eq(st.st_mode & 07777, 0700);
		ck_assert_int_eq(g_rmdir(parent), 0);
		g_free(path);
		path = parent;
	}
}
END_TEST

START_TEST(later_lines_win_for_address_and_client)
{
	write_file("100 52:54:00:00:00:01 10.0.2.15 * *\n"
		   "200 52:54:00:00:00:02 10.0.2.15 * *\n"  /* another's now */
		   "300 52:54:00:00:00:02 10.0.2.16 * *\n"  /* which then moved */
		   "150 52:54:00:00:00:03 10.0.2.17 * 0a\n" /* two clients of one MAC */
		   "250 52:54:00:00:00:03 10.0.2.18 * 0b\n"
		   "400 00:00:00:00:00:00 10.0.2.19 * *\n" /* declined, both */
		   "400 00:00:00:00:00:00 10.0.2.20 * *\n");
	start();
	ck_assert_uint_eq(records->len, 5);
	ck_assert_ptr_null(at("10.0.2.15"));
	ck_assert_int_eq(at("10.0.2.16")->expiry, 300);
	ck_assert_ptr_nonnull(at("10.0.2.17"));
	ck_assert_ptr_nonnull(at("10.0.2.18"));
	/* The earliest to end comes first. */
	ck_assert_int_eq(g_array_index(records, struct lease_record, 0).expiry, 150);
}
END_TEST

START_TEST(bad_lines_are_skipped_and_counted)
{
	write_file("nonsense\n"
		   "100 52:54:00:00:00:01 10.0.2.15 * *\n"
		   "\n"
		   "200 52:54:00:00:00:02 10.0.2.999 * *\n"
		   "200 52:54:00:00:00:02 10.0.2.16 * *\n");
	start();
	ck_assert_uint_eq(lease_journal_bad_lines(journal), 3);
	ck_assert_uint_eq(records->len, 2);
}
END_TEST

START_TEST(torn_line_is_cut_off_before_more_is_added)
{
	g_autofree char *text = NULL;

	write_file("100 52:54:00:00:00:01 10.0.2.15 * *\n"
		   "200 52:54:00:00:00:02 10.0.2.16 * 01:52");
	start();
	ck_assert_uint_eq(lease_journal_bad_lines(journal), 0);
	ck_assert_uint_eq(records->len, 1);
	note(3, "10.0.2.17", 300);
	text = contents();
	ck_assert_str_eq(text, "100 52:54:00:00:00:01 10.0.2.15 * *\n"
			       "300 52:54:00:00:00:03 10.0.2.17 * *\n");
}
END_TEST

START_TEST(file_that_is_not_ours_is_refused_by_name)
{
	g_autofree char *other = g_build_filename(dir, "other", NULL);
	g_autoptr(GError) error = NULL;

	ck_assert_int_eq(g_mkdir(path, 0700), 0);
	ck_assert_ptr_null(lease_journal_open(path, &records, &error));
	ck_assert_ptr_nonnull(strstr(error->message, path));
	g_clear_error(&error);
	ck_assert_int_eq(g_rmdir(path), 0);

	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_ptr_null(lease_journal_open(path, &records, &error));
	ck_assert_ptr_nonnull(strstr(error->message, "regular"));
	g_clear_error(&error);
	ck_assert_int_eq(g_unlink(path), 0);

	ck_assert_int_eq(symlink(other, path), 0);
	ck_assert_ptr_null(lease_journal_open(path, &records, &error));
	g_clear_error(&error);
	ck_assert_int_eq(g_unlink(path), 0);

	write_file("");
	ck_assert_int_eq(truncate(path, LEASE_JOURNAL_MAX + 1), 0);
	ck_assert_ptr_null(lease_journal_open(path, &records, &error));
	ck_assert_ptr_nonnull(strstr(error->message, "larger"));
	ck_assert_ptr_null(records);
}
END_TEST

START_TEST(rewrite_replaces_all_and_goes_on)
{
	g_autoptr(GString) lines = g_string_new("100 52:54:00:00:00:01 10.0.2.15 * *\n");
	struct stat before, after;

	start();
	ck_assert(!lease_journal_wants_rewrite(journal, 1));
	for (unsigned i = 0; i < 1100; i++)
		note(1, "10.0.2.15", i + 1);
	ck_assert(lease_journal_wants_rewrite(journal, 1));
	ck_assert(!lease_journal_wants_rewrite(journal, 600));
	ck_assert_int_eq(stat(path, &before), 0);
	ck_assert(lease_journal_rewrite(journal, lines, 1, true));
	ck_assert(!lease_journal_is_dirty(journal));
	ck_assert(!lease_journal_wants_rewrite(journal, 1));
	ck_assert_int_eq(stat(path, &after), 0);
	ck_assert_int_eq(after.st_size, (off_t)lines->len);
	note(2, "10.0.2.16", 200);
	start();
	ck_assert_uint_eq(records->len, 2);
}
END_TEST

START_TEST(file_taken_away_comes_back)
{
	g_autoptr(GString) lines = g_string_new("100 52:54:00:00:00:01 10.0.2.15 * *\n");

	start();
	note(1, "10.0.2.15", 100);
	ck_assert_int_eq(g_unlink(path), 0);
	ck_assert(!lease_journal_retry(journal));
	ck_assert(lease_journal_wants_rewrite(journal, 1));
	note(2, "10.0.2.16", 100);
	ck_assert(lease_journal_rewrite(journal, lines, 1, true));
	start();
	ck_assert_uint_eq(records->len, 1);
}
END_TEST

/* A file size limit fails writes as a full disk does, and shortens the last one too. */
static void limit_files_to(rlim_t size)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = size;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void quiet(bool on)
{
	static int saved;

	if (on) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		saved = dup(STDERR_FILENO);
		dup2(null, STDERR_FILENO);
		close(null);
	} else {
		dup2(saved, STDERR_FILENO);
		close(saved);
	}
}

START_TEST(full_disk_keeps_whole_lines_and_loses_nothing)
{
	g_autoptr(GString) many = g_string_new(NULL);
	g_autofree char *text = NULL;
	struct lease_record r;

	signal(SIGXFSZ, SIG_IGN);
	start();
	note(1, "10.0.2.15", 100);
	quiet(true);
	limit_files_to(60); /* the second line ends in its middle */
	note(2, "10.0.2.16", 200);
	note(3, "10.0.2.17", 300);
	text = contents();
	ck_assert_str_eq(text, "100 52:54:00:00:00:01 10.0.2.15 * *\n");
	ck_assert(lease_journal_is_dirty(journal));
	ck_assert(!lease_journal_retry(journal));
	/* Nor does a failed rewrite damage the file. */
	for (unsigned i = 0; i < 10; i++) {
		r = record(i + 1, "10.0.2.15", 100);
		lease_record_format(many, &r);
	}
	ck_assert(!lease_journal_rewrite(journal, many, 10, false));
	g_free(text);
	text = contents();
	ck_assert_str_eq(text, "100 52:54:00:00:00:01 10.0.2.15 * *\n");
	quiet(false);
	limit_files_to(RLIM_INFINITY);
	ck_assert(lease_journal_retry(journal));
	start();
	ck_assert_uint_eq(records->len, 3);
}
END_TEST

START_TEST(too_many_waiting_lines_ask_for_a_rewrite)
{
	g_autoptr(GString) lines = g_string_new("100 52:54:00:00:00:01 10.0.2.15 * *\n");

	signal(SIGXFSZ, SIG_IGN);
	start();
	limit_files_to(0);
	quiet(true);
	for (unsigned i = 0; i < 8000; i++)
		note(1, "10.0.2.15", 100);
	quiet(false);
	limit_files_to(RLIM_INFINITY);
	ck_assert(lease_journal_wants_rewrite(journal, 8000));
	ck_assert(lease_journal_is_dirty(journal));
	ck_assert(lease_journal_rewrite(journal, lines, 1, true));
	ck_assert(!lease_journal_is_dirty(journal));
}
END_TEST

/* The result of the first @len bytes of @text, by the rule that later lines win. */
static unsigned holders(const char *text, size_t len, mac_t holder[64])
{
	unsigned n = 0;

	memset(holder, 0, 64 * sizeof *holder);
	for (const char *p = text, *end; (end = memchr(p, '\n', len - (size_t)(p - text)));
	     p = end + 1) {
		struct lease_record r;
		const char *why;
		unsigned i;

		ck_assert(lease_record_parse(&r, p, (size_t)(end - p), &why));
		i = ntohl(r.lease.addr.s_addr) & 63;
		for (unsigned j = 0; j < 64; j++)
			if (holder[j] == r.lease.mac)
				holder[j] = 0;
		holder[i] = r.lease.mac;
	}
	for (unsigned i = 0; i < 64; i++)
		n += holder[i] != 0;
	return n;
}

START_TEST(file_cut_anywhere_keeps_each_whole_line)
{
	g_autofree char *text = NULL;
	g_autoptr(GRand) random = g_rand_new_with_seed(20);
	size_t len;

	start();
	for (unsigned i = 0; i < 300; i++) {
		g_autofree char *addr =
			g_strdup_printf("10.0.2.%d", g_rand_int_range(random, 128, 192));

		note((unsigned)g_rand_int_range(random, 1, 100), addr, WALL + i);
	}
	shut();
	text = contents();
	len = strlen(text);
	for (unsigned i = 0; i < 500; i++) {
		size_t cut = (size_t)g_rand_int_range(random, 0, (gint32)len + 1);
		mac_t holder[64];
		unsigned n = holders(text, cut, holder);

		write_bytes(text, cut);
		quiet(true);
		start();
		quiet(false);
		ck_assert_uint_eq(lease_journal_bad_lines(journal), 0);
		ck_assert_uint_eq(records->len, n);
		for (guint j = 0; j < records->len; j++) {
			const struct lease *l =
				&g_array_index(records, struct lease_record, j).lease;

			ck_assert_uint_eq(holder[ntohl(l->addr.s_addr) & 63], l->mac);
		}
		shut();
	}
}
END_TEST

START_TEST(garbage_never_gives_two_leases_of_one_address)
{
	g_autoptr(GRand) random = g_rand_new_with_seed(7);

	for (unsigned i = 0; i < 200; i++) {
		g_autoptr(GString) text = g_string_new(NULL);
		g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);

		for (unsigned j = 0; j < 40; j++) {
			struct lease_record r = record((unsigned)g_rand_int_range(random, 1, 9),
						       "10.0.2.15", WALL + j);

			r.lease.addr.s_addr += htonl((uint32_t)g_rand_int_range(random, 0, 8));
			lease_record_format(text, &r);
		}
		for (unsigned j = 0; j < 10; j++)
			text->str[g_rand_int_range(random, 0, (gint32)text->len)] =
				(char)g_rand_int_range(random, 0, 256);
		write_bytes(text->str, text->len);
		quiet(true);
		start();
		quiet(false);
		for (guint j = 0; j < records->len; j++)
			ck_assert(g_hash_table_add(
				seen,
				GUINT_TO_POINTER(g_array_index(records, struct lease_record, j)
							 .lease.addr.s_addr)));
		shut();
	}
}
END_TEST

/*
 * A writer that sends a byte for each line in the file, until it is killed. It shortens the file as
 * the daemon does.
 */
static void churn(int tell, unsigned seed)
{
	g_autoptr(GRand) random = g_rand_new_with_seed(seed);
	struct lease_record held[40] = {0};

	start();
	for (guint i = 0; i < records->len; i++) {
		const struct lease_record *r = &g_array_index(records, struct lease_record, i);

		held[r->lease.mac - MAC(1)] = *r;
	}
	for (unsigned i = 0;; i++) {
		unsigned n = (unsigned)g_rand_int_range(random, 0, 40);
		g_autofree char *addr = g_strdup_printf("10.0.2.%u", 100 + n);
		uint8_t byte = (uint8_t)n;

		held[n] = record(1 + n, addr, WALL + i);
		lease_journal_add(journal, &held[n]);
		if (write(tell, &byte, 1) != 1)
			_exit(1);
		if (i % 64 == 63) {
			g_autoptr(GString) lines = g_string_new(NULL);
			unsigned count = 0;

			for (unsigned j = 0; j < G_N_ELEMENTS(held); j++) {
				if (!held[j].lease.mac)
					continue;
				lease_record_format(lines, &held[j]);
				count++;
			}
			lease_journal_rewrite(journal, lines, count, i % 128 == 127);
		}
	}
}

START_TEST(killed_at_any_moment_no_lease_is_lost_or_doubled)
{
	/* As often as the fault suite kills the daemon, if that is set (tests/fault). */
	const char *kills = getenv("KILLS");
	unsigned rounds = kills ? (unsigned)atoi(kills) : 500;
	bool told[40] = {false};

	ck_assert_uint_gt(rounds, 0);
	for (unsigned round = 0; round < rounds; round++) {
		int fds[2], status;
		uint8_t buffer[4096];
		ssize_t n;
		pid_t pid;

		ck_assert_int_eq(pipe(fds), 0);
		pid = fork();
		ck_assert_int_ge(pid, 0);
		if (pid == 0) {
			close(fds[0]);
			churn(fds[1], round);
		}
		close(fds[1]);
		/* At least one, then at a random moment. */
		n = read(fds[0], buffer, 1);
		ck_assert_int_eq(n, 1);
		told[buffer[0]] = true;
		g_usleep((gulong)(round * 7919 % 700));
		ck_assert_int_eq(kill(pid, SIGKILL), 0);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert(WIFSIGNALED(status));
		while ((n = read(fds[0], buffer, sizeof buffer)) > 0)
			for (ssize_t i = 0; i < n; i++)
				told[buffer[i]] = true;
		close(fds[0]);
		quiet(true);
		start();
		quiet(false);
		ck_assert_uint_eq(lease_journal_bad_lines(journal), 0);
		for (unsigned i = 0; i < G_N_ELEMENTS(told); i++) {
			g_autofree char *addr = g_strdup_printf("10.0.2.%u", 100 + i);

			if (told[i])
				ck_assert_msg(at(addr) && at(addr)->lease.mac == MAC(1 + i),
					      "round %u: %s is lost", round, addr);
		}
		shut();
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("lease_journal");
	TCase *tc = tcase_create("lease_journal");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, what_was_added_is_there_at_once);
	tcase_add_test(tc, file_and_its_directory_are_private);
	tcase_add_test(tc, later_lines_win_for_address_and_client);
	tcase_add_test(tc, bad_lines_are_skipped_and_counted);
	tcase_add_test(tc, torn_line_is_cut_off_before_more_is_added);
	tcase_add_test(tc, file_that_is_not_ours_is_refused_by_name);
	tcase_add_test(tc, rewrite_replaces_all_and_goes_on);
	tcase_add_test(tc, file_taken_away_comes_back);
	tcase_add_test(tc, full_disk_keeps_whole_lines_and_loses_nothing);
	tcase_add_test(tc, too_many_waiting_lines_ask_for_a_rewrite);
	tcase_add_test(tc, file_cut_anywhere_keeps_each_whole_line);
	tcase_add_test(tc, garbage_never_gives_two_leases_of_one_address);
	tcase_add_test(tc, killed_at_any_moment_no_lease_is_lost_or_doubled);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
