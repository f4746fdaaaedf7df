/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CONNTRACK_FLOW_TABLE_H
#define USERNET_CONNTRACK_FLOW_TABLE_H

#include <glib.h>

#include "base/loop.h"
#include "conntrack/flow.h"

/*
 * All flows that go through the gateway. The gateway asks it about every packet from a guest, the
 * NAT tells it of every packet to one; so do forwards that go past libslirp.
 *
 * A lookup is one hash; the flow found last is tried first. Nothing is allocated for a packet.
 * Flows of one class (flow.h) stand in the order in which they were last seen, so only the first
 * of each list is looked at when time has passed. A TCP flow that libslirp holds is kept until its
 * end has gone by, or its guest; it is never evicted.
 */
#define FLOW_MAX         131072
#define FLOW_FEW         1024 /* a port that holds fewer may use the last quarter */
#define FLOW_DENOMINATOR 4    /* the part kept: 1/4 */

#define FLOW_LINGER    (10 * USEC_PER_SEC)  /* libslirp's TIME_WAIT (tcp_timer.h TCPTV_MSL) */
#define FLOW_ANSWERED  (10 * USEC_PER_SEC)  /* socket.h SO_EXPIREFAST */
#define FLOW_DATAGRAMS (240 * USEC_PER_SEC) /* socket.h SO_EXPIRE */
#define FLOW_OPENING   (80 * USEC_PER_SEC)  /* over tcp_timer.h TCPTV_KEEP_INIT, 75 s */
#define FLOW_HALF_OPEN (680 * USEC_PER_SEC) /* over TCP_MAXIDLE + TCPTV_KEEPINTVL, 675 s */

struct flow_table;

struct flow_origin {
	enum flow_opener opener;
	/* What let it in: a GRefString, of which the flow takes a reference. NULL: nothing. */
	const char *rule;
	mac_t mac;
	unsigned port_id; /* port::id of the guest's port, charged for it; 0: not known */
	bool served;      /* as flow::served */
	uint8_t shard;    /* as flow::shard */
};

struct flow_table *flow_table_new(struct loop *loop);
void flow_table_free(struct flow_table *table);

/* NULL: there is none. One that flow_is_closed() lingers; a SYN wants flow_open() then. */
struct flow *flow_find(struct flow_table *table, const struct flow_key *key);
/*
 * A new one; one that lingers under the same key ends. NULL: there is no room, for this port or at
 * all: the packet should be dropped (DROP_BUDGET).
 */
struct flow *flow_open(struct flow_table *table, const struct flow_key *key,
		       const struct flow_origin *origin, usec_t now);
/* @packet, which is @flow's, passes. */
void flow_pass(struct flow_table *table, struct flow *flow, const struct packet *packet,
	       enum flow_way way, usec_t now);
/* Admits what the peer began, or what was cut. @rule as in struct flow_origin. */
void flow_admit(struct flow_table *table, struct flow *flow, const char *rule, usec_t now);
/* The guest's address is another machine's now, which may go on with it. */
void flow_take_over(struct flow *flow, mac_t mac);
/* Policy has changed its mind: nothing passes any more. */
void flow_cut(struct flow_table *table, struct flow *flow, usec_t now);
/* libslirp has opened @fd for it. */
void flow_set_fd(struct flow *flow, int fd);
void flow_set_shard(struct flow *flow, unsigned shard);
/* A TCP flow is over, though no segment has said so. */
void flow_close(struct flow_table *table, struct flow *flow, usec_t now);
void flow_end(struct flow_table *table, struct flow *flow);
/* All of the guest at @addr; @tcp_only: libslirp holds no connection of its any more. */
void flow_end_guest(struct flow_table *table, const struct in6_addr *addr, bool tcp_only);

/* --- for forwards that go past libslirp --- */

/*
 * A packet of a forward passes towards the guest: opens its flow if there is none. False: no room.
 * @bytes: of payload. The forward says what the guest may answer, and ends the flow; to the
 * conntrack it admits nothing.
 */
bool flow_seen_to_guest(struct flow_table *table, const struct flow_key *key, unsigned bytes,
			const struct flow_origin *origin, usec_t now);
/* One from the guest: false when it belongs to no flow that a forward opened. */
bool flow_seen_from_guest(struct flow_table *table, const struct flow_key *key, unsigned bytes,
			  usec_t now);

/* --- the whole --- */

unsigned flow_count_all(const struct flow_table *table);
/* Those charged to this port. */
unsigned flow_count_port(const struct flow_table *table, unsigned port_id);
/* @each may end the flow it is given, and no other. */
void flow_foreach(struct flow_table *table, void (*each)(void *data, struct flow *flow),
		  void *data);
/* Those of the guest at @addr. @each ends none. */
void flow_foreach_of(struct flow_table *table, const struct in6_addr *addr,
		     void (*each)(void *data, const struct flow *flow), void *data);
/* Lets go what is due; the table's own timer does it. */
void flow_table_expire(struct flow_table *table, usec_t now);

#endif
