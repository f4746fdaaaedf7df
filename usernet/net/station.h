/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_STATION_H
#define USERNET_NET_STATION_H

#include "base/loop.h"
#include "net/frame.h"

struct port;

/*
 * The station table: learned MAC address -> port. Bounded, with a share per port, so that a guest
 * inventing addresses costs only itself. Entries age when not seen (IEEE 802.1D ageing time).
 */
#define STATION_MAX          16384 /* entries in all; the table is allocated once */
#define STATION_MAX_PER_PORT 8192  /* another switch of many guests may stand behind one port */
/*
 * The last entries are kept for ports that have only a few, so that not even several greedy ports
 * keep a newcomer out.
 */
#define STATION_RESERVE 4096
#define STATION_FEW     64
#define STATION_AGE     (300 * USEC_PER_SEC)

struct station_table;

struct station_table *station_table_new(void);
void station_table_free(struct station_table *table);
/*
 * @mac was seen as a source at @port. A station seen elsewhere moves. Returns false, and nothing
 * changes, when @port's share, or the table, is full of entries that have not aged.
 */
bool station_learn(struct station_table *table, mac_t mac, struct port *port, usec_t now);
/*
 * Where the station of the last station_learn() was until then, not aged and another port; NULL: it
 * is new, or has not moved.
 */
struct port *station_left(const struct station_table *table);
/* NULL when unknown or aged. */
struct port *station_lookup(struct station_table *table, mac_t mac, usec_t now);
/* When it was last seen; 0: unknown. */
usec_t station_seen(const struct station_table *table, mac_t mac);
void station_forget_port(struct station_table *table, struct port *port);
/* Removes what has aged; call every STATION_AGE / 4 or so. */
void station_sweep(struct station_table *table, usec_t now);
unsigned station_count(const struct station_table *table);

#endif
