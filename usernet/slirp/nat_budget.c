/* SPDX-License-Identifier: BSD-3-Clause */
#include "slirp/nat_budget.h"

void nat_budget_init(struct nat_budget *budget, unsigned instances_max)
{
	rlim_t usable;

	*budget = (struct nat_budget){.instances_max = instances_max};
	if (getrlimit(RLIMIT_NOFILE, &budget->limit) < 0)
		budget->limit = (struct rlimit){1024, 1024};
	usable = MIN(budget->limit.rlim_cur, 1 << 20);
	usable -= MIN(NAT_FDS_RESERVE, usable / 4);
	budget->fds_max = (unsigned)usable;
	budget->shares = g_hash_table_new_full(NULL, NULL, NULL, g_free);
}

void nat_budget_fini(struct nat_budget *budget)
{
	g_hash_table_destroy(budget->shares);
}

/* Who holds little may use all there is, others what leaves the last quarter. */
static bool room(unsigned held, unsigned small, unsigned all, unsigned max)
{
	return all < (held < small ? max : max - max / NAT_SHARE_DENOMINATOR);
}

struct nat_share *nat_share_take(struct nat_budget *budget, unsigned port_id)
{
	struct nat_share *share = g_hash_table_lookup(budget->shares, GUINT_TO_POINTER(port_id));

	if (!room(share ? share->instances : 0, NAT_INSTANCES_SMALL, budget->instances,
		  budget->instances_max))
		return NULL;
	if (!share) {
		share = g_new0(struct nat_share, 1);
		share->port_id = port_id;
		g_hash_table_insert(budget->shares, GUINT_TO_POINTER(port_id), share);
	}
	share->instances++;
	budget->instances++;
	return share;
}

void nat_share_give_back(struct nat_budget *budget, struct nat_share *share)
{
	budget->instances--;
	if (--share->instances == 0)
		g_hash_table_remove(budget->shares, GUINT_TO_POINTER(share->port_id));
}

void nat_share_count_fds(struct nat_budget *budget, struct nat_share *share, int n)
{
	budget->fds += (unsigned)n;
	if (share)
		share->fds += (unsigned)n;
}

bool nat_share_allows(const struct nat_budget *budget, const struct nat_share *share)
{
	return room(share ? share->fds : 0, NAT_FDS_SMALL, budget->fds, budget->fds_max);
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
