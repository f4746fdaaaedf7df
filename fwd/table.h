/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_FWD_TABLE_H
#define USERNET_FWD_TABLE_H

#include "base/list.h"
#include "fwd/rule.h"

/*
 * The forwards of one `user` netdev. The table owns the rules; who listens is behind fwd_backend
 * (the NAT, by way of the one who made the table), so that this folder knows no data plane.
 *
 * A rule is an entry, and an entry is one listener or several: one for each port of a range, times
 * two for "*" and "localhost". An entry has all of its listeners or does not exist.
 *
 * A rule by name stays one: the entry keeps the name, and its listeners lead to wherever the name
 * is. fwd_table_guest_moved() says when that changes; listeners are not bound anew then, and their
 * clients need not notice.
 */
struct fwd_table;
struct fwd_entry;

struct fwd_listener {
	const struct fwd_entry *entry; /* its rule has protocol and options */
	struct sockaddr_any bound;     /* where it listens: inet, inet6 or unix */
	/*
	 * Where it leads, with the port; of bound's family where the guest has such an address. The
	 * any address: a name that has none yet.
	 */
	struct sockaddr_any guest;
	void *data; /* the backend's own; NULL before bind */
};

/* Where a name is; 0: no such address (yet). */
struct fwd_guest {
	struct in_addr v4;
	struct in6_addr v6;
};

struct fwd_backend {
	/*
	 * Listens at @listener->bound, and puts the port there that was chosen for port 0. Rules
	 * that it cannot serve it refuses, saying why.
	 */
	bool (*bind)(void *data, struct fwd_listener *listener, GError **error);
	void (*unbind)(void *data, struct fwd_listener *listener);
	/*
	 * @listener->guest is another now; it was @from. The socket stays, and so do connections
	 * for which that makes sense. Never called when resolve is NULL.
	 */
	void (*retarget)(void *data, struct fwd_listener *listener,
			 const struct sockaddr_any *from);
	/*
	 * Where is the guest called @name (lower case)? False: rules may not mention it, and @error
	 * says why. NULL: names are not served.
	 */
	bool (*resolve)(void *data, const char *name, struct fwd_guest *guest, GError **error);
	/* @entry, still whole but without its listeners, is no longer in the table. May be NULL. */
	void (*removed)(void *data, const struct fwd_entry *entry);
};

struct fwd_entry {
	struct fwd_rule rule;      /* guest: where the first listener leads */
	struct sockaddr_any bound; /* where the first listener is: the rule's first port */
	struct fwd_listener *listeners;
	unsigned n_listeners;
	struct list link; // fwd_table::entries
};

/* @guest_default: for rules that name no guest (the DHCP start address). */
struct fwd_table *fwd_table_new(const struct fwd_backend *backend, void *data,
				struct in_addr guest_default);
/* Unbinds all. */
void fwd_table_free(struct fwd_table *table);
/*
 * NULL: "Could not set up host forwarding rule 'RULE': who or what holds the port", and nothing is
 * bound. FWD_ERROR_IN_USE for a rule that overlaps with one of the table (the any address with
 * every other of its family), else the backend's domain and code.
 */
const struct fwd_entry *fwd_table_add(struct fwd_table *table, const struct fwd_rule *rule,
				      GError **error);
/*
 * By the host's side: protocol, address and ports, as in the rule or as bound; one port out of a
 * range is not that rule. An address left out is also the one that a rule for an IPv6 guest got in
 * its place. False: not found.
 */
bool fwd_table_remove(struct fwd_table *table, const struct fwd_rule *host);
/* The rule with the port it really listens on: fwd_rule_format. */
char *fwd_entry_format(const struct fwd_entry *entry);
struct list *fwd_table_entries(struct fwd_table *table); // heads fwd_entry::link

/*
 * The guest called @name (lower case) has other addresses now, or (0) none any more. Returns how
 * many listeners lead elsewhere.
 */
unsigned fwd_table_guest_moved(struct fwd_table *table, const char *name,
			       const struct fwd_guest *guest);
/* The same for all names, each rule asking once: cheap enough for whenever a guest changes. */
unsigned fwd_table_follow(struct fwd_table *table);
/* How many rules mention @name (lower case)? */
unsigned fwd_table_guest_uses(const struct fwd_table *table, const char *name);

#endif
