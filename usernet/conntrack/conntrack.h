/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CONNTRACK_CONNTRACK_H
#define USERNET_CONNTRACK_CONNTRACK_H

#include "conntrack/conn_table.h"

/*
 * The one way between guests and the NAT: every packet passes here, either way, with the addresses
 * and ports as the guest sees them; is allowed or not; and is counted for its conn.
 *
 *     guest ─► gateway ─ conntrack_from_guest ─► nat_input ─► offload ─► libslirp
 *     guest ◄─ outbox ◄─ offload ◄─ conntrack_to_guest ◄─ local_services_out ◄─ libslirp
 *
 * What opens a conn (a SYN, the first datagram or ping) is judged, in this order, and all must
 * agree: scrub (no detour to the host, host-loopback=), host-addresses=, the rules of the guest,
 * those of the network, restrict=. The conn keeps the verdict. So no rule opens what scrub closes.
 * What a forward opened is the forward's: the guest may answer, whatever policy says.
 *
 * When rules change, conntrack_rejudge() asks again about all that guests have opened. TCP that is
 * denied now is reset both ways; of UDP and pings nothing passes any more, either way.
 */
struct policy_table;
struct conntrack;
struct network;
struct port;
struct user_config;

struct conntrack_ops {
	/* A TCP conn was cut: reset the guest's end. Then, from conntrack_run(), libslirp's. */
	void (*reset)(void *data, const struct conn *conn, enum conn_way way);
	/* A TCP conn became conn_is_over(), by a packet that has not gone on yet. */
	void (*over)(void *data, const struct conn *conn);
	/* The guest says again what was heard to its end, of a conn_is_over() of which libslirp
	 * knows nothing more: it is owed the acknowledgement, which it has not got. */
	void (*say_last)(void *data, const struct conn *conn);
	/* conntrack_run() has something to do; may be called from libslirp's callbacks. */
	void (*wake)(void *data);
};

/* @config and @ops outlive it; @config may change, and is followed. NULL: host-addresses=off, and
 * the kernel does not say which they are. */
struct conntrack *conntrack_new(struct network *network, const struct user_config *config,
				const struct conntrack_ops *ops, void *data, GError **error);
void conntrack_free(struct conntrack *conntrack);

enum conntrack_answer {
	CONNTRACK_PASS,
	CONNTRACK_DROP,
	CONNTRACK_ANSWERED, /* from a guest: it goes no further, and all is well */
	CONNTRACK_OPENS,    /* to one, no conn yet: conntrack_open_to_guest() says, when it is known
			     * who opens it
			     */
};
/*
 * May @packet, whose source is right (source.h), go on? @served: to a server of ours, which no
 * policy is asked about. CONNTRACK_DROP: *@why; told as an event if it is policy.
 */
enum conntrack_answer conntrack_from_guest(struct conntrack *conntrack, struct port *from,
					   mac_t mac, const struct packet *packet, bool served,
					   enum drop_reason *why);
/* A packet to a guest. Not for what is not IP. */
enum conntrack_answer conntrack_to_guest(struct conntrack *conntrack, const struct packet *packet);
/* After CONNTRACK_OPENS. @origin: of a forward, or of a peer that nobody has asked. */
enum conntrack_answer conntrack_open_to_guest(struct conntrack *conntrack,
					      const struct packet *packet,
					      const struct conn_origin *origin);

/* Once a turn, outside of libslirp. */
void conntrack_run(struct conntrack *conntrack);
/* Rules, or what of @config concerns destinations, have changed. Walks all conns; returns how many
 * were cut. */
unsigned conntrack_rejudge(struct conntrack *conntrack);
void conntrack_port_gone(struct conntrack *conntrack, const struct port *port);

/* False: host-addresses=off cannot be had. */
bool conntrack_knows_host_addresses(const struct conntrack *conntrack);
struct conn_table *conntrack_conns(struct conntrack *conntrack);
struct policy_table *conntrack_egress(struct conntrack *conntrack);
uint64_t conntrack_n_denied(const struct conntrack *conntrack); /* packets */

#endif
