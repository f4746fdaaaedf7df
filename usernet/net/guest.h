/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_GUEST_H
#define USERNET_NET_GUEST_H

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "base/limit.h"
#include "base/list.h"
#include "base/loop.h"
#include "net/frame.h"

/*
 * The guest table: one entry per MAC address, made when DHCP, ARP or neighbour discovery shows it,
 * kept until its port is removed. The NAT, forwards, names and query-guests all look up addresses
 * here.
 *
 * An IPv4 address that was leased or is reserved is pinned: a claim by another MAC address is
 * refused. A guest with a reservation has the reserved name, whatever name it sends.
 */
struct guest_table;
struct port;
struct reservation_table;

#define GUEST_MAX          16384
#define GUEST_MAX_PER_PORT limit_get(LIMIT_GUESTS)
/* The last entries are reserved for ports with few guests, as in the station table. */
#define GUEST_RESERVE 4096
#define GUEST_FEW     64
#define GUEST_MAX_V6  8 /* addresses per guest; the least recently seen is replaced */

struct guest {
	mac_t mac;
	struct port *port;                /* never NULL */
	struct in_addr v4;                /* 0: none known */
	bool v4_leased;                   /* given by our DHCP server */
	struct in6_addr v6[GUEST_MAX_V6]; /* least recently seen first */
	unsigned n_v6;
	char *name;            /* from a reservation, else the DHCP client's; owned, may be NULL */
	usec_t since;          /* joined */
	usec_t seen;           /* last frame seen here */
	struct list link;      // guest_table::guests
	struct list port_link; // port::guests
};

struct guest_observer {
	void (*joined)(void *data, const struct guest *guest);
	/* The guest is still intact; it is freed after the call. */
	void (*left)(void *data, const struct guest *guest);
	/* An address or the name was added, changed or removed. */
	void (*changed)(void *data, const struct guest *guest);
};

struct guest_table *guest_table_new(void);
void guest_table_free(struct guest_table *table);
/*
 * Keeps the names and addresses of @table, which must outlive the guests, for their guests. Once.
 */
void guest_table_reserve(struct guest_table *guests, struct reservation_table *table);
void guest_table_observe(struct guest_table *table, const struct guest_observer *observer,
			 void *data);

/* Finds or makes the entry and moves it to @port. NULL when the table or @port's share is full. */
struct guest *guest_seen(struct guest_table *table, mac_t mac, struct port *port, usec_t now);
/*
 * @guest uses @addr. Returns false and changes nothing when @addr is not a host address, is
 * reserved for another MAC address, or is leased to another guest. An unleased claim takes the
 * address from an unleased holder. When @guest itself has a lease, another address is accepted
 * (true) but not recorded.
 */
bool guest_set_v4(struct guest_table *table, struct guest *guest, struct in_addr addr, bool leased);
/* The lease ended (released, expired, declined). Does nothing when @addr is not leased. */
void guest_clear_v4(struct guest_table *table, struct in_addr addr);
/* The same for IPv6; there are no leases. False when @addr is not a host address. */
bool guest_add_v6(struct guest_table *table, struct guest *guest, const struct in6_addr *addr);
/* @guest gave up @addr. Does nothing when it does not have it. */
void guest_remove_v6(struct guest_table *table, struct guest *guest, const struct in6_addr *addr);
/*
 * Sets the guest's own name: a valid label, or NULL for none. Returns false and changes nothing
 * when another guest has the name, it is reserved for another guest or for the network, or @guest
 * has a reservation with another name.
 */
bool guest_set_name(struct guest_table *table, struct guest *guest, const char *name);
void guest_forget_port(struct guest_table *table, struct port *port);

struct guest *guest_by_mac(struct guest_table *table, mac_t mac);
struct guest *guest_by_v4(struct guest_table *table, struct in_addr addr);
struct guest *guest_by_v6(struct guest_table *table, const struct in6_addr *addr);
/* Case-insensitive. */
struct guest *guest_by_name(struct guest_table *table, const char *name);
struct list *guest_list(struct guest_table *table); // heads guest::link
unsigned guest_count(const struct guest_table *table);

#endif
