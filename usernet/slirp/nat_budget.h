/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_SLIRP_NAT_BUDGET_H
#define USERNET_SLIRP_NAT_BUDGET_H

#include <glib.h>
#include <stdbool.h>
#include <sys/resource.h>

#include "tcp/offload_pool.h"

/*
 * What the guests behind one port may hold of the NAT: descriptors (each connection, UDP session
 * and ping is one) and instances (each source address is one). The last quarter of both is kept for
 * ports that hold little, so that a guest that takes all it can leaves room for the others; and the
 * process keeps a reserve of descriptors for itself.
 */
#define NAT_FDS_RESERVE       256 /* for ports, control and files; a quarter of a small limit */
#define NAT_FDS_SMALL         128 /* a port that holds fewer may use the last quarter */
#define NAT_INSTANCES_SMALL   64
#define NAT_SHARE_DENOMINATOR 4 /* the part kept: 1/4 */

/* One port's. */
struct nat_share {
	unsigned port_id;
	unsigned fds, instances;
	struct offload_share offload; /* which bounds it itself (offload.h) */
};

struct nat_budget {
	unsigned fds_max, instances_max;
	unsigned fds, instances; /* of all */
	GHashTable *shares;      /* port id -> struct nat_share, while it holds instances */
	struct rlimit limit;     /* what the process has */
};

/* Reads the limit as it is now. */
void nat_budget_init(struct nat_budget *budget, unsigned instances_max);
void nat_budget_fini(struct nat_budget *budget);

/*
 * An instance begins to belong to a port. NULL: the port, or the NAT, has all it may. The share is
 * good until it is given back.
 */
struct nat_share *nat_share_take(struct nat_budget *budget, unsigned port_id);
void nat_share_give_back(struct nat_budget *budget, struct nat_share *share);
/* @share may be NULL: of a forward whose guest is not there yet. Negative @n: closed. */
void nat_share_count_fds(struct nat_budget *budget, struct nat_share *share, int n);
/* May one more descriptor be opened for @share? */
bool nat_share_allows(const struct nat_budget *budget, const struct nat_share *share);

/* Between the two no descriptor can be opened: socket() fails with EMFILE. */
void nat_budget_clamp(const struct nat_budget *budget);
void nat_budget_unclamp(const struct nat_budget *budget);

#endif
