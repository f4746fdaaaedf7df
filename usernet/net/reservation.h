/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_RESERVATION_H
#define USERNET_NET_RESERVATION_H

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "base/list.h"
#include "net/frame.h"
#include "net/outgoing.h"

/*
 * Guests named in the configuration (--guest). Each has a MAC address, given or derived from
 * network and name (net/mac.h); an IPv4 address, given or taken from the pool when there is one;
 * and optionally a netdev that it must use. Other guests may use neither its name nor its address;
 * at other netdevs its MAC is refused.
 *
 * A reservation may be added before the network has a gateway; its address is settled when the
 * gateway is added. Reservations can be added and removed at run time.
 */
struct reservation_table;

#define RESERVATION_MAX 16384 /* as many as guests (net/guest.h) */

struct reservation {
	char *name; /* RFC 1123 label in lower case; owned */
	mac_t mac;
	bool mac_given;
	struct in_addr addr; /* 0: there is no pool yet, or it is used up */
	bool addr_given;
	char *netdev; /* id of the netdev it must use; owned, NULL: any */
	struct outgoing outgoing;
	struct list link; // reservation_table::all
};

/* The fields of --guest; 0 and NULL where not given. */
struct reservation_spec {
	const char *name;
	mac_t mac;
	struct in_addr addr;
	const char *netdev;
	struct outgoing outgoing;
};

/*
 * A source of addresses. When a reservation is added, each observer's admit is called in turn: it
 * checks the address, or assigns one when it is 0. Then all are notified.
 */
struct reservation_observer {
	/* May be NULL, like the others. False: @error is set, and the reservation is not made. */
	bool (*admit)(struct reservation_observer *observer, struct reservation *reservation,
		      GError **error);
	void (*added)(struct reservation_observer *observer, const struct reservation *reservation);
	/* Still intact; freed after the call. Also called for one that a later observer refused. */
	void (*removed)(struct reservation_observer *observer,
			const struct reservation *reservation);
	struct list link; // reservation_table::observers
};

/* @network: the network's name, for derived MAC addresses. */
struct reservation_table *reservation_table_new(const char *network);
/* Observers are not notified. */
void reservation_table_free(struct reservation_table *table);
void reservation_observe(struct reservation_table *table, struct reservation_observer *observer);

/* NULL: the name is invalid; name, MAC or address is in use; or an observer refused. */
const struct reservation *reservation_add(struct reservation_table *table,
					  const struct reservation_spec *spec, GError **error);
/* False: no reservation has that name. */
bool reservation_remove(struct reservation_table *table, const char *name);

/* NULL when there is none. Case-insensitive. */
const struct reservation *reservation_by_name(const struct reservation_table *table,
					      const char *name);
const struct reservation *reservation_by_mac(const struct reservation_table *table, mac_t mac);
const struct reservation *reservation_by_v4(const struct reservation_table *table,
					    struct in_addr addr);
struct list *reservation_list(struct reservation_table *table); // heads reservation::link
unsigned reservation_count(const struct reservation_table *table);

/* May @mac use @addr? May it have the name? May it be at that netdev? */
bool reservation_allows_v4(const struct reservation_table *table, mac_t mac, struct in_addr addr);
bool reservation_allows_name(const struct reservation_table *table, mac_t mac, const char *name);
bool reservation_allows_netdev(const struct reservation_table *table, mac_t mac,
			       const char *netdev);

/*
 * Sets the address of @reservation, which was 0; for an observer that gets a pool later. False when
 * the address is taken.
 */
bool reservation_set_v4(struct reservation_table *table, const struct reservation *reservation,
			struct in_addr addr);

#endif
