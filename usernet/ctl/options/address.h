/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_OPTIONS_ADDRESS_H
#define USERNET_CTL_OPTIONS_ADDRESS_H

#include "base/sockaddr.h"
#include "ctl/options/optstr.h"
#include "link/tcp_tune.h"

/*
 * A socket address in QEMU's SocketAddress form: PREFIX.type=unix|inet|fd and its keys, as of QEMU
 * 7.2 to 11.1 (QEMU qapi/sockets.json). A key that has no effect here is an error that says why.
 */
enum address_type { ADDRESS_NONE, ADDRESS_UNIX, ADDRESS_INET, ADDRESS_FD };

/* How an address is used decides which keys apply. */
enum address_use { ADDRESS_FOR_SERVER, ADDRESS_FOR_CLIENT, ADDRESS_FOR_DATAGRAMS };

struct address {
	enum address_type type;
	struct sockaddr_any addr;
	const char *fd_name; /* ADDRESS_FD: borrowed from the options */
	/* ADDRESS_INET of a server or client: */
	struct tcp_listen listen; /* .to, .ipv4 and .ipv6, .mptcp */
	struct tcp_keepalive keepalive;
};

#define ADDRESS_KEEPALIVE_MAX       32767 /* seconds; MAX_TCP_KEEPIDLE, linux/include/net/tcp.h */
#define ADDRESS_KEEPALIVE_COUNT_MAX 127   /* MAX_TCP_KEEPCNT */

/* The keys for PREFIX "addr"; other prefixes work alike. */
#define ADDRESS_SPECS(prefix)                                                                      \
	{.key = prefix ".type"}, {.key = prefix ".path"},                                          \
		{.key = prefix ".abstract", .type = OPT_BOOL},                                     \
		{.key = prefix ".tight", .type = OPT_BOOL},                                        \
		{.key = prefix ".host", .flags = OPT_EMPTY}, {.key = prefix ".port"},              \
		{.key = prefix ".to", .type = OPT_NUMBER, .min = 0, .max = 65535},                 \
		{.key = prefix ".ipv4", .type = OPT_BOOL},                                         \
		{.key = prefix ".ipv6", .type = OPT_BOOL},                                         \
		{.key = prefix ".numeric", .type = OPT_BOOL},                                      \
		{.key = prefix ".mptcp", .type = OPT_BOOL},                                        \
		{.key = prefix ".keep-alive", .type = OPT_BOOL},                                   \
		{.key = prefix ".keep-alive-count",                                                \
		 .type = OPT_NUMBER,                                                               \
		 .min = 0,                                                                         \
		 .max = ADDRESS_KEEPALIVE_COUNT_MAX},                                              \
		{.key = prefix ".keep-alive-idle",                                                 \
		 .type = OPT_NUMBER,                                                               \
		 .min = 0,                                                                         \
		 .max = ADDRESS_KEEPALIVE_MAX},                                                    \
		{.key = prefix ".keep-alive-interval",                                             \
		 .type = OPT_NUMBER,                                                               \
		 .min = 0,                                                                         \
		 .max = ADDRESS_KEEPALIVE_MAX},                                                    \
	{                                                                                          \
		.key = prefix ".str"                                                               \
	}
/* Returns ADDRESS_NONE when there is no key of @prefix. */
bool address_parse(struct address *out, const struct optstr *opts, const char *prefix,
		   enum address_use use, GError **error);
/* "host:port", "[::1]:port", ":port"; errors name @key. */
bool address_parse_host_port(struct sockaddr_any *out, const char *key, const char *text,
			     GError **error);

/*
 * For a TCP server: *@fd gets a listening socket, and @addr the bound port, for the QEMU command
 * line. For other addresses, which the link opens, *@fd is unchanged.
 */
bool address_listen(struct sockaddr_any *addr, const struct tcp_listen *options, int *fd,
		    GError **error);

#endif
