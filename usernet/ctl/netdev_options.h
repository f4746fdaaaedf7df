/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_NETDEV_OPTIONS_H
#define USERNET_CTL_NETDEV_OPTIONS_H

#include "ctl/attachment.h"
#include "ctl/optstr.h"

/*
 * One file per kind turns checked options into the kind's configuration and calls its constructor.
 * A builder sets netdev, role and addr of the attachment, whose opts stay for as long as the
 * netdev.
 */
struct netdev_kind {
	const char *name;
	const struct opt_spec *specs;
	/* What can be said of the options before anything is opened; build says it too. */
	bool (*check)(const struct optstr *opts, GError **error);
	bool (*build)(struct attachment *attachment, struct network *network, struct fd_source *fds,
		      GError **error);
};

extern const struct netdev_kind netdev_kind_user;   /* options_user.c */
extern const struct netdev_kind netdev_kind_stream; /* options_stream.c */
extern const struct netdev_kind netdev_kind_dgram;  /* options_dgram.c */
extern const struct netdev_kind netdev_kind_socket; /* options_socket.c */

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

/* NULL and CTL_ERROR_USAGE: the options do not say which, or one that there is not. */
const struct netdev_kind *netdev_kind_of(const struct optstr *opts, GError **error);

/* A lower layer found the words wrong: the error is CTL_ERROR_USAGE from now on. Returns false. */
bool netdev_options_blame(GError **error);

#endif
