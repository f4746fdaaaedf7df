/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CONNTRACK_CONN_TABLE_PRIV_H
#define USERNET_CONNTRACK_CONN_TABLE_PRIV_H

#include "conntrack/conn_table.h"

/*
 * Shared by the files of the table:
 *
 *     conn_table.c  conns by key, by class and by port; their timeouts
 *     conn_guest.c  conns by guest address
 */

/* The conns of one guest address, to end them when the guest leaves. */
struct conn_guest {
	struct in6_addr addr;
	mac_t mac;         /* of the guest that owns the conns */
	bool spoke;        /* the guest has opened a conn itself */
	usec_t gone;       /* when the guest left; 0: it is there */
	struct list conns; /* heads conn::guest_link */
	struct list link;  // conn_table::by_mac
};

/* A power of two. A port may have many guests, and guests that route many addresses. */
#define CONN_MAC_BUCKETS 4096

/* The conns of one port. */
struct conn_share {
	unsigned port_id, n;
	struct charge *charge;               /* a reference */
	struct list classes[CONN_N_CLASSES]; /* heads conn::share_link */
};

struct conn_table {
	struct charge_book *charges;
	struct conn **buckets;
	struct conn *cached; /* the conn found last */
	unsigned n;
	struct list classes[CONN_N_CLASSES]; /* heads conn::link */
	struct list idle;                    /* heads conn::link: unused conns */
	GPtrArray *slabs;
	GHashTable *guests;  /* struct in6_addr -> struct conn_guest, of addresses with conns */
	GHashTable *shares;  /* port id -> struct conn_share, of ports with conns */
	struct list *by_mac; /* CONN_MAC_BUCKETS, by conn_guest::mac; each heads conn_guest::link */
	unsigned n_gone;     /* guests that left and wait for their grace period to end */
	struct loop_timer timer;
};

/* Ends @conn but keeps the entry of its guest. */
void conn_unlink(struct conn_table *table, struct conn *conn);

/* conn_guest.c: the entry of @addr, made if there is none */
struct conn_guest *conn_guest_of(struct conn_table *table, const struct in6_addr *addr);
/* Its conns are @mac's from now on. */
void conn_guest_set_mac(struct conn_table *table, struct conn_guest *guest, mac_t mac);
/* Frees the entry if it has no conns. */
void conn_guest_forget(struct conn_table *table, struct conn_guest *guest);
/* Ends the conns of guests whose grace period is over. Returns when the next is due; 0: never. */
usec_t conn_guests_expire(struct conn_table *table, usec_t now);

#endif
