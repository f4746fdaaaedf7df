/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_NETDEV_KIND_H
#define USERNET_CTL_NETDEV_KIND_H

#include "ctl/attachment.h"
#include "ctl/options/optstr.h"

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

/* All of them, NULL-terminated. */
extern const struct netdev_kind *const netdev_kinds[];
/* NULL and ERROR_USAGE: the options do not say which, or one that there is not. */
const struct netdev_kind *netdev_kind_of(const struct optstr *opts, GError **error);

#endif
