/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DNS_SERVER_H
#define USERNET_DNS_SERVER_H

#include <glib.h>
#include <stdbool.h>

#include "base/sockaddr.h"
#include "packet/dns_name.h"

/*
 * Which name servers there are, as somebody wrote it: `dns-server=`, or resolv.conf. Plain data.
 */
#define DNS_PORT        53
#define DNS_SERVERS_MAX 32 /* of one list */
#define DNS_SEARCH_MAX  16

struct dns_server {
	struct dns_name domain; /* asked for names in it only; the root: for all */
	struct sockaddr_any addr;
};

/*
 * "ADDR", "ADDR#PORT", "/domain/ADDR", "/domain/ADDR#PORT"; ADDR IPv4 or IPv6, with %scope where it
 * needs one; 0.0.0.0 and :: are this host's loopback. Errors quote @text and say what would be
 * right.
 */
bool dns_server_parse(struct dns_server *server, const char *text, GError **error);
/* As it would be written. Newly allocated. */
char *dns_server_format(const struct dns_server *server);
bool dns_server_equal(const struct dns_server *a, const struct dns_server *b);

/*
 * The servers of resolv.conf(5), @text with @len bytes: all of them, lines that make no sense left
 * out. Without any it is 127.0.0.1, as there. A GArray of struct dns_server.
 */
GArray *dns_servers_from_resolv_conf(const char *text, size_t len);
/*
 * Its search list (`search`, `domain`), at most DNS_SEARCH_MAX names; NULL-terminated, owned by the
 * caller.
 */
char **dns_search_from_resolv_conf(const char *text, size_t len);
/* A stub on this host, whose own servers may change without a word. */
bool dns_server_is_loopback(const struct dns_server *server);
/* @words: NULL-terminated, dns_server_parse() each. NULL and @error when one is wrong. */
GArray *dns_servers_from_words(const char *const *words, GError **error);
bool dns_servers_equal(const GArray *a, const GArray *b);

#endif
