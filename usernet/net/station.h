/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_STATION_H
#define USERNET_NET_STATION_H

#include "base/limit.h"
#include "base/loop.h"
#include "net/frame.h"

struct port;

/*
 * The station table: learned MAC address, with its VLAN above the low 48 bits -> port. Bounded,
 * with a share per port, so that a guest that invents addresses affects only itself. Entries not
 * seen for a while age out (IEEE 802.1D ageing time).
 */
#define STATION_MAX limit_get(LIMIT_STATIONS_ALL) /* entries in all; allocated once */
#define STATION_MAX_PER_PORT                                                                       \
	limit_get(LIMIT_STATIONS) /* one port may lead to another switch with many guests */
/*
 * The last 1/4 of the entries is reserved for ports with few stations, so that even several greedy
 * ports cannot keep a newcomer out.
 */
#define STATION_RESERVE 4
#define STATION_FEW     64
#define STATION_AGE     (limit_get(LIMIT_HOLD) * USEC_PER_SEC)

struct station_table;

struct station_table *station_table_new(void);
void station_table_free(struct station_table *table);
/*
 * A frame with source @mac arrived at @port. A station at another port moves. Returns false and
 * changes nothing when @port's share or the table is full of entries that have not aged.
 */
bool station_learn(struct station_table *table, mac_t mac, struct port *port, usec_t now);
/*
 * The port that the station of the last station_learn() moved from. NULL: it is new, has aged, or
 * has not moved.
 */
struct port *station_left(const struct station_table *table);
/* NULL when unknown or aged. */
struct port *station_lookup(struct station_table *table, mac_t mac, usec_t now);
/* When it was last seen; 0: unknown. */
usec_t station_seen(const struct station_table *table, mac_t mac);
void station_forget_port(struct station_table *table, struct port *port);
/* Removes aged stations; call about every STATION_AGE / 4. */
void station_sweep(struct station_table *table, usec_t now);
unsigned station_count(const struct station_table *table);

#endif
