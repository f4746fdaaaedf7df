/* SPDX-License-Identifier: BSD-3-Clause */

#include "dns/resolv.h"
#include "dnsbed.h"
#include "run_suite.h"

static void write_conf(const char *name, const char *text)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);

	ck_assert(g_file_set_contents(path, text, -1, NULL));
}

static void remove_conf(const char *name)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);

	ck_assert_int_eq(unlink(path), 0);
}

static void assert_servers(const char *expected)
{
	g_auto(GStrv) servers = dns_servers(dns);
	g_autofree char *is = g_strjoinv(" ", servers);

	ck_assert_str_eq(is, expected);
}

static unsigned config_changes(void)
{
	see();
	return (unsigned)stats.config_changes;
}

START_TEST(resolv_conf_is_followed_when_it_is_replaced_or_rewritten)
{
	g_autofree char *path = g_build_filename(dir, "resolv.conf", NULL);
	FILE *file;

	write_conf("resolv.conf", "# nobody\nnameserver 192.0.2.1\nnameserver 192.0.2.2 x\n");
	config.resolv_conf = path;
	open_dns(NULL, NULL);
	assert_servers("192.0.2.1 192.0.2.2");
	write_conf("resolv.conf", "nameserver ::1\n"); /* by a rename */
	run_until(config_changes() == 1);
	assert_servers("::1");
	file = fopen(path, "w");
	fputs("nameserver 192.0.2.3\n", file);
	fclose(file);
	run_until(config_changes() == 2);
	assert_servers("192.0.2.3");
	remove_conf("resolv.conf");
	run_until(config_changes() == 3);
	assert_servers("127.0.0.1");
}
END_TEST

START_TEST(resolv_conf_is_followed_through_a_symlink)
{
	g_autofree char *path = g_build_filename(dir, "resolv.conf", NULL);
	g_autofree char *sub = g_build_filename(dir, "run", NULL);

	ck_assert_int_eq(mkdir(sub, 0700), 0);
	write_conf("run/stub.conf", "nameserver 192.0.2.1\n");
	ck_assert_int_eq(symlink("run/stub.conf", path), 0);
	config.resolv_conf = path;
	open_dns(NULL, NULL);
	assert_servers("192.0.2.1");
	write_conf("run/stub.conf", "nameserver 192.0.2.2\n");
	run_until(config_changes() == 1);
	assert_servers("192.0.2.2");
	write_conf("run/other.conf", "nameserver 192.0.2.3\n");
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(symlink("run/other.conf", path), 0);
	run_until(config_changes() == 2);
	assert_servers("192.0.2.3");
	g_clear_pointer(&dns, dns_free);
	remove_conf("run/stub.conf");
	remove_conf("run/other.conf");
	remove_conf("resolv.conf");
	ck_assert_int_eq(rmdir(sub), 0);
}
END_TEST

START_TEST(question_under_way_is_asked_of_the_new_servers)
{
	g_autofree char *path = g_build_filename(dir, "resolv.conf", NULL);
	usec_t began;

	/* resolv.conf has no ports, so the server that answers is another's; the set is what
	 * changes. */
	fake_open(&two, loop, "127.0.0.1", FAKE_ANSWER, "192.0.2.2");
	write_conf("resolv.conf", "nameserver 127.0.0.1\n");
	config.resolv_conf = path;
	{
		g_autofree char *b = word("/corp.example/", &two);

		open_dns(b, NULL);
	}
	ask(1, "a.corp.example", DNS_TYPE_A);
	two.behaviour = FAKE_SILENT;
	run_until(two.queries == 1);
	ck_assert_uint_eq(got.n, 0);
	two.behaviour = FAKE_ANSWER;
	began = g_get_monotonic_time();
	write_conf("resolv.conf", "nameserver 192.0.2.9\n");
	run_until(got.n == 1);
	ck_assert_int_lt(g_get_monotonic_time() - began, USEC_PER_SEC / 2);
	assert_got(DNS_NOERROR, "AN a.corp.example 1 192.0.2.2;");
	remove_conf("resolv.conf");
}
END_TEST

START_TEST(any_rewrite_empties_what_was_learnt)
{
	g_autofree char *path = g_build_filename(dir, "resolv.conf", NULL);

	fake_open(&two, loop, "127.0.0.1", FAKE_ANSWER, "192.0.2.2");
	write_conf("resolv.conf", "nameserver 127.0.0.1\nsearch lan\n");
	config.resolv_conf = path;
	{
		g_autofree char *b = word("/corp.example/", &two);

		open_dns(b, NULL);
	}
	ck_assert_str_eq(search_told, "lan");
	ask(1, "a.corp.example", DNS_TYPE_A);
	run_until(got.n == 1);
	ask(2, "a.corp.example", DNS_TYPE_A);
	ck_assert_uint_eq(got.n, 2);
	/* The same servers, but a stub may have changed behind them. */
	two.addr = "192.0.2.3";
	write_conf("resolv.conf", "nameserver 127.0.0.1\nsearch corp.example lan\n");
	run_until(config_changes() == 1);
	ck_assert_str_eq(search_told, "corp.example lan");
	ask(3, "a.corp.example", DNS_TYPE_A);
	run_until(got.n == 3);
	assert_got(DNS_NOERROR, "AN a.corp.example 1 192.0.2.3;");
	remove_conf("resolv.conf");
}
END_TEST

START_TEST(search_list_is_not_told_where_it_is_of_no_use)
{
	g_autofree char *path = g_build_filename(dir, "resolv.conf", NULL);

	write_conf("resolv.conf", "nameserver 127.0.0.1\nsearch lan\n");
	config.resolv_conf = path;
	config.dns_host_search = false;
	open_dns(NULL, NULL);
	ck_assert_ptr_null(search_told);
	g_clear_pointer(&dns, dns_free);
	config.dns_host_search = true;
	config.restricted = true;
	open_dns(NULL, NULL);
	ck_assert_ptr_null(search_told);
	remove_conf("resolv.conf");
}
END_TEST

/* The watched files, and the number of changes. */
struct following {
	struct dns_resolv *resolv;
	unsigned n;
};

static void read_it(struct following *following)
{
	char **search;

	g_array_free(dns_resolv_read(following->resolv, &search), TRUE);
	g_strfreev(search);
}

static void count_change(void *data)
{
	struct following *following = data;

	following->n++;
	read_it(following);
}

START_TEST(file_behind_a_stub_is_followed)
{
	g_autofree char *path = g_build_filename(dir, "resolv.conf", NULL);
	g_autofree char *behind = g_build_filename(dir, "behind.conf", NULL);
	const char *const list[] = {behind, NULL};
	struct following seen = {0};

	write_conf("resolv.conf", "nameserver 127.0.0.53\n");
	seen.resolv = dns_resolv_new(loop, path, list, count_change, &seen);
	read_it(&seen);
	write_conf("behind.conf", "nameserver 192.0.2.1\n");
	run_until(seen.n == 1);
	write_conf("behind.conf", "nameserver 192.0.2.2\n");
	run_until(seen.n == 2);
	write_conf("other.conf", "");
	run_idle();
	ck_assert_uint_eq(seen.n, 2);
	dns_resolv_free(seen.resolv);
	remove_conf("behind.conf");
	remove_conf("resolv.conf");
	remove_conf("other.conf");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dns_resolv");
	TCase *tc = tcase_create("dns_resolv");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, resolv_conf_is_followed_when_it_is_replaced_or_rewritten);
	tcase_add_test(tc, resolv_conf_is_followed_through_a_symlink);
	tcase_add_test(tc, question_under_way_is_asked_of_the_new_servers);
	tcase_add_test(tc, any_rewrite_empties_what_was_learnt);
	tcase_add_test(tc, search_list_is_not_told_where_it_is_of_no_use);
	tcase_add_test(tc, file_behind_a_stub_is_followed);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
