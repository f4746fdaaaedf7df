/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TESTS_DNSBED_H
#define USERNET_TESTS_DNSBED_H

#include "dns/dns.h"
#include "fakedns.h"
#include "linkbed.h"
#include "net/user_config.h"

/* The name server between a guest's datagrams and two upstream servers. */
static struct user_config config;
static struct dns *dns;
static struct fakedns one, two;
static struct message q;
static struct dns_stats stats;

/* The answers by UDP. */
static struct {
	unsigned n;
	unsigned by_port[8];
	struct message last;
	struct dns_client client;
} got;

static inline void answered(void *data, const struct dns_client *client, const uint8_t *message,
			    size_t len)
{
	got.n++;
	got.by_port[client->port_id % 8]++;
	got.client = *client;
	got.last.len = 0;
	put(&got.last, message, len);
}

static char *search_told; /* joined by spaces; NULL: no call */

static inline void search_changed(void *data, const char *const *search)
{
	g_free(search_told);
	search_told = g_strjoinv(" ", (char **)search);
}

static const struct dns_ops ops = {.answer_udp = answered, .search_changed = search_changed};

static inline void setup(void)
{
	bed_setup();
	user_config_defaults(&config);
	ck_assert(user_config_resolve(&config, NULL));
	memset(&got, 0, sizeof got);
	memset(&one, 0, sizeof one);
	memset(&two, 0, sizeof two);
}

static inline void teardown(void)
{
	g_clear_pointer(&dns, dns_free);
	g_clear_pointer(&search_told, g_free);
	fake_close(&one);
	fake_close(&two);
	bed_teardown();
}

static inline void open_dns(const char *first, const char *second)
{
	const char *const words[] = {first, second, NULL};
	g_autoptr(GError) error = NULL;

	config.dns_servers = first ? words : NULL;
	dns = dns_new(network, &config, &ops, NULL, &error);
	config.dns_servers = NULL;
	ck_assert_msg(dns != NULL, "%s", error ? error->message : "");
}

static inline char *word(const char *prefix, const struct fakedns *fake)
{
	return g_strdup_printf("%s127.0.0.1#%u", prefix, fake->port);
}

/* Servers for all: the first one, or both. */
static inline void open_with(bool both)
{
	g_autofree char *a = word("", &one), *b = both ? word("", &two) : NULL;

	open_dns(a, b);
}

static inline void send_from(unsigned port, unsigned mac, unsigned sport)
{
	struct dns_client client = {.port_id = port, .mac = mac, .src_port = (uint16_t)sport};

	client.dst_port = 53;
	dns_query_udp(dns, &client, q.data, q.len, loop_now(loop));
}

static inline void ask(unsigned id, const char *name, unsigned type)
{
	query_begin(&q, id, name, type);
	send_from(1, 1, 1000);
}

static inline void assert_got(unsigned rcode, const char *records)
{
	ck_assert_uint_eq(rcode_of(got.last.data), rcode);
	assert_records(got.last.data, got.last.len, records);
}

#define see() dns_stats(dns, &stats)

#endif
