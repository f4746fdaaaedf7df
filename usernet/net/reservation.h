/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_RESERVATION_H
#define USERNET_NET_RESERVATION_H

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "base/list.h"
#include "net/frame.h"

/*
 * Guests that the configuration knows by name (--guest): each has a MAC address, given or derived
 * from network and name (net/mac.h), an IPv4 address, given or taken from the pool as soon as
 * there is one, and maybe the netdev it must be at. Others may use neither name nor address, and
 * at another netdev not the MAC.
 *
 * A reservation may come before the network has a gateway; its address is then settled when the
 * gateway comes. Both come and go live.
 */
struct reservation_table;

#define RESERVATION_MAX 16384 /* as many as there may be guests (net/guest.h) */

struct reservation {
	char *name; /* RFC 1123 label in lower case; owned */
	mac_t mac;
	bool mac_given;
	struct in_addr addr; /* 0: there is no pool yet, or none left in it */
	bool addr_given;
	char *netdev;     /* id of the netdev it must be at; owned, NULL: any */
	struct list link; // reservation_table::all
};

/* What --guest says; 0 and NULL where it says nothing. */
struct reservation_spec {
	const char *name;
	mac_t mac;
	struct in_addr addr;
	const char *netdev;
};

/*
 * Whoever gives out addresses. On a reservation that comes, admit of each is asked in turn: it
 * says what is wrong with the address, or gives one when it is 0. Then all are told.
 */
struct reservation_observer {
	/* May be NULL, as the others. False: @error is set, and the reservation is not made. */
	bool (*admit)(struct reservation_observer *observer, struct reservation *reservation,
		      GError **error);
	void (*added)(struct reservation_observer *observer, const struct reservation *reservation);
	/* Still whole; gone after the call. Also for one that another observer then refused. */
	void (*removed)(struct reservation_observer *observer,
			const struct reservation *reservation);
	struct list link; // reservation_table::observers
};

/* @network names the network, for derived MAC addresses. */
struct reservation_table *reservation_table_new(const char *network);
/* Observers are not told. */
void reservation_table_free(struct reservation_table *table);
void reservation_observe(struct reservation_table *table, struct reservation_observer *observer);

/* NULL: the name is not one, or name, MAC or address are another's, or an observer refused. */
const struct reservation *reservation_add(struct reservation_table *table,
					  const struct reservation_spec *spec, GError **error);
/* False: there is none of that name. */
bool reservation_remove(struct reservation_table *table, const char *name);

/* NULL when there is none. Case-insensitive. */
const struct reservation *reservation_by_name(const struct reservation_table *table,
					      const char *name);
const struct reservation *reservation_by_mac(const struct reservation_table *table, mac_t mac);
const struct reservation *reservation_by_v4(const struct reservation_table *table,
					    struct in_addr addr);
struct list *reservation_list(struct reservation_table *table); // heads reservation::link
unsigned reservation_count(const struct reservation_table *table);

/* May @mac use @addr; may it go by @name; may it be at a netdev of that id? */
bool reservation_allows_v4(const struct reservation_table *table, mac_t mac, struct in_addr addr);
bool reservation_allows_name(const struct reservation_table *table, mac_t mac, const char *name);
bool reservation_allows_netdev(const struct reservation_table *table, mac_t mac,
			       const char *netdev);

/*
 * For whoever learns of a pool later: settles @reservation's address, which was 0. False when it is
 * another's.
 */
bool reservation_set_v4(struct reservation_table *table, const struct reservation *reservation,
			struct in_addr addr);

#endif
