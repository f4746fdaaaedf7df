/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_FWD_TABLE_H
#define USERNET_FWD_TABLE_H

#include "base/list.h"
#include "fwd/rule.h"

/*
 * The forwards of one `user` netdev. The table owns the rules; who listens is behind
 * fwd_backend (the NAT, by way of the one who made the table), so that this folder knows no
 * libslirp.
 *
 * A rule is one listener and one guest. Ranges of ports become several rules before they come here,
 * guest names addresses.
 */
struct fwd_table;

struct fwd_backend {
	/* Listens for @rule; *@bound is where, with the port that was chosen. */
	bool (*bind)(void *data, const struct fwd_rule *rule, struct sockaddr_any *bound,
		     GError **error);
	void (*unbind)(void *data, const struct fwd_rule *rule, const struct sockaddr_any *bound);
};

struct fwd_entry {
	struct fwd_rule rule;      /* guest address resolved */
	struct sockaddr_any bound; /* where it listens */
	struct list link;          // fwd_table::entries
};

/* @guest_default: for rules that name no guest (the DHCP start address). */
struct fwd_table *fwd_table_new(const struct fwd_backend *backend, void *data,
				struct in_addr guest_default);
/* Unbinds all. */
void fwd_table_free(struct fwd_table *table);
/*
 * NULL: "Could not set up host forwarding rule 'RULE': who or what holds the port".
 * FWD_ERROR_IN_USE for a rule that overlaps with one of the table (the any address with every other
 * of its family), else the backend's domain and code.
 */
const struct fwd_entry *fwd_table_add(struct fwd_table *table, const struct fwd_rule *rule,
				      GError **error);
/* By protocol and host address and port (the rule's, or where it is bound). False: not found. */
bool fwd_table_remove(struct fwd_table *table, const struct fwd_rule *host);
struct list *fwd_table_entries(struct fwd_table *table); // heads fwd_entry::link

#endif
