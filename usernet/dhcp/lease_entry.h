/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DHCP_LEASE_ENTRY_H
#define USERNET_DHCP_LEASE_ENTRY_H

#include "dhcp/lease.h"

/*
 * The inside of a pool, for lease.c and lease_reserve.c alone: entries, the state and the owner of
 * each, and the tables that find them.
 *
 * An entry exists for each address that was ever given or is reserved, so the addresses without one
 * are those behind the cursor. It is either live (offered, bound, declined: in a tree by the time
 * it ends, and in the list of its port) or ended (in a list, longest ago first). An ended entry may
 * have lost its client. A bound one of port 0, whose guest's port went or who was not seen since
 * this process began, is an orphan, too, and in the list of these.
 *
 * A reserved entry has its client by its MAC address alone, in a table of its own; ended, it is in
 * no list, so that nobody else finds it.
 */
struct entry {
	struct lease lease;
	bool owned;            /* is in lease_pool::by_client */
	GSequenceIter *live;   /* in lease_pool::live; NULL when ended */
	usec_t ends;           /* live: lease.expires, or sooner while it is not known to be used */
	usec_t bound_at;       /* bound: when its client got it */
	bool used;             /* somebody was heard with it, or it is not asked */
	struct list link;      // lease_pool::ended, lease_pool::orphans
	struct list port_link; // holder::entries
};

/* What a port holds. */
struct holder {
	struct list entries; /* heads entry::port_link, the oldest first */
	unsigned n;
};

struct lease_pool {
	uint32_t start, end; /* host order, as all addresses in here */
	uint64_t cursor;     /* the next never looked at; end + 1: none is left */
	struct in_addr *skip;
	unsigned n_skip; /* those of them between start and end */
	unsigned size, share;
	GHashTable *held;      /* set of addresses: lease_pool_hold() */
	GHashTable *by_addr;   /* address -> entry, which it owns */
	GHashTable *by_client; /* set of owned entries, by identifier or MAC */
	GHashTable *by_mac;    /* MAC -> the owned entry that it used last */
	GHashTable *reserved;  /* MAC -> reserved entry */
	GHashTable *holders;   /* port::id -> struct holder, which it owns */
	GSequence *live;
	struct list ended;   /* heads entry::link */
	struct list orphans; /* heads entry::link; the one whose port went first is first */
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

/* A client as the tables know it. */
struct who {
	struct entry key; /* only its lease's mac and client_id are set */
	unsigned port_id;
};

void who_init(struct who *who, const struct lease_client *client);

/* For GHashTable: keys are struct entry, by their lease's client; mac_t. Seeded. */
guint lease_client_hash(gconstpointer entry);
gboolean lease_client_equal(gconstpointer a, gconstpointer b);
guint lease_mac_hash(gconstpointer mac);

struct entry *entry_at(struct lease_pool *pool, struct in_addr addr);
struct entry *entry_new(struct lease_pool *pool, uint32_t addr);
unsigned entry_port_count(struct lease_pool *pool, unsigned port_id);
/* @entry becomes live, ending at @expires; counted to @port_id. */
void entry_begin(struct lease_pool *pool, struct entry *entry, enum lease_state state,
		 unsigned port_id, usec_t expires);
/* @entry, which is live, ends at @ends, if its lease does not sooner. */
void entry_ends_at(struct lease_pool *pool, struct entry *entry, usec_t ends);
/* @entry, which is live, is at @port_id from now on. */
void entry_move(struct lease_pool *pool, struct entry *entry, unsigned port_id);
struct holder *entry_holder(const struct lease_pool *pool, unsigned port_id);
void entry_end(struct lease_pool *pool, struct entry *entry);
/* As entry_end, without the client's doing: whoever observes ends is told. */
void entry_lapse(struct lease_pool *pool, struct entry *entry);
/* Nothing for a reserved one, which keeps its client. */
void entry_disown(struct lease_pool *pool, struct entry *entry);
/* A reserved one only notes the identifier. */
void entry_own(struct lease_pool *pool, struct entry *entry, const struct who *who);
/* Whoever observes changes is told. */
void entry_changed(struct lease_pool *pool, const struct entry *entry);
/*
 * An entry that nobody holds, reserves or uses without asking: not yet given, ended, or an orphan
 * that ends by it. NULL: there is none.
 */
struct entry *entry_take_free(struct lease_pool *pool, struct in_addr wanted, mac_t mac,
			      usec_t now);
/* Is @entry's address used by another than @mac without a lease? Then it rests. */
bool entry_is_squatted(struct lease_pool *pool, struct entry *entry, mac_t mac, usec_t now);

#endif
