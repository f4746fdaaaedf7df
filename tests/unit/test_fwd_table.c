/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <check.h>

#include "fwd/table.h"

static struct fwd_table *table;
static unsigned n_bound, next_port;
static bool refuse;

static bool fake_bind(void *data, const struct fwd_rule *rule, struct sockaddr_any *bound,
		      GError **error)
{
	ck_assert_ptr_eq(data, &n_bound);
	if (refuse) {
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_ACCES, "Permission denied");
		return false;
	}
	*bound = rule->host;
	if (bound->in.sin_port == 0)
		bound->in.sin_port = htons((uint16_t)next_port++);
	n_bound++;
	return true;
}

static void fake_unbind(void *data, const struct fwd_rule *rule, const struct sockaddr_any *bound)
{
	ck_assert_uint_ne(bound->in.sin_port, 0);
	n_bound--;
}

static const struct fwd_backend backend = {fake_bind, fake_unbind};

static void setup(void)
{
	n_bound = 0;
	next_port = 40000;
	refuse = false;
	table = fwd_table_new(&backend, &n_bound, (struct in_addr){inet_addr("10.0.2.15")});
}

static void teardown(void)
{
	fwd_table_free(table);
	ck_assert_uint_eq(n_bound, 0);
}

static const struct fwd_entry *add(const char *text, GError **error)
{
	struct fwd_rule rule;

	ck_assert(fwd_rule_parse(&rule, text, (struct in_addr){0}, NULL));
	return fwd_table_add(table, &rule, error);
}

static bool removed(const char *text)
{
	struct fwd_rule rule;

	ck_assert(fwd_rule_parse_host(&rule, text, (struct in_addr){0}, NULL));
	return fwd_table_remove(table, &rule);
}

START_TEST(guest_left_out_is_the_first_lease)
{
	const struct fwd_entry *entry = add("tcp::2222-:22", NULL);

	ck_assert_ptr_nonnull(entry);
	ck_assert_uint_eq(entry->rule.guest.in.sin_addr.s_addr, inet_addr("10.0.2.15"));
	ck_assert_ptr_eq(list_first(fwd_table_entries(table), struct fwd_entry, link), entry);
}
END_TEST

START_TEST(port_zero_shows_what_was_chosen_and_is_removed_by_it)
{
	const struct fwd_entry *entry = add("tcp:127.0.0.1:0-:22", NULL);

	ck_assert_uint_eq(ntohs(entry->bound.in.sin_port), 40000);
	ck_assert_uint_eq(entry->rule.host.in.sin_port, 0);
	ck_assert_ptr_nonnull(add("tcp:127.0.0.1:0-:23", NULL));
	ck_assert(removed("tcp:127.0.0.1:40001"));
	ck_assert_uint_eq(n_bound, 1);
	ck_assert(removed("tcp:127.0.0.1:0"));
	ck_assert_uint_eq(n_bound, 0);
}
END_TEST

START_TEST(duplicate_is_refused_and_names_the_holder)
{
	GError *error = NULL;

	add("tcp:127.0.0.1:2222-:22", NULL);
	ck_assert_ptr_null(add("tcp:127.0.0.1:2222-10.0.2.16:22", &error));
	ck_assert_str_eq(error->message,
			 "Could not set up host forwarding rule "
			 "'tcp:127.0.0.1:2222-10.0.2.16:22': the port is taken by rule "
			 "'tcp:127.0.0.1:2222-10.0.2.15:22'");
	ck_assert(g_error_matches(error, FWD_ERROR, FWD_ERROR_IN_USE));
	g_error_free(error);
	ck_assert_uint_eq(n_bound, 1);
}
END_TEST

START_TEST(any_address_overlaps_with_every_other)
{
	add("udp::53-:53", NULL);
	ck_assert_ptr_null(add("udp:127.0.0.1:53-:53", NULL));
	ck_assert_ptr_nonnull(add("tcp:127.0.0.1:53-:53", NULL));
	ck_assert_ptr_null(add("tcp::53-:53", NULL));
	ck_assert_ptr_nonnull(add("tcp:127.0.0.2:53-:53", NULL));
	/* IPv6 listeners do not take IPv4's. */
	ck_assert_ptr_nonnull(add("tcp:[::]:53-[fec0::15]:53", NULL));
	ck_assert_ptr_null(add("tcp:[::1]:53-[fec0::15]:53", NULL));
}
END_TEST

START_TEST(port_that_the_kernel_chose_is_held_too)
{
	add("tcp:127.0.0.1:0-:22", NULL);
	ck_assert_ptr_null(add("tcp:127.0.0.1:40000-:22", NULL));
}
END_TEST

START_TEST(backends_error_names_the_rule)
{
	GError *error = NULL;

	refuse = true;
	ck_assert_ptr_null(add("tcp::80-:80", &error));
	ck_assert_str_eq(error->message, "Could not set up host forwarding rule "
					 "'tcp:0.0.0.0:80-:80': Permission denied");
	ck_assert(g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_ACCES));
	g_error_free(error);
	ck_assert(list_empty(fwd_table_entries(table)));
}
END_TEST

START_TEST(only_the_rule_named_is_removed)
{
	add("tcp:127.0.0.1:1-:22", NULL);
	add("udp:127.0.0.1:1-:22", NULL);
	ck_assert(!removed("tcp::1"));
	ck_assert(!removed("tcp:127.0.0.1:2"));
	ck_assert(removed("udp:127.0.0.1:1"));
	ck_assert(!removed("udp:127.0.0.1:1"));
	ck_assert_uint_eq(n_bound, 1);
	ck_assert_ptr_nonnull(add("udp:127.0.0.1:1-:22", NULL));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fwd_table");
	TCase *tcase = tcase_create("fwd_table");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, guest_left_out_is_the_first_lease);
	tcase_add_test(tcase, port_zero_shows_what_was_chosen_and_is_removed_by_it);
	tcase_add_test(tcase, duplicate_is_refused_and_names_the_holder);
	tcase_add_test(tcase, any_address_overlaps_with_every_other);
	tcase_add_test(tcase, port_that_the_kernel_chose_is_held_too);
	tcase_add_test(tcase, backends_error_names_the_rule);
	tcase_add_test(tcase, only_the_rule_named_is_removed);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
