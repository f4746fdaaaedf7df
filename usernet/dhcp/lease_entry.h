/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DHCP_LEASE_ENTRY_H
#define USERNET_DHCP_LEASE_ENTRY_H

#include "dhcp/lease.h"

/*
 * The inside of a pool, for lease.c and lease_reserve.c only: entries, their states and owners, and
 * the tables that find them.
 *
 * An entry exists for each address that was ever given or is reserved; addresses without one are
 * those at or after the cursor. An entry is live (offered, bound or declined: in a tree by the time
 * it ends, and in its port's list) or ended (in a list, longest ago first). An ended entry may have
 * lost its client. A bound entry of port 0, whose guest's port went or was not seen since this
 * process began, is an orphan too, and in the list of orphans.
 *
 * A reserved entry is found by its client's MAC address in a table of its own; when ended it is in
 * no list, so that nobody else gets it.
 */
struct entry {
	struct lease lease;
	bool owned;            /* is in lease_pool::by_client */
	GSequenceIter *live;   /* in lease_pool::live; NULL if ended */
	usec_t ends;           /* if live: lease.expires, or earlier while not known to be used */
	usec_t bound_at;       /* bound: when the client got it */
	bool used;             /* its use was seen, or is not checked */
	struct list link;      // lease_pool::ended, lease_pool::orphans
	struct list port_link; // holder::entries
};

/* The entries of a port. */
struct holder {
	struct list entries; /* heads entry::port_link, the oldest first */
	unsigned n;
};

struct lease_pool {
	uint32_t start, end; /* host order, as all addresses here */
	uint64_t cursor;     /* the next never examined; end + 1: none is left */
	struct in_addr *skip;
	unsigned n_skip; /* of skip, those between start and end */
	unsigned size, share;
	GHashTable *held;      /* set of addresses given to lease_pool_hold() */
	GHashTable *by_addr;   /* address -> entry; owns it */
	GHashTable *by_client; /* set of owned entries, by identifier or MAC */
	GHashTable *by_mac;    /* MAC -> the entry that it owned last */
	GHashTable *reserved;  /* MAC -> reserved entry */
	GHashTable *holders;   /* port::id -> struct holder; owns it */
	GSequence *live;
	struct list ended;   /* heads entry::link */
	struct list orphans; /* heads entry::link; the one whose port went first comes first */
	const char *why;
	unsigned n_bound;
	void (*on_end)(void *data, const struct lease *lease);
	void *on_end_data;
	void (*on_change)(void *data, const struct lease *lease);
	void *on_change_data;
	bool (*in_use)(void *data, struct in_addr addr, mac_t mac);
	void *in_use_data;
	bool (*heard)(void *data, const struct lease *lease, usec_t since);
	void *heard_data;
};

/* A client, as the tables key it. */
struct who {
	struct entry key; /* only its lease's mac and client_id are set */
	unsigned port_id;
	bool uplink;
};

void who_init(struct who *who, const struct lease_client *client);

/* For GHashTable: keys are struct entry, by their lease's client; mac_t. Seeded. */
guint lease_client_hash(gconstpointer entry);
gboolean lease_client_equal(gconstpointer a, gconstpointer b);
guint lease_mac_hash(gconstpointer mac);

struct entry *entry_at(struct lease_pool *pool, struct in_addr addr);
struct entry *entry_new(struct lease_pool *pool, uint32_t addr);
unsigned entry_port_count(struct lease_pool *pool, unsigned port_id);
/* Makes @entry live until @expires, counted to @port_id. */
void entry_begin(struct lease_pool *pool, struct entry *entry, enum lease_state state,
		 unsigned port_id, usec_t expires);
/* Ends @entry, which is live, at @ends, unless its lease ends earlier. */
void entry_ends_at(struct lease_pool *pool, struct entry *entry, usec_t ends);
/* Moves @entry, which is live, to @port_id. */
void entry_move(struct lease_pool *pool, struct entry *entry, unsigned port_id);
struct holder *entry_holder(const struct lease_pool *pool, unsigned port_id);
void entry_end(struct lease_pool *pool, struct entry *entry);
/* As entry_end(), without the client's doing: calls the observer of ends. */
void entry_lapse(struct lease_pool *pool, struct entry *entry);
/* Does nothing for a reserved entry, which keeps its client. */
void entry_disown(struct lease_pool *pool, struct entry *entry);
/* For a reserved entry, only notes the identifier. */
void entry_own(struct lease_pool *pool, struct entry *entry, const struct who *who);
/* Calls the observer of changes. */
void entry_changed(struct lease_pool *pool, const struct entry *entry);
/*
 * An entry not held, reserved or in use without a lease: never given, ended, or an orphan, which
 * ends by this. NULL: there is none.
 */
struct entry *entry_take_free(struct lease_pool *pool, struct in_addr wanted, mac_t mac,
			      usec_t now);
/* Does another than @mac use @entry's address without a lease? It rests then. */
bool entry_is_squatted(struct lease_pool *pool, struct entry *entry, mac_t mac, usec_t now);

#endif
