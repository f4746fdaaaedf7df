/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_FWD_TABLE_H
#define USERNET_FWD_TABLE_H

#include "base/list.h"
#include "fwd/rule.h"

/*
 * The forwards of one `user` netdev. The table owns the rules. fwd_backend does the listening (the
 * NAT, through the table's creator), so this folder does not depend on the data plane.
 *
 * A rule is an entry with one or more listeners: one per port of a range, times two for "*" and
 * "localhost". An entry has all of its listeners or does not exist.
 *
 * A rule that names a guest stays one rule: the entry keeps the name, and its listeners lead to the
 * name's current address. fwd_table_guest_moved() reports a change; the listeners stay bound and
 * clients stay connected.
 */
struct fwd_table;
struct fwd_entry;

struct fwd_listener {
	const struct fwd_entry *entry; /* its rule has protocol and options */
	struct sockaddr_any bound;     /* the listening address: inet, inet6 or unix */
	/*
	 * The guest's address and port; of bound's family if the guest has one. The any address:
	 * the name has no address yet.
	 */
	struct sockaddr_any guest;
	void *data; /* private to the backend; NULL before bind */
};

/* The addresses of a name; 0: no such address (yet). */
struct fwd_guest {
	struct in_addr v4;
	struct in6_addr v6;
};

struct fwd_backend {
	/*
	 * Listens at @listener->bound, and stores the port chosen for port 0 there. Refuses rules
	 * that it cannot serve, with a reason.
	 */
	bool (*bind)(void *data, struct fwd_listener *listener, GError **error);
	void (*unbind)(void *data, struct fwd_listener *listener);
	/*
	 * @listener->guest has changed from @from. The socket stays, and so do connections that
	 * can. Never called when resolve is NULL.
	 */
	void (*retarget)(void *data, struct fwd_listener *listener,
			 const struct sockaddr_any *from);
	/*
	 * Looks up the guest @name (lower case). False: rules may not use the name; @error says
	 * why. NULL: names are not supported.
	 */
	bool (*resolve)(void *data, const char *name, struct fwd_guest *guest, GError **error);
	/* @entry was removed from the table; it is intact but has no listeners. May be NULL. */
	void (*removed)(void *data, const struct fwd_entry *entry);
};

struct fwd_entry {
	struct fwd_rule rule;      /* guest: the address of the first listener */
	struct sockaddr_any bound; /* address of the first listener: the rule's first port */
	struct fwd_listener *listeners;
	unsigned n_listeners;
	struct list link; // fwd_table::entries
};

/* @guest_default: guest address of rules that name none (the DHCP start address). */
struct fwd_table *fwd_table_new(const struct fwd_backend *backend, void *data,
				struct in_addr guest_default);
/* Unbinds all listeners. */
void fwd_table_free(struct fwd_table *table);
/*
 * Adds a rule. NULL: nothing is bound, and the error is "Could not set up host forwarding rule
 * 'RULE': " and what uses the port. FWD_ERROR_IN_USE for a rule that overlaps with one of the table
 * (the any address overlaps with every other of its family), else the backend's domain and code.
 */
const struct fwd_entry *fwd_table_add(struct fwd_table *table, const struct fwd_rule *rule,
				      GError **error);
/*
 * Removes a rule by its host side: protocol, address and ports, as in the rule or as bound. One
 * port of a range does not match the range. An empty address also matches the address that a rule
 * for an IPv6 guest got as default. False: not found.
 */
bool fwd_table_remove(struct fwd_table *table, const struct fwd_rule *host);
/* The rule with its actual port, by fwd_rule_format(). */
char *fwd_entry_format(const struct fwd_entry *entry);
struct list *fwd_table_entries(struct fwd_table *table); // heads fwd_entry::link

/*
 * The guest @name (lower case) has new addresses, or (0) none any more. Returns the number of
 * listeners whose guest address changed.
 */
unsigned fwd_table_guest_moved(struct fwd_table *table, const char *name,
			       const struct fwd_guest *guest);
/* The same for all names, one lookup per rule; cheap enough for every change of a guest. */
unsigned fwd_table_follow(struct fwd_table *table);
/* Number of rules that use @name (lower case). */
unsigned fwd_table_guest_uses(const struct fwd_table *table, const char *name);

#endif
