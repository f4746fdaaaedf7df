/* SPDX-License-Identifier: BSD-3-Clause */
#include "dns/dns.h"

#include <string.h>

#include "base/log.h"
#include "dns/addresses.h"
#include "dns/cache.h"
#include "dns/pending.h"
#include "dns/resolv.h"
#include "dns/server.h"
#include "dns/tcp.h"
#include "dns/upstream.h"
#include "dns/zone.h"
#include "net/mac.h"
#include "net/network.h"
#include "net/user_config.h"

struct dns {
	struct loop *loop;
	const struct user_config *config;
	const struct dns_ops *ops;
	void *data;
	struct dns_zone *zone;
	struct dns_cache *cache;
	struct dns_upstream *upstream;
	struct dns_pending *pending;
	struct dns_tcp *tcp;
	struct dns_resolv *resolv; /* NULL: all servers are from `dns-server=` */
	GArray *words;             /* struct dns_server, from `dns-server=` */
	GArray *servers;           /* the servers in use */
	char **search;             /* the host's search list; NULL-terminated */
	struct dns_stats stats;
	struct log_limit full;
	uint8_t out[DNS_UDP_MAX];  /* for local answers */
	uint8_t bare[DNS_UDP_MIN]; /* a query that was stripped */
};

/* --- answers --- */

/* The client that gets an address, for dns_ops::has_address. */
struct told {
	const struct dns *dns;
	const struct dns_client *client;
	const struct dns_name *name;
};

static void tell_address(void *data, const struct in6_addr *addr, uint32_t ttl)
{
	const struct told *told = data;

	told->dns->ops->has_address(told->dns->data, told->client, told->name, addr, ttl);
}

/* Sends the answer; cuts @message in place. */
static void reply(struct dns *dns, const struct dns_source *source, const struct dns_query *query,
		  uint8_t *message, size_t len)
{
	struct told told = {dns, &source->client, &query->name};
	size_t cut;

	if (dns->ops->has_address)
		dns_addresses_each(message, len, tell_address, &told);
	if (source->conn) {
		dns_tcp_answer(source->conn, message, len);
		return;
	}
	cut = dns_cut(message, len, dns_query_udp_limit(query));
	dns->stats.truncated += cut < len;
	dns->ops->answer_udp(dns->data, &source->client, message, cut);
}

static void reply_rcode(struct dns *dns, const struct dns_source *source,
			const struct dns_query *query, enum dns_rcode rcode)
{
	reply(dns, source, query, dns->out,
	      dns_answer_only(dns->out, sizeof(dns->out), query, rcode));
}

static void drop(struct dns *dns, const struct dns_source *source)
{
	dns->stats.dropped++;
	if (source->conn)
		dns_tcp_forget(source->conn);
}

static void pending_came(void *data, const struct dns_query *query, const uint8_t *answer,
			 size_t len)
{
	struct dns *dns = data;

	if (answer)
		dns_cache_put(dns->cache, query, answer, len, loop_now(dns->loop));
	else
		dns->stats.failed++;
}

static void pending_answer(void *data, const struct dns_source *source,
			   const struct dns_query *query, uint8_t *answer, size_t len, bool cut)
{
	struct dns *dns = data;

	dns->stats.truncated += cut;
	reply(dns, source, query, answer, len);
}

static const struct dns_pending_ops pending_ops = {
	.answer = pending_answer,
	.came = pending_came,
};

/* --- queries --- */

static bool answer_locally(struct dns *dns, const struct dns_source *source,
			   const struct dns_query *query)
{
	struct dns_writer w;

	dns_answer_begin(&w, dns->out, sizeof(dns->out), query);
	if (!dns_zone_answer(dns->zone, query, dns_upstream_routes(dns->upstream, &query->name),
			     &w))
		return false;
	dns->stats.local++;
	reply(dns, source, query, dns->out, dns_answer_end(&w));
	return true;
}

static bool answer_from_cache(struct dns *dns, const struct dns_source *source,
			      const struct dns_query *query, usec_t now)
{
	size_t len;
	uint8_t *answer = dns_cache_get(dns->cache, query, now, &len);

	if (!answer)
		return false;
	dns->stats.cached++;
	dns_put16(answer, query->id);
	memcpy(answer + DNS_HEADER, query->data + DNS_HEADER, query->name.len);
	reply(dns, source, query, answer, len);
	return true;
}

static void refuse_full(struct dns *dns, const struct dns_source *source,
			const struct dns_query *query)
{
	char mac[GUEST_MAC_TEXT];

	guest_mac_format(mac, source->client.mac);
	log_limited(&dns->full,
		    "name server: %s has reached its limit of waiting lookups (%u wait in all): "
		    "new ones fail",
		    mac, dns_pending_count(dns->pending));
	dns->stats.dropped++;
	reply_rcode(dns, source, query, DNS_SERVFAIL);
}

static void ask_world(struct dns *dns, const struct dns_source *source,
		      const struct dns_query *query, usec_t now)
{
	if (dns->resolv)
		dns_resolv_look(dns->resolv, now);
	switch (dns_pending_ask(dns->pending, source, query, now)) {
	case DNS_WAIT_ASKED:
		dns->stats.forwarded++;
		break;
	case DNS_WAIT_SHARED:
		dns->stats.shared++;
		break;
	case DNS_WAIT_FULL:
		refuse_full(dns, source, query);
		break;
	case DNS_WAIT_FLOOD:
		drop(dns, source);
		break;
	}
}

/*
 * Writes @query anew, in dns::bare: the question, and of EDNS only size and DO. Guests can hide
 * bytes in all the rest. A query that says no more than that is left as it is.
 */
static bool strip(struct dns *dns, struct dns_query *query)
{
	size_t len = query->question_end;
	uint8_t *out = dns->bare;

	memcpy(out, query->data, len);
	dns_put16(out + 2, query->flags & (DNS_RD | DNS_AD | DNS_CD));
	dns_put16(out + 4, 1);
	memset(out + 6, 0, 4);
	dns_put16(out + 10, query->edns);
	if (query->edns) {
		out[len] = 0; /* the root */
		dns_put16(out + len + 1, DNS_TYPE_OPT);
		dns_put16(out + len + 3, query->edns_size);
		dns_put32(out + len + 5, query->edns_do ? 0x8000 : 0);
		dns_put16(out + len + 9, 0);
		len += DNS_OPT_LEN;
	}
	if (query->len == len && memcmp(query->data, out, len) == 0)
		return true;
	return dns_query_parse(query, out, len) == DNS_NOERROR;
}

/* DNS_NOERROR: @query, perhaps stripped, may be asked upstream. */
static enum dns_rcode may_leave(struct dns *dns, const struct dns_source *source,
				struct dns_query *query)
{
	if (!dns->ops->may_leave)
		return dns->config->restricted ? DNS_REFUSED : DNS_NOERROR;
	switch (dns->ops->may_leave(dns->data, &source->client, &query->name)) {
	case DNS_LEAVE:
		return DNS_NOERROR;
	case DNS_LEAVE_BARE:
		return strip(dns, query) ? DNS_NOERROR : DNS_REFUSED;
	case DNS_LEAVE_NXDOMAIN:
		return DNS_NXDOMAIN;
	case DNS_LEAVE_REFUSED:
		break;
	}
	return DNS_REFUSED;
}

static void take(struct dns *dns, const struct dns_source *source, const uint8_t *message,
		 size_t len, usec_t now)
{
	struct dns_query query;
	int rcode = dns_query_parse(&query, message, len);

	if (rcode < 0) {
		drop(dns, source);
		return;
	}
	if (rcode == DNS_NOERROR && query.edns_version)
		rcode = DNS_BADVERS;
	/*
	 * Of other classes only CHAOS is used, for questions about the server; it is not ours to
	 * tell.
	 */
	else if (rcode == DNS_NOERROR && query.class != DNS_CLASS_IN &&
		 query.class != DNS_CLASS_ANY)
		rcode = DNS_REFUSED;
	if (rcode == DNS_NOERROR) {
		if (answer_locally(dns, source, &query))
			return;
		rcode = (int)may_leave(dns, source, &query);
		if (rcode == DNS_NOERROR) {
			if (!answer_from_cache(dns, source, &query, now))
				ask_world(dns, source, &query, now);
			return;
		}
	}
	dns->stats.refused++;
	reply_rcode(dns, source, &query, (enum dns_rcode)rcode);
}

void dns_query_udp(struct dns *dns, const struct dns_client *client, const uint8_t *message,
		   size_t len, usec_t now)
{
	struct dns_source source = {.client = *client};

	dns->stats.queries_udp++;
	take(dns, &source, message, len, now);
}

static void query_tcp(void *data, struct dns_tcp_conn *conn, const uint8_t *message, size_t len)
{
	struct dns_source source = {.conn = conn, .client = *dns_tcp_client(conn)};
	struct dns *dns = data;

	dns->stats.queries_tcp++;
	take(dns, &source, message, len, loop_now(dns->loop));
}

bool dns_take_tcp(struct dns *dns, int fd, const struct dns_client *client)
{
	return dns_tcp_take(dns->tcp, fd, client);
}

/* --- the host's servers --- */

static bool is_for_all(const struct dns_server *server)
{
	return server->domain.len == 1;
}

static bool words_say_all(const struct dns *dns)
{
	for (guint i = 0; i < dns->words->len; i++) {
		if (is_for_all(&g_array_index(dns->words, struct dns_server, i)))
			return true;
	}
	return false;
}

static bool are_stubs(const GArray *servers)
{
	for (guint i = 0; i < servers->len; i++) {
		if (!dns_server_is_loopback(&g_array_index(servers, struct dns_server, i)))
			return false;
	}
	return true;
}

static void set_search(struct dns *dns, char **search)
{
	bool same = dns->search &&
		    g_strv_equal((const char *const *)dns->search, (const char *const *)search);

	g_strfreev(dns->search);
	dns->search = search;
	if (!same && dns->ops->search_changed && dns->config->dns_host_search &&
	    !dns->config->restricted)
		dns->ops->search_changed(dns->data, (const char *const *)search);
}

static void set_servers(struct dns *dns)
{
	GArray *servers = g_array_copy(dns->words);

	if (dns->resolv) {
		char **search;
		GArray *found = dns_resolv_read(dns->resolv, &search);

		dns_cache_limit(dns->cache, are_stubs(found) ? DNS_CACHE_STUB_MAX : 0);
		g_array_append_vals(servers, found->data, found->len);
		g_array_free(found, TRUE);
		set_search(dns, search);
	}
	if (dns->servers)
		g_array_free(dns->servers, TRUE);
	dns->servers = servers;
	/*
	 * Other servers may give other answers (a VPN came or went). So may the same ones, if they
	 * are a stub whose own servers changed.
	 */
	if (!dns_upstream_set(dns->upstream, servers))
		dns_upstream_again(dns->upstream);
	dns_cache_clear(dns->cache);
}

static void resolv_changed(void *data)
{
	struct dns *dns = data;

	dns->stats.config_changes++;
	set_servers(dns);
}

void dns_host_changed(struct dns *dns)
{
	set_servers(dns);
}

/* --- life --- */

static bool open_all(struct dns *dns, struct network *network, GError **error)
{
	const struct user_config *config = dns->config;

	dns->words = dns_servers_from_words(config->dns_servers, error);
	if (!dns->words) {
		g_prefix_error(error, "user: dns-server: ");
		return false;
	}
	dns->zone = dns_zone_new(config, network, error);
	if (!dns->zone)
		return false;
	dns->tcp = dns_tcp_new(dns->loop, query_tcp, dns);
	dns->cache = dns_cache_new();
	dns->upstream = dns_upstream_new(dns->loop);
	dns->pending = dns_pending_new(dns->upstream, &pending_ops, dns);
	if (!words_say_all(dns))
		dns->resolv = dns_resolv_new(
			dns->loop, config->resolv_conf ? config->resolv_conf : DNS_RESOLV_PATH,
			dns_resolv_behind, resolv_changed, dns);
	set_servers(dns);
	return true;
}

struct dns *dns_new(struct network *network, const struct user_config *config,
		    const struct dns_ops *ops, void *data, GError **error)
{
	struct dns *dns = g_new0(struct dns, 1);

	dns->loop = network->loop;
	dns->config = config;
	dns->ops = ops;
	dns->data = data;
	if (!open_all(dns, network, error)) {
		dns_free(dns);
		return NULL;
	}
	return dns;
}

void dns_free(struct dns *dns)
{
	if (!dns)
		return;
	dns_resolv_free(dns->resolv);
	dns_pending_free(dns->pending);
	dns_upstream_free(dns->upstream);
	dns_tcp_free(dns->tcp);
	dns_cache_free(dns->cache);
	dns_zone_free(dns->zone);
	g_strfreev(dns->search);
	if (dns->words)
		g_array_free(dns->words, TRUE);
	if (dns->servers)
		g_array_free(dns->servers, TRUE);
	g_free(dns);
}

/* --- information --- */

struct dns_zone *dns_zone_of(struct dns *dns)
{
	return dns->zone;
}

void dns_stats(const struct dns *dns, struct dns_stats *stats)
{
	const struct dns_upstream_stats *upstream = dns_upstream_stats(dns->upstream);

	*stats = dns->stats;
	stats->timeouts = upstream->timeouts;
	stats->upstream_sent = upstream->sent;
	stats->upstream_bad = upstream->bad;
	stats->outstanding = dns_pending_count(dns->pending);
	stats->cache_entries = dns_cache_count(dns->cache);
	stats->cache_bytes = dns_cache_bytes(dns->cache);
	stats->displaced = dns_pending_displaced(dns->pending);
	stats->tcp_connections = dns_tcp_count(dns->tcp);
	stats->tcp_bytes = dns_tcp_bytes(dns->tcp);
	stats->tcp_displaced = dns_tcp_displaced(dns->tcp);
}

char **dns_servers(const struct dns *dns)
{
	char **words = g_new0(char *, dns->servers->len + 1);

	for (guint i = 0; i < dns->servers->len; i++)
		words[i] = dns_server_format(&g_array_index(dns->servers, struct dns_server, i));
	return words;
}

const char *const *dns_search(const struct dns *dns)
{
	return (const char *const *)dns->search;
}
