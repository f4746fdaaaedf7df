/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <check.h>
#include <string.h>

#include "base/sockaddr.h"
#include "run_suite.h"

static struct sockaddr_any inet_of(const char *host, const char *port)
{
	struct sockaddr_any addr;
	GError *error = NULL;

	ck_assert(sockaddr_inet(&addr, host, port, &error));
	ck_assert_ptr_null(error);
	return addr;
}

static struct sockaddr_any unix_of(const char *path, bool abstract)
{
	struct sockaddr_any addr;

	ck_assert(sockaddr_unix(&addr, path, abstract, NULL));
	return addr;
}

static void assert_format(struct sockaddr_any addr, const char *text)
{
	g_autofree char *formatted = sockaddr_format(&addr);

	ck_assert_str_eq(formatted, text);
}

/* Takes @error; it must be an INVAL that says each of @parts (up to NULL). */
static void check_says(GError *error, const char *const *parts)
{
	ck_assert_ptr_nonnull(error);
	ck_assert(g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_INVAL));
	for (; *parts; parts++)
		ck_assert_msg(strstr(error->message, *parts), "no '%s' in '%s'", *parts,
			      error->message);
	g_error_free(error);
}

#define assert_says(error, ...) check_says(error, (const char *const[]){__VA_ARGS__, NULL})

START_TEST(inet_hosts_are_numbers_localhost_or_empty)
{
	assert_format(inet_of("10.0.2.2", "22"), "10.0.2.2:22");
	assert_format(inet_of("localhost", "65535"), "127.0.0.1:65535");
	assert_format(inet_of("", "0"), "0.0.0.0:0");
	assert_format(inet_of("::1", "22"), "[::1]:22");
	assert_format(inet_of("[fe80::1%7]", "22"), "[fe80::1%7]:22");
	assert_format(inet_of("::ffff:1.2.3.4", "1"), "[::ffff:1.2.3.4]:1");
	ck_assert_int_eq(inet_of("", "0").len, sizeof(struct sockaddr_in));
	ck_assert_int_eq(inet_of("::", "0").len, sizeof(struct sockaddr_in6));
}
END_TEST

START_TEST(scope_may_be_an_interface_name)
{
	assert_format(inet_of("fe80::1%lo", "22"), "[fe80::1%1]:22");
}
END_TEST

static const char *const bad_hosts[] = {
	"example.org",
	"10.0.2",
	"10.0.2.256",
	"010.0.0.1",
	" 10.0.2.2",
	"[10.0.2.2]",
	"[::1",
	"::1]",
	"[]",
	"fe80::1%",
	"fe80::g",
	"1::2::3",
	"fe80::1%nosuch0",
	"0x7f.0.0.1",
	"10.0.2.2:80",
};

START_TEST(bad_host_is_named)
{
	struct sockaddr_any addr;
	GError *error = NULL;

	ck_assert_msg(!sockaddr_inet(&addr, bad_hosts[_i], "22", &error), "%s", bad_hosts[_i]);
	assert_says(error, bad_hosts[_i], "not an address");
}
END_TEST

static const char *const bad_ports[] = {
	"", "65536", "-1", "+1", " 1", "1 ", "0x10", "ssh", "99999999999999999999"};

START_TEST(bad_port_is_named)
{
	struct sockaddr_any addr;
	GError *error = NULL;

	ck_assert(!sockaddr_inet(&addr, "10.0.2.2", bad_ports[_i], &error));
	assert_says(error, bad_ports[_i], "not a port", "65535");
}
END_TEST

START_TEST(unix_path_of_107_bytes_fits_and_of_108_is_refused)
{
	g_autofree char *fits = g_strnfill(107, 'a'), *over = g_strnfill(108, 'a');
	struct sockaddr_any addr = unix_of(fits, false);
	GError *error = NULL;

	ck_assert_int_eq(addr.len, sizeof(struct sockaddr_un));
	assert_format(addr, fits);
	ck_assert(!sockaddr_unix(&addr, over, false, &error));
	assert_says(error, over, "108", "107");
	assert_format(unix_of("/run/lan.sock", false), "/run/lan.sock");
}
END_TEST

START_TEST(abstract_name_has_its_exact_length)
{
	g_autofree char *fits = g_strnfill(107, 'a'), *over = g_strnfill(108, 'a');
	struct sockaddr_any addr = unix_of("lan", true);
	GError *error = NULL;

	ck_assert_int_eq(addr.len, offsetof(struct sockaddr_un, sun_path) + 1 + 3);
	ck_assert_int_eq(addr.un.sun_path[0], 0);
	assert_format(addr, "@lan");
	ck_assert_int_eq(unix_of(fits, true).len, sizeof(struct sockaddr_un));
	ck_assert(!sockaddr_unix(&addr, over, true, &error));
	assert_says(error, over, "108", "107");
}
END_TEST

START_TEST(empty_unix_names_are_refused)
{
	struct sockaddr_any addr;
	GError *error = NULL;

	ck_assert(!sockaddr_unix(&addr, "", false, &error));
	assert_says(g_steal_pointer(&error), "path", "empty");
	ck_assert(!sockaddr_unix(&addr, "", true, &error));
	assert_says(error, "name", "empty");
}
END_TEST

START_TEST(what_the_kernel_gives_for_unnamed_peers_formats)
{
	struct sockaddr_any addr = {.len = sizeof(sa_family_t), .sa.sa_family = AF_UNIX};

	assert_format(addr, "(unnamed)");
	addr.len = 0;
	assert_format(addr, "(unnamed)");
	/* autobind(7 unix): five bytes; NULs may stand within others' names. */
	addr.len = offsetof(struct sockaddr_un, sun_path) + 4;
	memcpy(addr.un.sun_path, "\0a\0b", 4);
	assert_format(addr, "@a@b");
}
END_TEST

START_TEST(equal_addresses_are_equal_and_hash_alike)
{
	struct sockaddr_any a = unix_of("/run/a", false), b = a;

	/* The kernel leaves the NUL out if the peer did, and does not say what follows. */
	b.len--;
	b.un.sun_path[50] = 'x';
	ck_assert(sockaddr_equal(&a, &b));
	ck_assert_uint_eq(sockaddr_hash(&a), sockaddr_hash(&b));

	a = inet_of("10.0.2.2", "22");
	b = inet_of("10.0.2.2", "22");
	memset(b.in.sin_zero, 0xff, sizeof(b.in.sin_zero));
	ck_assert(sockaddr_equal(&a, &b));
	ck_assert_uint_eq(sockaddr_hash(&a), sockaddr_hash(&b));

	a = inet_of("::1", "22");
	b = inet_of("::1", "22");
	b.in6.sin6_flowinfo = 9;
	ck_assert(sockaddr_equal(&a, &b));
	ck_assert_uint_eq(sockaddr_hash(&a), sockaddr_hash(&b));
}
END_TEST

START_TEST(different_addresses_differ)
{
	struct sockaddr_any addrs[] = {
		inet_of("10.0.2.2", "22"), inet_of("10.0.2.2", "23"), inet_of("10.0.2.3", "22"),
		inet_of("::1", "22"),      inet_of("::1", "23"),      inet_of("::2", "22"),
		inet_of("fe80::1%2", "1"), inet_of("fe80::1%3", "1"), unix_of("/a", false),
		unix_of("/ab", false),     unix_of("a", true),        unix_of("ab", true),
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(addrs); i++)
		for (unsigned j = 0; j < G_N_ELEMENTS(addrs); j++)
			ck_assert_int_eq(sockaddr_equal(&addrs[i], &addrs[j]), i == j);
}
END_TEST

static void assert_prefix4(const char *text, const char *want, unsigned want_len)
{
	char shown[INET_ADDRSTRLEN];
	struct in_addr addr;
	unsigned len;

	ck_assert_msg(inet_parse_prefix4(text, &addr, &len, NULL), "%s", text);
	inet_ntop(AF_INET, &addr, shown, sizeof(shown));
	ck_assert_str_eq(shown, want);
	ck_assert_uint_eq(len, want_len);
}

START_TEST(prefixes_keep_their_host_bits)
{
	char shown[INET6_ADDRSTRLEN];
	struct in6_addr addr;
	unsigned len;

	assert_prefix4("10.0.2.0/24", "10.0.2.0", 24);
	assert_prefix4("10.0.2.7/8", "10.0.2.7", 8);
	assert_prefix4("10.0.2.7", "10.0.2.7", 32);
	assert_prefix4("0.0.0.0/0", "0.0.0.0", 0);
	assert_prefix4("10.0.2.0/255.255.255.128", "10.0.2.0", 25);
	assert_prefix4("10.0.2.0/0.0.0.0", "10.0.2.0", 0);
	assert_prefix4("10.0.2.0/255.255.255.255", "10.0.2.0", 32);
	ck_assert(inet_parse_prefix6("fec0::7/64", &addr, &len, NULL));
	inet_ntop(AF_INET6, &addr, shown, sizeof(shown));
	ck_assert_str_eq(shown, "fec0::7");
	ck_assert_uint_eq(len, 64);
	ck_assert(inet_parse_prefix6("::1", &addr, &len, NULL));
	ck_assert_uint_eq(len, 128);
}
END_TEST

static const char *const bad_prefixes4[] = {
	"",
	"/24",
	"10.0.2.0/",
	"10.0.2.0/33",
	"10.0.2.0/-1",
	"10.0.2.0/24/24",
	"10.0.2/24",
	"fec0::/64",
	"10.0.2.0/255.0.255.0",
	"10.0.2.0/255.255",
	"10.0.2.0/ 24",
};

START_TEST(bad_ipv4_prefix_is_named)
{
	struct in_addr addr;
	unsigned len;
	GError *error = NULL;

	ck_assert(!inet_parse_prefix4(bad_prefixes4[_i], &addr, &len, &error));
	assert_says(error, bad_prefixes4[_i], "10.0.2.0/24");
}
END_TEST

static const char *const bad_prefixes6[] = {"",           "fec0::/129", "fec0::/",  "10.0.2.0/24",
					    "fec0::/64x", "[::1]/64",   "::1%lo/64"};

START_TEST(bad_ipv6_prefix_is_named)
{
	struct in6_addr addr;
	unsigned len;
	GError *error = NULL;

	ck_assert(!inet_parse_prefix6(bad_prefixes6[_i], &addr, &len, &error));
	assert_says(error, bad_prefixes6[_i], "fec0::/64");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sockaddr");
	TCase *tc = tcase_create("sockaddr");

	tcase_add_test(tc, inet_hosts_are_numbers_localhost_or_empty);
	tcase_add_test(tc, scope_may_be_an_interface_name);
	tcase_add_loop_test(tc, bad_host_is_named, 0, G_N_ELEMENTS(bad_hosts));
	tcase_add_loop_test(tc, bad_port_is_named, 0, G_N_ELEMENTS(bad_ports));
	tcase_add_test(tc, unix_path_of_107_bytes_fits_and_of_108_is_refused);
	tcase_add_test(tc, abstract_name_has_its_exact_length);
	tcase_add_test(tc, empty_unix_names_are_refused);
	tcase_add_test(tc, what_the_kernel_gives_for_unnamed_peers_formats);
	tcase_add_test(tc, equal_addresses_are_equal_and_hash_alike);
	tcase_add_test(tc, different_addresses_differ);
	tcase_add_test(tc, prefixes_keep_their_host_bits);
	tcase_add_loop_test(tc, bad_ipv4_prefix_is_named, 0, G_N_ELEMENTS(bad_prefixes4));
	tcase_add_loop_test(tc, bad_ipv6_prefix_is_named, 0, G_N_ELEMENTS(bad_prefixes6));
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
