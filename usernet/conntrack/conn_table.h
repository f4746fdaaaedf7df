/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CONNTRACK_CONN_TABLE_H
#define USERNET_CONNTRACK_CONN_TABLE_H

#include <glib.h>

#include "base/loop.h"
#include "conntrack/conn.h"

/*
 * All conns that go through the gateway. The gateway asks it about every packet from a guest, the
 * NAT tells it of every packet to one; so do forwards that go past libslirp.
 *
 * A lookup is one hash; the conn found last is tried first. Nothing is allocated for a packet.
 * Flows of one class (conn.h) stand in the order in which they were last seen, so only the first
 * of each list is looked at when time has passed. A TCP conn that libslirp holds is kept until its
 * end has gone by, or its guest; it is never evicted.
 */
#define CONN_MAX         131072
#define CONN_FEW         1024 /* a port that holds fewer may use the last quarter */
#define CONN_DENOMINATOR 4    /* the part kept: 1/4 */

#define CONN_LINGER    (10 * USEC_PER_SEC)  /* libslirp's TIME_WAIT (tcp_timer.h TCPTV_MSL) */
#define CONN_ANSWERED  (10 * USEC_PER_SEC)  /* socket.h SO_EXPIREFAST */
#define CONN_DATAGRAMS (240 * USEC_PER_SEC) /* socket.h SO_EXPIRE */
#define CONN_OPENING   (80 * USEC_PER_SEC)  /* over tcp_timer.h TCPTV_KEEP_INIT, 75 s */
#define CONN_HALF_OPEN (680 * USEC_PER_SEC) /* over TCP_MAXIDLE + TCPTV_KEEPINTVL, 675 s */

struct charge_book;
struct conn_table;

struct conn_origin {
	enum conn_opener opener;
	/* What let it in: a GRefString, of which the conn takes a reference. NULL: nothing. */
	const char *rule;
	mac_t mac;
	unsigned port_id; /* port::id of the guest's port, charged for it; 0: not known */
	bool served;      /* as conn::served */
};

/* @charges outlives it. */
struct conn_table *conn_table_new(struct loop *loop, struct charge_book *charges);
void conn_table_free(struct conn_table *table);

/* NULL: there is none. One that conn_is_closed() lingers; a SYN wants conn_open() then. */
struct conn *conn_find(struct conn_table *table, const struct conn_key *key);
/*
 * A new one; one that lingers under the same key ends. NULL: there is no room, for this port or at
 * all: the packet should be dropped (DROP_BUDGET).
 */
struct conn *conn_open(struct conn_table *table, const struct conn_key *key,
		       const struct conn_origin *origin, usec_t now);
/* @packet, which is @conn's, passes. */
void conn_pass(struct conn_table *table, struct conn *conn, const struct packet *packet,
	       enum conn_way way, usec_t now);
/* Admits what the peer began, or what was cut. @rule as in struct conn_origin. */
void conn_admit(struct conn_table *table, struct conn *conn, const char *rule, usec_t now);
/* The guest's address is @mac's at port @port_id now, which goes on with @conn and pays for it. */
void conn_move(struct conn_table *table, struct conn *conn, mac_t mac, unsigned port_id);
/* Policy has changed its mind: nothing passes any more. */
void conn_cut(struct conn_table *table, struct conn *conn, usec_t now);
/* A TCP conn is over, though no segment has said so. */
void conn_close(struct conn_table *table, struct conn *conn, usec_t now);
/* @packets of @bytes of payload pass; for a fast path. */
void conn_passed(struct conn_table *table, struct conn *conn, enum conn_way way, unsigned packets,
		 uint64_t bytes, usec_t now);
/* A fast path says which state the guest's end is in. */
void conn_set_state(struct conn_table *table, struct conn *conn, enum conn_state state, usec_t now);
void conn_end(struct conn_table *table, struct conn *conn);
/* libslirp let go of what the guest at @addr had there; @tcp_only: only connections. */
void conn_end_slirp(struct conn_table *table, const struct in6_addr *addr, bool tcp_only);

/*
 * The guest with @mac went: all conns of its addresses end after CONN_GUEST_GRACE, unless it is
 * back by then. Walks all guest addresses that have conns.
 */
#define CONN_GUEST_GRACE (5 * USEC_PER_SEC)
void conn_guest_gone(struct conn_table *table, mac_t mac, usec_t now);
/* @addr is at @mac. */
void conn_guest_back(struct conn_table *table, const struct in6_addr *addr, mac_t mac);
/* The MAC that opened a conn of guest address @addr last, if it is there; 0: none. */
mac_t conn_holder(const struct conn_table *table, const struct in6_addr *addr);

/* --- for forwards that go past libslirp --- */

/*
 * A packet of a forward passes towards the guest: opens its conn if there is none. False: no room.
 * @bytes: of payload. The forward says what the guest may answer, and ends the conn; to the
 * conntrack it admits nothing.
 */
bool conn_seen_to_guest(struct conn_table *table, const struct conn_key *key, unsigned bytes,
			const struct conn_origin *origin, usec_t now);
/* One from the guest: false when it belongs to no conn that a forward opened. */
bool conn_seen_from_guest(struct conn_table *table, const struct conn_key *key, unsigned bytes,
			  usec_t now);

/* --- the whole --- */

unsigned conn_count_all(const struct conn_table *table);
/* Those charged to this port. */
unsigned conn_count_port(const struct conn_table *table, unsigned port_id);
/* @each may end the conn it is given, and no other. */
void conn_foreach(struct conn_table *table, void (*each)(void *data, struct conn *conn),
		  void *data);
/* Those of the guest at @addr. @each ends none. */
void conn_foreach_of(struct conn_table *table, const struct in6_addr *addr,
		     void (*each)(void *data, const struct conn *conn), void *data);
/* Lets go what is due; the table's own timer does it. */
void conn_table_expire(struct conn_table *table, usec_t now);

#endif
