/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <check.h>
#include <string.h>

#include "fwd/cursor.h"
#include "fwd/table.h"
#include "run_suite.h"

static struct fwd_table *table;
static unsigned n_bound, n_binds, n_retargeted, n_removed, next_port;
static uint16_t refused_port; /* 0: none */
static unsigned refused_v6;   /* IPv6 binds that fail */
static bool refuse;           /* all */
static unsigned n_resolved;
static struct fwd_guest web;    /* what "web" resolves to; other names are unknown */
static char last_retarget[128]; /* FROM > TO */
static char last_removed[128];

static bool fake_bind(void *data, struct fwd_listener *listener, GError **error)
{
	bool v6 = listener->bound.sa.sa_family == AF_INET6;

	ck_assert_ptr_eq(data, &n_bound);
	ck_assert_ptr_null(listener->data);
	n_binds++;
	if (v6 && refused_v6) {
		refused_v6--;
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST, "in use");
		return false;
	}
	if (refuse || (refused_port && fwd_get_port(&listener->bound) == refused_port)) {
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_ACCES, "Permission denied");
		return false;
	}
	if (listener->bound.sa.sa_family != AF_UNIX && !fwd_get_port(&listener->bound))
		fwd_set_port(&listener->bound, (uint16_t)next_port++);
	listener->data = &n_bound;
	n_bound++;
	return true;
}

static void fake_unbind(void *data, struct fwd_listener *listener)
{
	ck_assert_ptr_eq(listener->data, &n_bound);
	if (listener->bound.sa.sa_family != AF_UNIX)
		ck_assert_uint_ne(fwd_get_port(&listener->bound), 0);
	n_bound--;
}

static void fake_retarget(void *data, struct fwd_listener *listener,
			  const struct sockaddr_any *from)
{
	char *was = sockaddr_format(from), *is = sockaddr_format(&listener->guest);

	g_snprintf(last_retarget, sizeof(last_retarget), "%s > %s", was, is);
	n_retargeted++;
	g_free(is);
	g_free(was);
}

static bool fake_resolve(void *data, const char *name, struct fwd_guest *guest, GError **error)
{
	n_resolved++;
	if (strcmp(name, "web") != 0) {
		g_set_error(error, FWD_ERROR, FWD_ERROR_INVALID, "no guest is called '%s'", name);
		return false;
	}
	*guest = web;
	return true;
}

static void fake_removed(void *data, const struct fwd_entry *entry)
{
	char *text = fwd_entry_format(entry);

	g_strlcpy(last_removed, text, sizeof(last_removed));
	n_removed++;
	g_free(text);
}

static const struct fwd_backend backend = {
	.bind = fake_bind,
	.unbind = fake_unbind,
	.retarget = fake_retarget,
	.resolve = fake_resolve,
	.removed = fake_removed,
};

static void setup(void)
{
	n_bound = n_binds = n_retargeted = n_removed = 0;
	next_port = 40000;
	refuse = false;
	refused_port = 0;
	refused_v6 = 0;
	web = (struct fwd_guest){.v4 = {inet_addr("10.0.2.20")}};
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
	GError *bad = NULL;

	ck_assert_msg(fwd_rule_parse(&rule, text, (struct in_addr){0}, &bad), "%s",
		      bad ? bad->message : "");
	return fwd_table_add(table, &rule, error);
}

static bool removed(const char *text)
{
	struct fwd_rule rule;

	ck_assert(fwd_rule_parse_host(&rule, text, (struct in_addr){0}, NULL));
	return fwd_table_remove(table, &rule);
}

/* @reason is the text after the rule. */
static void assert_add_fails(const char *text, const char *reason)
{
	GError *error = NULL;
	char *expected =
		g_strdup_printf("Could not set up host forwarding rule '%s': %s", text, reason);
	unsigned before = n_bound;

	ck_assert_ptr_null(add(text, &error));
	ck_assert_str_eq(error->message, expected);
	ck_assert_uint_eq(n_bound, before);
	g_error_free(error);
	g_free(expected);
}

static void assert_leads(const struct fwd_entry *entry, unsigned i, const char *bound,
			 const char *guest)
{
	char *from = sockaddr_format(&entry->listeners[i].bound);
	char *to = sockaddr_format(&entry->listeners[i].guest);

	ck_assert_str_eq(from, bound);
	ck_assert_str_eq(to, guest);
	ck_assert_ptr_eq(entry->listeners[i].entry, entry);
	g_free(to);
	g_free(from);
}

START_TEST(guest_left_out_is_the_first_lease)
{
	const struct fwd_entry *entry = add("tcp::2222-:22", NULL);

	ck_assert_ptr_nonnull(entry);
	ck_assert_uint_eq(entry->rule.guest.in.sin_addr.s_addr, inet_addr("10.0.2.15"));
	ck_assert_uint_eq(entry->n_listeners, 1);
	assert_leads(entry, 0, "0.0.0.0:2222", "10.0.2.15:22");
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
	ck_assert_str_eq(last_removed, "tcp:127.0.0.1:40001-10.0.2.15:23");
	ck_assert_uint_eq(n_bound, 1);
	ck_assert(removed("tcp:127.0.0.1:0"));
	ck_assert_uint_eq(n_bound, 0);
	ck_assert_uint_eq(n_removed, 2);
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

START_TEST(rules_for_both_families_overlap_in_either)
{
	add("tcp:localhost:80-:80", NULL);
	assert_add_fails("tcp:[::1]:80-[fec0::15]:80",
			 "the port is taken by rule 'tcp:localhost:80-10.0.2.15:80'");
	ck_assert_ptr_null(add("tcp:127.0.0.1:80-:80", NULL));
	ck_assert_ptr_null(add("tcp:[::]:80-:80", NULL));
	ck_assert_ptr_null(add("tcp:*:80-:80", NULL));
	ck_assert_ptr_nonnull(add("tcp:127.0.0.2:80-:80", NULL));
	add("udp:[fe80::1%lo]:9-:9", NULL);
	ck_assert_ptr_null(add("udp:*:9-:9", NULL));
	ck_assert_ptr_nonnull(add("udp:[fe80::1%2]:9-:9", NULL));
	ck_assert_ptr_nonnull(add("udp:localhost:9-:9", NULL));
}
END_TEST

START_TEST(ranges_overlap_where_they_share_a_port)
{
	add("tcp::8000..8010-:80", NULL);
	assert_add_fails("tcp:0.0.0.0:8010-:80", "the port is taken by rule "
						 "'tcp:0.0.0.0:8000..8010-10.0.2.15:80..90'");
	assert_add_fails("tcp:127.0.0.1:7990..8005-:1..16",
			 "port 8000 is taken by rule "
			 "'tcp:0.0.0.0:8000..8010-10.0.2.15:80..90'");
	ck_assert_ptr_null(add("tcp::8002..8003-:1", NULL));
	ck_assert_ptr_null(add("tcp::1..65535-:1", NULL));
	ck_assert_ptr_nonnull(add("tcp::7990..7999-:1", NULL));
	ck_assert_ptr_nonnull(add("tcp::8011-:1", NULL));
	ck_assert_ptr_nonnull(add("udp::8000..8010-:1", NULL));
	ck_assert_ptr_nonnull(add("tcp::0-:1", NULL));
}
END_TEST

START_TEST(one_path_is_one_rule)
{
	ck_assert_ptr_nonnull(add("unix:/run/a-:22", NULL));
	assert_add_fails("unix:/run/a-:23", "the path is taken by rule "
					    "'unix:/run/a-10.0.2.15:22'");
	ck_assert_ptr_nonnull(add("unix:/run/b-:22", NULL));
	ck_assert(!removed("unix:/run/c"));
	ck_assert(removed("unix:/run/a"));
	ck_assert_str_eq(last_removed, "unix:/run/a-10.0.2.15:22");
	ck_assert_uint_eq(n_bound, 1);
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
	ck_assert_uint_eq(n_removed, 0);
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

START_TEST(address_left_out_at_removal_finds_the_ipv6_one_it_became)
{
	add("tcp::80-[fec0::15]:80", NULL);
	ck_assert(removed("tcp::80"));
	ck_assert_uint_eq(n_bound, 0);
	/* One that was written is named as it was written. */
	add("tcp:[::]:80-[fec0::15]:80", NULL);
	ck_assert(!removed("tcp::80"));
	ck_assert(!removed("tcp:0.0.0.0:80"));
	ck_assert(removed("tcp:[::]:80"));
}
END_TEST

START_TEST(range_has_a_listener_for_each_port)
{
	const struct fwd_entry *entry = add("udp::60000..60002-:7000", NULL);

	ck_assert_uint_eq(entry->n_listeners, 3);
	ck_assert_uint_eq(n_bound, 3);
	assert_leads(entry, 0, "0.0.0.0:60000", "10.0.2.15:7000");
	assert_leads(entry, 2, "0.0.0.0:60002", "10.0.2.15:7002");
	/* One port of it is not the rule. */
	ck_assert(!removed("udp::60000"));
	ck_assert(!removed("udp::60001..60002"));
	ck_assert(removed("udp::60000..60002"));
	ck_assert_uint_eq(n_bound, 0);
	ck_assert_uint_eq(n_removed, 1);
}
END_TEST

START_TEST(range_takes_all_ports_or_none)
{
	refused_port = 60003;
	assert_add_fails("udp:0.0.0.0:60000..60005-:7000..7005", "Permission denied");
	ck_assert_uint_eq(n_binds, 4);
	ck_assert(list_empty(fwd_table_entries(table)));
	/* Nothing is left in the way. */
	refused_port = 0;
	ck_assert_ptr_nonnull(add("udp::60000..60005-:7000", NULL));
	ck_assert_uint_eq(n_bound, 6);
}
END_TEST

START_TEST(star_listens_in_both_families)
{
	const struct fwd_entry *entry;

	web.v6 = (struct in6_addr){.s6_addr = {0xfe, 0xc0, [15] = 0x20}};
	entry = add("tcp:*:80..81-web:8080", NULL);
	ck_assert_uint_eq(entry->n_listeners, 4);
	assert_leads(entry, 0, "0.0.0.0:80", "10.0.2.20:8080");
	assert_leads(entry, 1, "[::]:80", "[fec0::20]:8080");
	assert_leads(entry, 2, "0.0.0.0:81", "10.0.2.20:8081");
	assert_leads(entry, 3, "[::]:81", "[fec0::20]:8081");
	ck_assert(!removed("tcp::80..81"));
	ck_assert(removed("tcp:*:80..81"));
	entry = add("tcp:localhost:80-:80", NULL);
	assert_leads(entry, 0, "127.0.0.1:80", "10.0.2.15:80");
	assert_leads(entry, 1, "[::1]:80", "10.0.2.15:80");
}
END_TEST

START_TEST(star_with_port_zero_is_the_same_port_in_both)
{
	const struct fwd_entry *entry;
	char *text;

	refused_v6 = 3; /* 40000 to 40002 are in use in IPv6 */
	entry = add("tcp:*:0-:80", NULL);
	ck_assert_ptr_nonnull(entry);
	assert_leads(entry, 0, "0.0.0.0:40003", "10.0.2.15:80");
	assert_leads(entry, 1, "[::]:40003", "10.0.2.15:80");
	ck_assert_uint_eq(n_bound, 2);
	text = fwd_entry_format(entry);
	ck_assert_str_eq(text, "tcp:*:40003-10.0.2.15:80");
	g_free(text);
	ck_assert(removed("tcp:*:40003"));
	/* Not for ever: IPv6 may be missing. */
	refused_v6 = 1000;
	assert_add_fails("tcp:*:0-:80", "in use");
	ck_assert_uint_gt(refused_v6, 900);
	/* A port that was named is tried once. */
	refused_v6 = 2;
	assert_add_fails("tcp:*:80-:80", "in use");
	ck_assert_uint_eq(refused_v6, 1);
}
END_TEST

START_TEST(rule_by_name_follows_the_guest)
{
	const struct fwd_entry *entry = add("tcp::80..81-web:80", NULL);
	const struct fwd_entry *other = add("tcp::90-10.0.2.20:80", NULL);
	struct fwd_guest moved = {.v4 = {inet_addr("10.0.2.30")}};
	char *text = fwd_entry_format(entry);

	ck_assert_str_eq(text, "tcp:0.0.0.0:80..81-web:80..81");
	g_free(text);
	assert_leads(entry, 1, "0.0.0.0:81", "10.0.2.20:81");
	ck_assert_uint_eq(fwd_table_guest_uses(table, "web"), 1);
	ck_assert_uint_eq(fwd_table_guest_moved(table, "web", &moved), 2);
	ck_assert_uint_eq(n_retargeted, 2);
	ck_assert_str_eq(last_retarget, "10.0.2.20:81 > 10.0.2.30:81");
	assert_leads(entry, 0, "0.0.0.0:80", "10.0.2.30:80");
	ck_assert_uint_eq(entry->rule.guest.in.sin_addr.s_addr, inet_addr("10.0.2.30"));
	assert_leads(other, 0, "0.0.0.0:90", "10.0.2.20:80");
	/* An unchanged rule causes no bind. */
	ck_assert_uint_eq(fwd_table_guest_moved(table, "web", &moved), 0);
	ck_assert_uint_eq(fwd_table_guest_moved(table, "db", &moved), 0);
	ck_assert_uint_eq(n_binds, 3);
}
END_TEST

START_TEST(every_rule_asks_once_where_its_guest_is)
{
	for (unsigned port = 1; port <= 100; port++) {
		g_autofree char *rule = g_strdup_printf("tcp::%u-web:80", port);

		add(rule, NULL);
	}
	n_resolved = 0;
	ck_assert_uint_eq(fwd_table_follow(table), 0);
	ck_assert_uint_eq(n_resolved, 100);
	web.v4.s_addr = inet_addr("10.0.2.30");
	ck_assert_uint_eq(fwd_table_follow(table), 100);
	ck_assert_uint_eq(n_resolved, 200);
	ck_assert_uint_eq(n_retargeted, 100);
}
END_TEST

START_TEST(name_without_an_address_is_bound_and_waits)
{
	const struct fwd_entry *entry;
	struct fwd_guest none = {.v4 = {0}}, here = {.v4 = {inet_addr("10.0.2.40")}};

	web = none;
	entry = add("tcp::80-web:80", NULL);
	assert_leads(entry, 0, "0.0.0.0:80", "0.0.0.0:80");
	ck_assert_uint_eq(fwd_table_guest_moved(table, "web", &here), 1);
	assert_leads(entry, 0, "0.0.0.0:80", "10.0.2.40:80");
	ck_assert_uint_eq(fwd_table_guest_moved(table, "web", &none), 1);
	ck_assert_str_eq(last_retarget, "10.0.2.40:80 > 0.0.0.0:80");
	ck_assert(removed("tcp::80"));
	ck_assert_str_eq(last_removed, "tcp:0.0.0.0:80-web:80");
}
END_TEST

START_TEST(listener_leads_to_the_guests_address_of_its_family)
{
	const struct fwd_entry *v4, *v6, *path;
	struct fwd_guest both = web;

	both.v6 = (struct in6_addr){.s6_addr = {0xfe, 0xc0, [15] = 0x20}};
	v4 = add("tcp:127.0.0.1:80-web:80", NULL);
	v6 = add("tcp:[::1]:80-web:80", NULL);
	path = add("unix:/run/web-web:80", NULL);
	assert_leads(v6, 0, "[::1]:80", "10.0.2.20:80");
	ck_assert_uint_eq(fwd_table_guest_moved(table, "web", &both), 1);
	assert_leads(v4, 0, "127.0.0.1:80", "10.0.2.20:80");
	assert_leads(v6, 0, "[::1]:80", "[fec0::20]:80");
	assert_leads(path, 0, "/run/web", "10.0.2.20:80");
	both.v4.s_addr = 0;
	ck_assert_uint_eq(fwd_table_guest_moved(table, "web", &both), 2);
	assert_leads(v4, 0, "127.0.0.1:80", "[fec0::20]:80");
	assert_leads(path, 0, "/run/web", "[fec0::20]:80");
}
END_TEST

START_TEST(unknown_name_is_the_backends_to_refuse)
{
	assert_add_fails("tcp:0.0.0.0:80-db:80", "no guest is called 'db'");
	ck_assert_uint_eq(n_binds, 0);
}
END_TEST

START_TEST(names_are_refused_where_they_are_not_served)
{
	static const struct fwd_backend plain = {.bind = fake_bind, .unbind = fake_unbind};

	fwd_table_free(table);
	table = fwd_table_new(&plain, &n_bound, (struct in_addr){inet_addr("10.0.2.15")});
	assert_add_fails("tcp:0.0.0.0:80-web:80", "guests by name are not served here: an address "
						  "is needed in place of 'web'");
	ck_assert_ptr_nonnull(add("tcp::80-:80", NULL));
	ck_assert(removed("tcp::80"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fwd_table");
	TCase *tcase = tcase_create("fwd_table");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, guest_left_out_is_the_first_lease);
	tcase_add_test(tcase, port_zero_shows_what_was_chosen_and_is_removed_by_it);
	tcase_add_test(tcase, duplicate_is_refused_and_names_the_holder);
	tcase_add_test(tcase, any_address_overlaps_with_every_other);
	tcase_add_test(tcase, rules_for_both_families_overlap_in_either);
	tcase_add_test(tcase, ranges_overlap_where_they_share_a_port);
	tcase_add_test(tcase, one_path_is_one_rule);
	tcase_add_test(tcase, port_that_the_kernel_chose_is_held_too);
	tcase_add_test(tcase, backends_error_names_the_rule);
	tcase_add_test(tcase, only_the_rule_named_is_removed);
	tcase_add_test(tcase, address_left_out_at_removal_finds_the_ipv6_one_it_became);
	tcase_add_test(tcase, range_has_a_listener_for_each_port);
	tcase_add_test(tcase, range_takes_all_ports_or_none);
	tcase_add_test(tcase, star_listens_in_both_families);
	tcase_add_test(tcase, star_with_port_zero_is_the_same_port_in_both);
	tcase_add_test(tcase, rule_by_name_follows_the_guest);
	tcase_add_test(tcase, every_rule_asks_once_where_its_guest_is);
	tcase_add_test(tcase, name_without_an_address_is_bound_and_waits);
	tcase_add_test(tcase, listener_leads_to_the_guests_address_of_its_family);
	tcase_add_test(tcase, unknown_name_is_the_backends_to_refuse);
	tcase_add_test(tcase, names_are_refused_where_they_are_not_served);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
