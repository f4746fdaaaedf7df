/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_OPTIONS_ADDRESS_H
#define USERNET_CTL_OPTIONS_ADDRESS_H

#include "base/sockaddr.h"
#include "ctl/options/optstr.h"

/* A socket address as QEMU's SocketAddress: PREFIX.type=unix|inet|fd and its keys. */
enum address_type { ADDRESS_NONE, ADDRESS_UNIX, ADDRESS_INET, ADDRESS_FD };
struct address {
	enum address_type type;
	struct sockaddr_any addr;
	const char *fd_name; /* ADDRESS_FD: borrowed from the options */
};
/* The keys of PREFIX "addr"; others are made of them alike. */
#define ADDRESS_SPECS(prefix)                                                                      \
	{.key = prefix ".type"}, {.key = prefix ".path"},                                          \
		{.key = prefix ".abstract", .type = OPT_BOOL},                                     \
		{.key = prefix ".host", .flags = OPT_EMPTY}, {.key = prefix ".port"},              \
	{                                                                                          \
		.key = prefix ".str"                                                               \
	}
/* ADDRESS_NONE when no key of @prefix is there. */
bool address_parse(struct address *out, const struct optstr *opts, const char *prefix,
		   GError **error);
/* "host:port", "[::1]:port", ":port"; errors name @key. */
bool address_parse_host_port(struct sockaddr_any *out, const char *key, const char *text,
			     GError **error);

/*
 * A stream server on port 0: binds *@addr and writes the port that the kernel chose into it, for
 * the line to give QEMU; *@fd listens. Other addresses are left to the link: *@fd stays as it is.
 */
bool address_bind_port_0(struct sockaddr_any *addr, int *fd, GError **error);

#endif
