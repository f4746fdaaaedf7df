/* SPDX-License-Identifier: BSD-3-Clause */
#include "svc/nat_budget.h"

#include <glib.h>

void nat_budget_init(struct nat_budget *budget)
{
	rlim_t usable;

	if (getrlimit(RLIMIT_NOFILE, &budget->limit) < 0)
		budget->limit = (struct rlimit){1024, 1024};
	usable = MIN(budget->limit.rlim_cur, 1 << 20);
	usable -= MIN(NAT_FDS_RESERVE, usable / 4);
	budget->total = (unsigned)usable;
	budget->guest = (unsigned)MIN(usable, MAX(NAT_FDS_GUEST_MIN, usable / NAT_FDS_GUEST_SHARE));
}

void nat_budget_clamp(const struct nat_budget *budget)
{
	struct rlimit none = {0, budget->limit.rlim_max};

	setrlimit(RLIMIT_NOFILE, &none);
}

void nat_budget_unclamp(const struct nat_budget *budget)
{
	setrlimit(RLIMIT_NOFILE, &budget->limit);
}
