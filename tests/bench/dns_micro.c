/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "dns/dns.h"
#include "dns/wire.h"
#include "net/guest.h"
#include "net/network.h"
#include "net/port.h"
#include "net/user_config.h"

/*
 * The cost of a query for a guest's name, datagram in to datagram out, with few guests and with
 * many: it should be the same. Usage: dns_micro [QUERIES]
 */
static unsigned answers;

static void answered(void *data, const struct dns_client *client, const uint8_t *message,
		     size_t len)
{
	answers += (dns_get16(message + 2) & DNS_RCODE) == DNS_NOERROR && dns_get16(message + 6);
}

static const struct dns_ops ops = {.answer_udp = answered};

static void add_guests(struct network *network, struct port *port, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		g_autofree char *name = g_strdup_printf("guest-%u", i);
		struct in_addr addr = {htonl(0x0a000000 + 100 + i)};
		struct guest *guest =
			guest_seen(network->guests, UINT64_C(0x525400000000) + i, port, 0);

		if (!guest || !guest_set_name(network->guests, guest, name) ||
		    !guest_set_v4(network->guests, guest, addr, true))
			abort();
	}
}

static size_t make_query(uint8_t *out, unsigned id, const char *name)
{
	size_t len = DNS_HEADER;

	memset(out, 0, DNS_HEADER);
	dns_put16(out, id);
	dns_put16(out + 2, DNS_RD);
	dns_put16(out + 4, 1);
	len += dns_name_write(out + len, DNS_NAME_MAX, name);
	dns_put16(out + len, DNS_TYPE_A);
	dns_put16(out + len + 2, DNS_CLASS_IN);
	return len + 4;
}

static gint by_value(gconstpointer a, gconstpointer b)
{
	double p = *(const double *)a, q = *(const double *)b;

	return p < q ? -1 : p > q;
}

static void measure(unsigned guests, unsigned queries)
{
	struct network *network;
	struct user_config config;
	struct loop *loop = loop_new(NULL);
	struct port port;
	struct dns *dns;
	g_autofree double *took = g_new(double, queries);
	gint64 began, total = 0;

	network = network_new(loop, "bench");
	port_init(&port, NULL, NULL, "a");
	user_config_defaults(&config);
	config.net.s_addr = htonl(0x0a000000);
	config.net_len = 16;
	if (!user_config_resolve(&config, NULL))
		abort();
	dns = dns_new(network, &config, &ops, NULL, NULL);
	if (!dns)
		abort();
	add_guests(network, &port, guests);
	answers = 0;
	/* In groups: a single query is too short for the clock. */
	for (unsigned i = 0; i < queries; i++) {
		struct dns_client client = {.port_id = 1, .mac = i};
		uint8_t query[DNS_HEADER + DNS_NAME_MAX + 4];
		g_autofree char *name =
			g_strdup_printf("guest-%u.usernet.internal", i * 7919u % guests);
		size_t len = make_query(query, i, name);

		began = g_get_monotonic_time();
		for (int n = 0; n < 10; n++)
			dns_query_udp(dns, &client, query, len, 0);
		took[i] = (double)(g_get_monotonic_time() - began) / 10;
		total += (gint64)(took[i] * 10);
	}
	if (answers != queries * 10)
		abort();
	qsort(took, queries, sizeof(*took), by_value);
	printf("%6u guests: %.2f us a query, p99 %.2f us, %.0f queries/s\n", guests,
	       (double)total / queries / 10, took[queries / 100 * 99],
	       queries * 1e7 / (double)total);
	dns_free(dns);
	guest_forget_port(network->guests, &port);
	port_fini(&port);
	network_free(network);
	loop_free(loop);
}

int main(int argc, char **argv)
{
	unsigned queries = argc > 1 ? (unsigned)atoi(argv[1]) : 20000;

	if (queries < 100)
		return EXIT_FAILURE;
	measure(500, queries);
	measure(5000, queries);
	return EXIT_SUCCESS;
}
