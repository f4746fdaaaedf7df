/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_SVC_NAT_BUDGET_H
#define USERNET_SVC_NAT_BUDGET_H

#include <stdbool.h>
#include <sys/resource.h>

/*
 * How many descriptors the NAT may hold: for one guest address, so that it cannot starve the
 * others, and in all, so that the rest of the process always finds some (RLIMIT_NOFILE less a
 * reserve).
 */
#define NAT_FDS_RESERVE 256 /* for ports, control and files; a quarter of a small limit */
#define NAT_FDS_GUEST_MIN                                                                          \
	128                   /* a guest may hold so many, or GUEST_SHARE of all if that is more   \
			       */
#define NAT_FDS_GUEST_SHARE 4 /* 1/4 */

struct nat_budget {
	unsigned total, guest;
	struct rlimit limit; /* what the process has */
};

/* Reads the limit as it is now. */
void nat_budget_init(struct nat_budget *budget);

/* May a guest that holds @held of @all descriptors open one more? */
static inline bool nat_budget_allows(const struct nat_budget *budget, unsigned held, unsigned all)
{
	return held < budget->guest && all < budget->total;
}

/* Between the two no descriptor can be opened: socket() fails with EMFILE. */
void nat_budget_clamp(const struct nat_budget *budget);
void nat_budget_unclamp(const struct nat_budget *budget);

#endif
