/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_NETDEV_KIND_H
#define USERNET_CTL_NETDEV_KIND_H

#include "ctl/attachment.h"
#include "ctl/options/optstr.h"

/*
 * Each kind has a file that turns checked options into the kind's configuration and calls its
 * constructor. build sets netdev, role and addr of the attachment, whose opts stay valid as long as
 * the netdev.
 */
struct netdev_kind {
	const char *name;
	const struct opt_spec *specs;
	/* Checks the options without opening anything; build does the same checks. */
	bool (*check)(const struct optstr *opts, GError **error);
	bool (*build)(struct attachment *attachment, struct network *network, struct fd_source *fds,
		      GError **error);
};

extern const struct netdev_kind netdev_kind_user;   /* netdev_user.c */
extern const struct netdev_kind netdev_kind_stream; /* netdev_stream.c */
extern const struct netdev_kind netdev_kind_dgram;  /* netdev_dgram.c */
extern const struct netdev_kind netdev_kind_socket; /* netdev_socket.c */
extern const struct netdev_kind netdev_kind_tap;    /* netdev_tap.c */
extern const struct netdev_kind netdev_kind_vde;    /* netdev_vde.c */
extern const struct netdev_kind netdev_kind_vxlan;  /* netdev_vxlan.c */

/* The command that helper= or br= of a tap needs, newly allocated; NULL: none. */
char *netdev_tap_command(const struct optstr *opts);

/* All of them, NULL-terminated. */
extern const struct netdev_kind *const netdev_kinds[];
/* NULL and ERROR_USAGE: the type is missing or unknown. */
const struct netdev_kind *netdev_kind_of(const struct optstr *opts, GError **error);

#endif
