/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CONNTRACK_CONN_TABLE_H
#define USERNET_CONNTRACK_CONN_TABLE_H

#include <glib.h>

#include "base/loop.h"
#include "conntrack/conn.h"

/*
 * All conns that go through the gateway. It is asked about every packet of a guest, and told of
 * every packet to one, by the fast paths, libslirp's NAT and UDP forwards.
 *
 * A lookup is one hash; the conn found last is tried first. Nothing is allocated for a packet. The
 * conns of one class (conn.h) are ordered by when they were last seen, so expiry looks only at the
 * head of each list. A TCP conn that libslirp holds stays until it has closed or its guest has
 * left; it is never evicted.
 */
#define CONN_MAX         131072
#define CONN_FEW         1024 /* a port with fewer may use the last quarter */
#define CONN_DENOMINATOR 4    /* the quarter kept: 1/4 */

#define CONN_LINGER    (10 * USEC_PER_SEC)  /* libslirp's TIME_WAIT (tcp_timer.h TCPTV_MSL) */
#define CONN_ANSWERED  (10 * USEC_PER_SEC)  /* socket.h SO_EXPIREFAST */
#define CONN_DATAGRAMS (240 * USEC_PER_SEC) /* socket.h SO_EXPIRE */
#define CONN_OPENING   (80 * USEC_PER_SEC)  /* over tcp_timer.h TCPTV_KEEP_INIT, 75 s */
#define CONN_HALF_OPEN (680 * USEC_PER_SEC) /* over TCP_MAXIDLE + TCPTV_KEEPINTVL, 675 s */

struct charge_book;
struct conn_table;

struct conn_origin {
	enum conn_opener opener;
	/* GRefString: what allowed it; the conn takes a reference. NULL: nothing. */
	const char *rule;
	const char *name; /* GRefString, as conn::name; the conn takes a reference */
	bool sni, host;   /* as conn::sni, conn::host */
	mac_t mac;
	unsigned port_id; /* port::id of the guest's port, which is charged; 0: unknown */
	bool served;      /* as conn::served */
};

/* @charges outlives it. */
struct conn_table *conn_table_new(struct loop *loop, struct charge_book *charges);
void conn_table_free(struct conn_table *table);

/* NULL: none. A closed conn (conn_is_closed()) lingers; call conn_open() for a SYN then. */
struct conn *conn_find(struct conn_table *table, const struct conn_key *key);
/*
 * Creates a conn; a lingering one with the same key ends. NULL: the port's or the total limit is
 * reached, or memory is low: the packet should be dropped (drop_reason_no_room()).
 */
struct conn *conn_open(struct conn_table *table, const struct conn_key *key,
		       const struct conn_origin *origin, usec_t now);
/* Counts @packet of @conn and updates state and expiry. */
void conn_pass(struct conn_table *table, struct conn *conn, const struct packet *packet,
	       enum conn_way way, usec_t now);
/* Admits a conn that the peer began, or that was cut. @rule as in struct conn_origin. */
void conn_admit(struct conn_table *table, struct conn *conn, const char *rule, usec_t now);
/* Sets conn::name and how the first bytes are judged. */
void conn_name(struct conn *conn, const char *name, bool sni, bool host);
/* The guest's address is now @mac's, at port @port_id: @conn and its charges move there. */
void conn_move(struct conn_table *table, struct conn *conn, mac_t mac, unsigned port_id);
/* Policy now denies @conn: no more packets pass. */
void conn_cut(struct conn_table *table, struct conn *conn, usec_t now);
/* Ends a TCP conn of which no closing segment was seen. */
void conn_close(struct conn_table *table, struct conn *conn, usec_t now);
/* Counts @packets with @bytes of payload; for fast paths. */
void conn_passed(struct conn_table *table, struct conn *conn, enum conn_way way, unsigned packets,
		 uint64_t bytes, usec_t now);
/* A fast path reports the state of the guest's end. */
void conn_set_state(struct conn_table *table, struct conn *conn, enum conn_state state, usec_t now);
void conn_end(struct conn_table *table, struct conn *conn);
/* libslirp dropped what it held for the guest at @addr; @tcp_only: its connections only. */
void conn_end_slirp(struct conn_table *table, const struct in6_addr *addr, bool tcp_only);

/*
 * The guest with @mac left: all conns of its addresses end after CONN_GUEST_GRACE unless it returns
 * before. Walks all guest addresses that have conns.
 */
#define CONN_GUEST_GRACE (5 * USEC_PER_SEC)
void conn_guest_gone(struct conn_table *table, mac_t mac, usec_t now);
/* The guest at @addr, with @mac, is there (again). */
void conn_guest_back(struct conn_table *table, const struct in6_addr *addr, mac_t mac);
/* The MAC that last opened a conn from guest address @addr and is still there; 0: none. */
mac_t conn_holder(const struct conn_table *table, const struct in6_addr *addr);

/* --- for UDP forwards --- */

/*
 * A packet of a forward passes to the guest: opens its conn if there is none. False: no room.
 * @bytes: of payload. The forward itself decides what the guest may answer, and ends the conn; in
 * the conntrack it admits nothing.
 */
bool conn_seen_to_guest(struct conn_table *table, const struct conn_key *key, unsigned bytes,
			const struct conn_origin *origin, usec_t now);
/* The same from the guest. False: no forward opened such a conn. */
bool conn_seen_from_guest(struct conn_table *table, const struct conn_key *key, unsigned bytes,
			  usec_t now);

/* --- the whole --- */

unsigned conn_count_all(const struct conn_table *table);
/* The conns charged to this port. */
unsigned conn_count_port(const struct conn_table *table, unsigned port_id);
/* @each may end the conn that it is given, but no other. */
void conn_foreach(struct conn_table *table, void (*each)(void *data, struct conn *conn),
		  void *data);
/* Ends the conns that have expired; called by the table's own timer. */
void conn_table_expire(struct conn_table *table, usec_t now);

#endif
