/* SPDX-License-Identifier: BSD-3-Clause */
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "dns/cache.h"
#include "dns/server.h"
#include "dns/verify.h"
#include "dns/zone.h"
#include "harness.h"
#include "net/guest.h"
#include "net/network.h"
#include "net/port.h"
#include "net/reservation.h"
#include "net/user_config.h"

/*
 * The first byte chooses the use of the rest: a query to the zone; a query (its length in the
 * second byte) and an answer to it, through verify, cache and cut; resolv.conf.
 */
static struct user_config config;
static struct network network;
static struct port port;
static struct dns_zone *zone;
static struct dns_cache *cache;

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void prepare(void)
{
	struct in_addr addr = {g_htonl(0x0a000214)};
	struct guest *guest;

	user_config_defaults(&config);
	check(user_config_resolve(&config, NULL));
	network.reservations = reservation_table_new("fuzz");
	network.guests = guest_table_new();
	guest_table_reserve(network.guests, network.reservations);
	port_init(&port, NULL, NULL, "a");
	guest = guest_seen(network.guests, UINT64_C(0x525400000001), &port, 0);
	check(guest_set_name(network.guests, guest, "web"));
	check(guest_set_v4(network.guests, guest, addr, true));
	zone = dns_zone_new(&config, &network, NULL);
	check(zone && dns_zone_add(zone, "*.apps.example", "10.0.2.80", NULL));
	cache = dns_cache_new();
}

/* Our messages are complete, whatever they answer. */
static void check_whole(const uint8_t *message, size_t len)
{
	struct dns_record record;
	struct dns_walk walk;

	check(dns_walk_begin(&walk, message, len));
	while (dns_walk_next(&walk, &record))
		continue;
	check(!walk.broken && walk.pos == len);
}

static void ask_zone(const uint8_t *data, size_t size)
{
	static uint8_t out[DNS_UDP_MAX];
	struct dns_query query;
	struct dns_writer w;
	int rcode = dns_query_parse(&query, data, size);

	if (rcode < 0)
		return;
	if (rcode != DNS_NOERROR) {
		check_whole(out, dns_answer_only(out, sizeof(out), &query, DNS_FORMERR));
		return;
	}
	dns_answer_begin(&w, out, sizeof(out), &query);
	if (dns_zone_answer(zone, &query, size % 2, &w)) {
		size_t len = dns_answer_end(&w);

		check_whole(out, len);
		check(dns_cut(out, len, DNS_UDP_MIN) <= DNS_UDP_MIN);
	}
}

static void take_answer(const uint8_t *data, size_t size)
{
	static usec_t now;
	size_t query_len = size ? data[0] : 0, len;
	struct dns_query query;
	uint8_t *cached, *copy;

	if (size < 1 + query_len || dns_query_parse(&query, data + 1, query_len) != DNS_NOERROR)
		return;
	data += 1 + query_len;
	size -= 1 + query_len;
	if (!dns_answer_fits(data, size, &query))
		return;
	dns_cache_put(cache, &query, data, size, now);
	now += 7 * USEC_PER_SEC;
	cached = dns_cache_get(cache, &query, now, &len);
	check(!cached || len <= DNS_CACHE_ANSWER_MAX);
	copy = g_memdup2(data, size);
	check(dns_cut(copy, size, DNS_UDP_MIN) <= MAX(size, DNS_UDP_MIN));
	g_free(copy);
}

static void read_resolv_conf(const uint8_t *data, size_t size)
{
	GArray *servers = dns_servers_from_resolv_conf((const char *)data, size);

	check(servers->len > 0);
	for (guint i = 0; i < servers->len; i++) {
		g_autofree char *text =
			dns_server_format(&g_array_index(servers, struct dns_server, i));
		struct dns_server again;

		check(dns_server_parse(&again, text, NULL));
		check(dns_server_equal(&again, &g_array_index(servers, struct dns_server, i)));
	}
	g_array_free(servers, TRUE);
}

/* As in `dns-server=` and `dns-add`. */
static void read_words(const uint8_t *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *)data, size);
	struct dns_server server;

	if (dns_server_parse(&server, text, NULL)) {
		g_autofree char *again = dns_server_format(&server);

		check(dns_server_parse(&server, again, NULL));
	}
	if (dns_zone_add(zone, text, "10.0.2.81", NULL))
		check(dns_zone_remove(zone, text, "10.0.2.81", NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!zone)
		prepare();
	if (!size)
		return 0;
	switch (data[0] % 4) {
	case 0:
		ask_zone(data + 1, size - 1);
		break;
	case 1:
		take_answer(data + 1, size - 1);
		break;
	case 2:
		read_resolv_conf(data + 1, size - 1);
		break;
	default:
		read_words(data + 1, size - 1);
		break;
	}
	return 0;
}
