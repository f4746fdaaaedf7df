/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_GUEST_H
#define USERNET_NET_GUEST_H

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "base/list.h"
#include "base/loop.h"
#include "net/frame.h"

/*
 * What we know of the machines on the network: one entry per MAC address, made when DHCP, ARP or
 * neighbour discovery shows it, kept while its port is there. The one source for who has which
 * address: the NAT, forwards, names and query-guests all ask here.
 *
 * An IPv4 address that was given by DHCP, or is reserved, is pinned: another MAC address that
 * claims it is refused. A guest with a reservation goes by its name, whatever it calls itself.
 */
struct guest_table;
struct port;
struct reservation_table;

#define GUEST_MAX          16384
#define GUEST_MAX_PER_PORT 8192
/* The last entries are for ports that have only a few guests, as in the station table. */
#define GUEST_RESERVE 4096
#define GUEST_FEW     64
#define GUEST_MAX_V6  8 /* addresses of one guest; the one seen longest ago gives way */

struct guest {
	mac_t mac;
	struct port *port;                /* where it is; never NULL */
	struct in_addr v4;                /* 0: none known */
	bool v4_leased;                   /* given by our DHCP server */
	struct in6_addr v6[GUEST_MAX_V6]; /* the one seen longest ago first */
	unsigned n_v6;
	char *name;            /* from a reservation, else the DHCP client's; owned, may be NULL */
	usec_t since;          /* joined */
	usec_t seen;           /* last sign of life that came through here */
	struct list link;      // guest_table::guests
	struct list port_link; // port::guests
};

struct guest_observer {
	void (*joined)(void *data, const struct guest *guest);
	/* Still whole; gone after the call. */
	void (*left)(void *data, const struct guest *guest);
	/* An address or the name came, changed or went. */
	void (*changed)(void *data, const struct guest *guest);
};

struct guest_table *guest_table_new(void);
void guest_table_free(struct guest_table *table);
/*
 * From now on names and addresses in @table, which must outlive the guests, are kept for their
 * guests. Once.
 */
void guest_table_reserve(struct guest_table *guests, struct reservation_table *table);
void guest_table_observe(struct guest_table *table, const struct guest_observer *observer,
			 void *data);

/* Finds or makes the entry and moves it to @port. NULL when the table or @port's share is full. */
struct guest *guest_seen(struct guest_table *table, mac_t mac, struct port *port, usec_t now);
/*
 * @guest uses @addr. False, and nothing changes, when it is not a host's address, is reserved for
 * another MAC address, or another guest holds it by lease. An unleased claim takes it from an
 * unleased holder, and is not noted (but true) when @guest itself has a lease.
 */
bool guest_set_v4(struct guest_table *table, struct guest *guest, struct in_addr addr, bool leased);
/* The lease ended (released, expired, declined). Nothing when @addr is not held by lease. */
void guest_clear_v4(struct guest_table *table, struct in_addr addr);
/* The same; there are no leases. False when @addr is not a host's. */
bool guest_add_v6(struct guest_table *table, struct guest *guest, const struct in6_addr *addr);
/* @guest gave @addr up. Harmless when it does not have it. */
void guest_remove_v6(struct guest_table *table, struct guest *guest, const struct in6_addr *addr);
/*
 * What @guest calls itself: a valid label, or NULL for none. Returns false, and nothing changes,
 * when another guest goes by it, it is reserved for another or the network's own, or @guest has a
 * reservation of another name.
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
