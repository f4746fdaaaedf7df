/* SPDX-License-Identifier: BSD-3-Clause */
#include "svc/dns.h"

#include "net/network.h"
#include "svc/dns_server.h"
#include "svc/dns_zone.h"
#include "svc/gateway.h"

struct dns {
	struct network *network;
	const struct user_config *config;
	const struct dns_ops *ops;
	void *data;
	struct dns_zone *zone;
	GArray *servers; /* struct dns_server */
	struct dns_stats stats;
	uint8_t out[DNS_UDP_MAX];
};

struct dns *dns_new(struct network *network, const struct user_config *config,
		    const struct dns_ops *ops, void *data, GError **error)
{
	struct dns *dns = g_new0(struct dns, 1);

	dns->network = network;
	dns->config = config;
	dns->ops = ops;
	dns->data = data;
	dns->servers = dns_servers_from_words(config->dns_servers, error);
	if (dns->servers)
		dns->zone = dns_zone_new(config, network->guests, error);
	if (!dns->zone) {
		dns_free(dns);
		return NULL;
	}
	return dns;
}

void dns_free(struct dns *dns)
{
	if (!dns)
		return;
	dns_zone_free(dns->zone);
	if (dns->servers)
		g_array_free(dns->servers, TRUE);
	g_free(dns);
}

/* Into dns::out; 0: no answer. */
static size_t answer(struct dns *dns, const uint8_t *message, size_t len, size_t *limit)
{
	struct dns_query query;
	struct dns_writer w;
	int rcode = dns_query_parse(&query, message, len);

	if (rcode < 0) {
		dns->stats.dropped++;
		return 0;
	}
	*limit = dns_query_udp_limit(&query);
	dns_answer_begin(&w, dns->out, sizeof(dns->out), &query);
	if (rcode == DNS_NOERROR && dns_zone_answer(dns->zone, &query, false, &w)) {
		dns->stats.local++;
		return dns_answer_end(&w);
	}
	dns->stats.refused++;
	return dns_answer_only(dns->out, sizeof(dns->out), &query,
			       rcode ? (enum dns_rcode)rcode : DNS_REFUSED);
}

void dns_query_udp(struct dns *dns, const struct dns_client *client, const uint8_t *message,
		   size_t len, usec_t now)
{
	size_t limit;

	dns->stats.queries_udp++;
	len = answer(dns, message, len, &limit);
	if (len)
		dns->ops->answer_udp(dns->data, client, dns->out, dns_cut(dns->out, len, limit));
}

uint16_t dns_tcp_port(const struct dns *dns, bool v6)
{
	return 0;
}

struct dns_zone *dns_zone_of(struct dns *dns)
{
	return dns->zone;
}

void dns_stats(const struct dns *dns, struct dns_stats *stats)
{
	*stats = dns->stats;
}

char **dns_servers(const struct dns *dns)
{
	char **words = g_new0(char *, dns->servers->len + 1);

	for (guint i = 0; i < dns->servers->len; i++)
		words[i] = dns_server_format(&g_array_index(dns->servers, struct dns_server, i));
	return words;
}
