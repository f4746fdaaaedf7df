/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CONNTRACK_CONNTRACK_H
#define USERNET_CONNTRACK_CONNTRACK_H

#include "conntrack/conn_table.h"

/*
 * The conversations and the policy over them. The gateway asks about each packet of a guest that no
 * fast path holds yet; libslirp's packets to guests are asked about too.
 *
 *     guest ─► gateway ─ conn_find ─┬─ conn::ops: the fast path that holds it
 *                                   └─ conntrack_from_guest ─► tcp, udp, or libslirp
 *     guest ◄─ outbox ◄─ conntrack_to_guest ◄─ libslirp
 *
 * What opens a conn (a SYN, the first datagram or ping) is judged, in this order, and all must
 * agree: destination.h (no detour to the host, host-loopback=), host-addresses=, the rules of the
 * guest, those of the network, restrict=. The conn keeps the verdict. So no rule opens what
 * destination.h closes. What a forward opened is the forward's: the guest may answer, whatever
 * policy says.
 *
 * When rules change, conntrack_rejudge() asks again about all that guests have opened. TCP that is
 * denied now is reset both ways; of UDP and pings nothing passes any more, either way.
 */
struct charge_book;
struct conntrack;
struct network;
struct policy_table;
struct port;
struct user_config;

/*
 * @config and @charges outlive it; @config may change, and is followed. @service is deferred when
 * conntrack_next_reset() has something. NULL: host-addresses=off, and the kernel does not say which
 * they are.
 */
struct conntrack *conntrack_new(struct network *network, const struct user_config *config,
				struct charge_book *charges, struct loop_task *service,
				GError **error);
void conntrack_free(struct conntrack *conntrack);

enum conntrack_answer {
	CONNTRACK_PASS,
	CONNTRACK_DROP,
	CONNTRACK_LAST_ACK, /* from a guest: a retransmission on a closed conn, to be answered with
			     * its last acknowledgement (reset.h) */
	CONNTRACK_OPENS,    /* to one, no conn yet: conntrack_open_to_guest() says, when it is known
			     * who opens it */
};
/*
 * May @packet, whose source is right (source.h), go on? *@conn: the one of its key, or NULL; with
 * CONNTRACK_PASS it is then the conn that is there or was made, NULL for what belongs to none.
 * @served: to a server of ours, which no policy is asked about. CONNTRACK_DROP: *@why; told as an
 * event if it is policy.
 */
enum conntrack_answer conntrack_from_guest(struct conntrack *conntrack, struct port *from,
					   mac_t mac, const struct packet *packet, bool served,
					   struct conn **conn, enum drop_reason *why);
/* A packet to a guest. Not for what is not IP. */
enum conntrack_answer conntrack_to_guest(struct conntrack *conntrack, const struct packet *packet);
/* After CONNTRACK_OPENS. @origin: of a forward, or of a peer that nobody has asked. */
enum conntrack_answer conntrack_open_to_guest(struct conntrack *conntrack,
					      const struct packet *packet,
					      const struct conn_origin *origin);

/* A conn that was cut and whose ends are to be reset; NULL: no more. */
struct conn *conntrack_next_reset(struct conntrack *conntrack);
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
