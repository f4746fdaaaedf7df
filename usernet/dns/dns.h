/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DNS_DNS_H
#define USERNET_DNS_DNS_H

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "net/frame.h"

/*
 * The name server behind the `dns` and `ipv6-dns` addresses. A query is answered from the zone
 * (dns_zone.h), from the cache (dns_cache.h), or by the host's name servers (dns_upstream.h), whose
 * answer goes back as it came.
 *
 *     guest's UDP 53 -> dns_query_udp() --+                 +-> dns_zone
 *                                         +----- dns.c -----+-> dns_cache
 *     guest's TCP 53 -> dns_take_tcp() ---+                 +-> dns_upstream -> dns_channel
 *
 * Lookups that wait for the world are bounded per guest, per port and overall. At its bound a
 * guest's oldest lookup, if it has waited for DNS_PATIENCE, gives way to the new one: names that
 * nobody answers do not hold up others. A lookup that gives way or finds no room is answered
 * SERVFAIL, so that its client goes on at once.
 */
struct dns;
struct dns_zone;
struct network;
struct user_config;

/* Where an answer by UDP goes back to: noted by the caller, copied, given back with the answer. */
struct dns_client {
	mac_t mac;
	unsigned port_id; /* port::id: it may have gone when the answer comes */
	bool v6;
	uint16_t src_port, dst_port; /* host order; the guest's, and 53 */
	struct in6_addr src, dst;    /* the guest's, and ours; IPv4: the first four bytes */
};

struct dns_ops {
	/*
	 * Sends @message, borrowed for the call, to @client: from within dns_query_udp(), or later
	 * from the loop. Must not call back into the name server.
	 */
	void (*answer_udp)(void *data, const struct dns_client *client, const uint8_t *message,
			   size_t len);
	/*
	 * The host's search list is now @search (NULL-terminated, borrowed for the call): from
	 * within dns_new(), or later from the loop. NULL: not wanted. Never called with
	 * dns-host-search=off or restrict=on.
	 */
	void (*search_changed)(void *data, const char *const *search);
};

/* Since the start. A query is counted in exactly one of the rows behind the first two. */
struct dns_stats {
	uint64_t queries_udp, queries_tcp;
	uint64_t local;     /* answered from our zones */
	uint64_t cached;    /* from the cache */
	uint64_t forwarded; /* asked upstream for */
	uint64_t shared;    /* joined one that was being asked for */
	uint64_t refused;   /* malformed or not for us: answered with an error */
	uint64_t dropped;   /* over a bound: SERVFAIL, or silence; no query at all: silence */

	uint64_t failed;         /* of forwarded and shared: SERVFAIL, no server had an answer */
	uint64_t displaced;      /* of forwarded and shared: SERVFAIL, gave way to newer ones */
	uint64_t timeouts;       /* a server was silent, another was tried */
	uint64_t upstream_sent;  /* queries sent to servers, repeated ones included */
	uint64_t upstream_bad;   /* answers that did not fit their question, refused */
	uint64_t truncated;      /* cut to the client's size */
	uint64_t tcp_displaced;  /* connections closed, as there were too many */
	uint64_t config_changes; /* the host's name servers changed */
	unsigned outstanding;    /* clients that wait now */
	unsigned cache_entries, tcp_connections;
	size_t cache_bytes;
};

/* Clients waiting for the world: overall, of one port, of one MAC address at one port. */
#define DNS_MAX_OUTSTANDING 4096
#define DNS_MAX_PER_PORT    1024
#define DNS_MAX_PER_GUEST   512
/* The last part of all is for ports that have few, so many each. */
#define DNS_RESERVE      1024
#define DNS_RESERVE_EACH 32
#define DNS_PATIENCE     (500 * USEC_PER_MSEC)
#define DNS_REFUSALS     1024 /* that a guest is told of in a second; then it is silence */

/*
 * Reads resolv.conf. @config (resolved) and @network must outlive it; @ops too. Errors name the key
 * of `user` that is wrong. Guests of a restricted network are told our own names only.
 */
struct dns *dns_new(struct network *network, const struct user_config *config,
		    const struct dns_ops *ops, void *data, GError **error);
/* What is waiting is not answered any more. */
void dns_free(struct dns *dns);

/* @message: the UDP payload, @len bytes, borrowed. */
void dns_query_udp(struct dns *dns, const struct dns_client *client, const uint8_t *message,
		   size_t len, usec_t now);
/*
 * A guest's connection to port 53, accepted and connected: a non-blocking stream socket, taken over
 * in any case. False when it was closed at once. @client: who it is; its ports are not looked at.
 */
bool dns_take_tcp(struct dns *dns, int fd, const struct dns_client *client);

/* Live records are added and removed here: dns_zone_add(), dns_zone_remove(). */
struct dns_zone *dns_zone_of(struct dns *dns);
void dns_stats(const struct dns *dns, struct dns_stats *stats);
/* The servers in use, "127.0.0.53", "/corp.example/10.1.1.1#5353"; NULL-terminated, newly
 * allocated. */
char **dns_servers(const struct dns *dns);
/* The host's search list, NULL-terminated; NULL with servers of our own. Borrowed. */
const char *const *dns_search(const struct dns *dns);

#endif
