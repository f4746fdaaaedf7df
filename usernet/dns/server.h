/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DNS_SERVER_H
#define USERNET_DNS_SERVER_H

#include <glib.h>
#include <stdbool.h>

#include "base/sockaddr.h"
#include "packet/dns_name.h"

/* Parses lists of name servers: `dns-server=` and resolv.conf. Plain data. */
#define DNS_PORT        53
#define DNS_SERVERS_MAX 32 /* per list */
#define DNS_SEARCH_MAX  16

struct dns_server {
	struct dns_name domain; /* asked only for names in it; the root: for all */
	struct sockaddr_any addr;
};

/*
 * "ADDR", "ADDR#PORT", "/domain/ADDR", "/domain/ADDR#PORT"; ADDR is IPv4 or IPv6, with %scope if
 * needed; 0.0.0.0 and :: are this host's loopback. Errors quote @text and say what is right.
 */
bool dns_server_parse(struct dns_server *server, const char *text, GError **error);
/* The text that dns_server_parse() reads. Newly allocated. */
char *dns_server_format(const struct dns_server *server);
bool dns_server_equal(const struct dns_server *a, const struct dns_server *b);

/*
 * The servers of resolv.conf(5), @text with @len bytes: all of them; invalid lines are skipped.
 * Without any it is 127.0.0.1, as in resolv.conf(5). A GArray of struct dns_server.
 */
GArray *dns_servers_from_resolv_conf(const char *text, size_t len);
/*
 * Its search list (`search`, `domain`), at most DNS_SEARCH_MAX names; NULL-terminated, owned by the
 * caller.
 */
char **dns_search_from_resolv_conf(const char *text, size_t len);
/* Is it a stub on this host, whose own servers may change unnoticed? */
bool dns_server_is_loopback(const struct dns_server *server);
/* @words: NULL-terminated, parsed by dns_server_parse(). NULL and @error: one is wrong. */
GArray *dns_servers_from_words(const char *const *words, GError **error);
bool dns_servers_equal(const GArray *a, const GArray *b);

#endif
