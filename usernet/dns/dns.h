/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DNS_DNS_H
#define USERNET_DNS_DNS_H

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limit.h"
#include "base/loop.h"
#include "net/frame.h"

/*
 * The name server behind the `dns` and `ipv6-dns` addresses. It answers a query from the zone
 * (zone.h), from the cache (cache.h), or by the host's name servers (upstream.h), whose answer goes
 * back unchanged.
 *
 *     guest's UDP 53 -> dns_query_udp() --+                 +-> zone
 *                                         +----- dns.c -----+-> cache
 *     guest's TCP 53 -> dns_take_tcp() ---+                 +-> upstream -> channel
 *
 * Lookups that wait for upstream are bounded per guest, per port and in all. At a bound the guest's
 * oldest lookup, if it has waited for DNS_PATIENCE, is ended for the new one, so names that nobody
 * answers do not block others. A lookup that is ended or refused is answered SERVFAIL, so that its
 * client goes on at once.
 */
struct dns;
struct dns_name;
struct dns_zone;
struct network;
struct user_config;

/* Where a UDP answer goes: filled in by the caller, copied, passed back with the answer. */
struct dns_client {
	mac_t mac;
	unsigned port_id;            /* port::id: the port may be gone when the answer comes */
	uint16_t src_port, dst_port; /* host order; the guest's, and 53 */
	struct in6_addr src, dst;    /* the guest's and ours; both v4-mapped, or both IPv6 */
};

/* Names that are not the network's own: what happens to the query. */
enum dns_leave {
	DNS_LEAVE,          /* it is asked upstream */
	DNS_LEAVE_BARE,     /* without EDNS options and records: only the name leaves the host */
	DNS_LEAVE_REFUSED,  /* REFUSED */
	DNS_LEAVE_NXDOMAIN, /* NXDOMAIN */
};

struct dns_ops {
	/*
	 * Sends @message, borrowed for the call, to @client. Called from within dns_query_udp(), or
	 * later from the loop. Must not call the name server.
	 */
	void (*answer_udp)(void *data, const struct dns_client *client, const uint8_t *message,
			   size_t len);
	/*
	 * The host's search list is now @search (NULL-terminated, borrowed for the call). Called
	 * from within dns_new(), or later from the loop. May be NULL: not wanted. Never called with
	 * dns-host-search=off or restrict=on.
	 */
	void (*search_changed)(void *data, const char *const *search);
	/*
	 * May @client's query for @name leave? NULL: all may, or none with restrict=on. Must not
	 * call the name server, like has_address.
	 */
	enum dns_leave (*may_leave)(void *data, const struct dns_client *client,
				    const struct dns_name *name);
	/*
	 * @client, who asked for @name, is about to be answered @addr (IPv4 v4-mapped) for @ttl
	 * seconds. NULL: not wanted.
	 */
	void (*has_address)(void *data, const struct dns_client *client,
			    const struct dns_name *name, const struct in6_addr *addr, uint32_t ttl);
};

/* Since the start. A query counts in exactly one of the fields after the first two. */
struct dns_stats {
	uint64_t queries_udp, queries_tcp;
	uint64_t local;     /* answered from the zone */
	uint64_t cached;    /* from the cache */
	uint64_t forwarded; /* sent upstream */
	uint64_t shared;    /* joined an equal query under way */
	uint64_t refused;   /* malformed or refused: answered with an error */
	uint64_t dropped;   /* over a bound: SERVFAIL or no answer; not a query: no answer */

	uint64_t failed;         /* of forwarded and shared: SERVFAIL, no server answered */
	uint64_t displaced;      /* of forwarded and shared: SERVFAIL, ended for newer ones */
	uint64_t timeouts;       /* a server did not answer in time, another was asked */
	uint64_t upstream_sent;  /* queries sent to servers, repetitions included */
	uint64_t upstream_bad;   /* answers that did not match their question */
	uint64_t truncated;      /* cut to the client's size */
	uint64_t tcp_displaced;  /* connections closed: no room, or answers not taken */
	uint64_t config_changes; /* the host's name servers changed */
	unsigned outstanding;    /* clients waiting now */
	unsigned cache_entries, tcp_connections;
	size_t cache_bytes, tcp_bytes;
};

/* Clients waiting for upstream: in all, of one port, of one MAC address at one port. */
#define DNS_MAX_OUTSTANDING 4096
#define DNS_MAX_PER_PORT    1024
#define DNS_MAX_PER_GUEST   limit_get(LIMIT_DNS_QUERIES)
/* The last DNS_RESERVE places are for ports with fewer than DNS_RESERVE_EACH clients waiting. */
#define DNS_RESERVE      1024
#define DNS_RESERVE_EACH 32
#define DNS_PATIENCE     (500 * USEC_PER_MSEC)
#define DNS_REFUSALS     1024 /* refusals answered to a guest per second; then no answer */

/*
 * Reads resolv.conf. @config (resolved), @network and @ops must outlive it. Errors name the wrong
 * key of `user`.
 */
struct dns *dns_new(struct network *network, const struct user_config *config,
		    const struct dns_ops *ops, void *data, GError **error);
/*
 * The host's network has changed: sockets are opened anew, waiting lookups sent again, and answers
 * from before are forgotten.
 */
void dns_host_changed(struct dns *dns);
/* Waiting queries are not answered. */
void dns_free(struct dns *dns);

/* @message: the UDP payload, @len bytes, borrowed. */
void dns_query_udp(struct dns *dns, const struct dns_client *client, const uint8_t *message,
		   size_t len, usec_t now);
/*
 * A guest's connection to port 53: @fd is a connected non-blocking stream socket, always taken
 * over. False: it was closed at once. @client: the guest; its ports are ignored.
 */
bool dns_take_tcp(struct dns *dns, int fd, const struct dns_client *client);

/* Add and remove live records there: dns_zone_add(), dns_zone_remove(). */
struct dns_zone *dns_zone_of(struct dns *dns);
void dns_stats(const struct dns *dns, struct dns_stats *stats);
/*
 * The servers in use, "127.0.0.53", "/corp.example/10.1.1.1#5353"; NULL-terminated, newly
 * allocated.
 */
char **dns_servers(const struct dns *dns);
/* The host's search list, NULL-terminated; NULL with dns-server=. Borrowed. */
const char *const *dns_search(const struct dns *dns);

#endif
