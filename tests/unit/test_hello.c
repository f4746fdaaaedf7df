/* SPDX-License-Identifier: BSD-3-Clause */
#include <check.h>
#include <glib.h>
#include <string.h>

#include "packet/hello.h"
#include "run_suite.h"

static struct dns_name name;
static GByteArray *bytes;

static void setup(void)
{
	bytes = g_byte_array_new();
}

static void teardown(void)
{
	g_byte_array_unref(bytes);
}

static void put(const void *data, size_t len)
{
	g_byte_array_append(bytes, data, (guint)len);
}

static void put_number(unsigned size, unsigned value)
{
	while (size--) {
		uint8_t byte = (uint8_t)(value >> 8 * size);

		put(&byte, 1);
	}
}

/* A server_name extension with @text; RFC 6066 3. */
static void put_server_name(const char *text, unsigned type)
{
	unsigned len = (unsigned)strlen(text);

	put_number(2, 0);
	put_number(2, len + 5);
	put_number(2, len + 3);
	put_number(1, type);
	put_number(2, len);
	put(text, len);
}

/* A ClientHello with @n server names, in records of @record bytes. */
static void put_hello(const char *text, unsigned n, unsigned type, unsigned record)
{
	g_autoptr(GByteArray) message = NULL;
	unsigned extensions = n * (unsigned)(strlen(text) + 9) + 4;

	put_number(1, 1);
	put_number(3, 2 + 32 + 1 + 4 + 2 + 2 + extensions);
	put_number(2, 0x303);
	for (unsigned i = 0; i < 32; i++)
		put_number(1, i);
	put_number(1, 0);
	put_number(2, 2);
	put_number(2, 0x1301);
	put_number(2, 0x100);
	put_number(2, extensions);
	put_number(4, 0x00170000);
	for (unsigned i = 0; i < n; i++)
		put_server_name(text, type);
	message = g_steal_pointer(&bytes);
	bytes = g_byte_array_new();
	for (unsigned at = 0; at < message->len; at += record) {
		unsigned len = MIN(record, message->len - at);

		put_number(1, 22);
		put_number(2, 0x301);
		put_number(2, len);
		put(message->data + at, len);
	}
}

static const char *read_first(size_t len, bool sni, bool host)
{
	static char text[300];
	g_autofree char *found = NULL;

	switch (hello_read(&name, bytes->data, len, sni, host)) {
	case HELLO_MORE:
		return "more";
	case HELLO_NAMELESS:
		return "nameless";
	case HELLO_NAMED:
		break;
	}
	found = dns_name_format(&name);
	g_strlcpy(text, found, sizeof(text));
	return text;
}

#define assert_reads(is) ck_assert_str_eq(read_first(bytes->len, true, true), is)

START_TEST(hello_names_its_server_once_it_is_complete)
{
	put_hello("API.example.com", 1, 0, 16384);
	for (size_t len = 0; len < bytes->len; len++)
		ck_assert_str_eq(read_first(len, true, false), "more");
	assert_reads("api.example.com");
	put("more", 4);
	assert_reads("api.example.com");
}
END_TEST

START_TEST(hello_is_put_together_from_records)
{
	for (unsigned record = 1; record < 80; record++) {
		put_hello("api.example.com", 1, 0, record);
		for (size_t len = 0; len < bytes->len; len++)
			ck_assert_str_eq(read_first(len, true, false), "more");
		assert_reads("api.example.com");
		g_byte_array_set_size(bytes, 0);
	}
}
END_TEST

START_TEST(hello_without_one_plain_name_names_none)
{
	static const char *const wrong[] = {"",
					    "a b.example",
					    "a..example",
					    ".",
					    "a\\.example",
					    "*.example.com",
					    "a.example.com:443"};

	put_hello("api.example.com", 0, 0, 16384);
	assert_reads("nameless");
	g_byte_array_set_size(bytes, 0);
	put_hello("api.example.com", 2, 0, 16384);
	assert_reads("nameless");
	g_byte_array_set_size(bytes, 0);
	put_hello("api.example.com", 1, 1, 16384);
	assert_reads("nameless");
	for (unsigned i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_byte_array_set_size(bytes, 0);
		put_hello(wrong[i], 1, 0, 16384);
		assert_reads("nameless");
	}
}
END_TEST

START_TEST(lengths_that_do_not_fit_name_none)
{
	put_hello("api.example.com", 1, 0, 16384);
	for (unsigned at = 5; at < bytes->len; at++) {
		uint8_t was = bytes->data[at];

		/* Whatever a byte becomes, nothing is read beyond the end. */
		for (unsigned value = 0; value < 256; value++) {
			bytes->data[at] = (uint8_t)value;
			read_first(bytes->len, true, false);
		}
		bytes->data[at] = was;
	}
	bytes->data[9] ^= 1; /* the session id is longer than the hello */
	bytes->data[6] = 1;  /* 65,536 bytes and more */
	assert_reads("nameless");
}
END_TEST

START_TEST(endless_beginning_names_none)
{
	uint8_t record[5] = {22, 3, 1, 0x40, 0};

	put(record, 5);
	put("\1\0\x3f\xfc", 4);
	g_byte_array_set_size(bytes, HELLO_MAX);
	ck_assert_str_eq(read_first(HELLO_MAX - 1, true, true), "more");
	assert_reads("nameless");
	memset(bytes->data, 'A', HELLO_MAX);
	assert_reads("nameless");
}
END_TEST

START_TEST(other_protocols_name_none_at_once)
{
	put("SSH-2.0-OpenSSH\r\n", 17);
	assert_reads("nameless");
	ck_assert_str_eq(read_first(1, true, false), "nameless");
	g_byte_array_set_size(bytes, 0);
	put("\x80\x2e\1\3\1", 5); /* SSL 2 */
	assert_reads("nameless");
}
END_TEST

struct request {
	const char *text, *is;
};

static const struct request requests[] = {
	{"GET / HTTP/1.1\r\nHost: Api.Example.Com\r\n\r\n", "api.example.com"},
	{"GET /a?b=c HTTP/1.0\r\nA: b\r\nhOST:api.example.com:8080 \r\n\r\nbody",
	 "api.example.com"},
	{"OPTIONS * HTTP/1.1\r\nHost: api.example.com\r\n\r\n", "api.example.com"},
	{"GET / HTTP/1.1\r\nHost: api.example.com\r\n", "more"},
	{"GET / HTTP/1.1\r\nHost: api.exa", "more"},
	{"GE", "more"},
	{"GET / HTTP/1.1\r\n\r\n", "nameless"},
	{"GET / HTTP/1.1\r\nHost:\r\n\r\n", "nameless"},
	{"GET / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n", "nameless"},
	{"GET / HTTP/1.1\r\nHost : a.example\r\n\r\n", "nameless"},
	{"GET / HTTP/1.1\r\nHost: a.example\r\n b.example\r\n\r\n", "nameless"},
	{"GET / HTTP/1.1\nHost: a.example\n\n", "nameless"},
	{"GET / HTTP/1.1\r\nHost: a.example\r\rX: y\r\n\r\n", "nameless"},
	{"GET http://b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", "nameless"},
	{"CONNECT b.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n", "nameless"},
	{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "nameless"},
	{"GET / HTTP/1.1 \r\nHost: a.example\r\n\r\n", "nameless"},
	{"GET  / HTTP/1.1\r\nHost: a.example\r\n\r\n", "nameless"},
	{" GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "nameless"},
	{"GET / HTTP/1.1\r\nHost: a.example@b.example\r\n\r\n", "nameless"},
	{"GET / HTTP/1.1\r\nHost: [2001:db8::1]\r\n\r\n", "nameless"},
	{"GET / HTTP/1.1\r\nHost: a.example:b\r\n\r\n", "nameless"},
	{"\r\nGET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "nameless"},
};

START_TEST(request_names_its_host)
{
	put(requests[_i].text, strlen(requests[_i].text));
	ck_assert_str_eq(read_first(bytes->len, false, true), requests[_i].is);
}
END_TEST

START_TEST(only_the_protocols_asked_for_count)
{
	put_hello("api.example.com", 1, 0, 16384);
	ck_assert_str_eq(read_first(bytes->len, false, true), "nameless");
	g_byte_array_set_size(bytes, 0);
	put(requests[0].text, strlen(requests[0].text));
	ck_assert_str_eq(read_first(bytes->len, true, false), "nameless");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hello");
	TCase *tcase = tcase_create("hello");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, hello_names_its_server_once_it_is_complete);
	tcase_add_test(tcase, hello_is_put_together_from_records);
	tcase_add_test(tcase, hello_without_one_plain_name_names_none);
	tcase_add_test(tcase, lengths_that_do_not_fit_name_none);
	tcase_add_test(tcase, endless_beginning_names_none);
	tcase_add_test(tcase, other_protocols_name_none_at_once);
	tcase_add_loop_test(tcase, request_names_its_host, 0, G_N_ELEMENTS(requests));
	tcase_add_test(tcase, only_the_protocols_asked_for_count);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
