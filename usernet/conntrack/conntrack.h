/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CONNTRACK_CONNTRACK_H
#define USERNET_CONNTRACK_CONNTRACK_H

#include "conntrack/conn_table.h"

/*
 * Conversations and the policy over them. The gateway asks about each packet of a guest that no
 * fast path holds yet; with offload=off also about libslirp's packets to guests.
 *
 *     guest ─► gateway ─ conn_find ─┬─ conn::ops: the fast path that holds it
 *                                   └─ conntrack_from_guest ─► tcp, udp, or libslirp
 *     guest ◄─ outbox ◄─ conntrack_to_guest ◄─ libslirp
 *
 * A packet that opens a conn (a SYN, the first datagram or ping) is judged by, in this order,
 * policy/destination.h (no way to the host's loopback but host-loopback=), host-addresses=, the
 * guest's rules, the network's rules, restrict=. All must agree, so no rule opens what
 * policy/destination.h closes. The conn keeps the verdict. A conn that a forward opened belongs to
 * the forward: the guest may answer, whatever policy says.
 *
 * A conn that a rule with +sni or +host allows is open on condition: tcp/ holds the guest's first
 * bytes until they have named a server, and asks judge_said().
 *
 * When rules change, conntrack_rejudge() judges all conns that guests have opened again. Denied TCP
 * connections are closed: RST to the guest, FIN to the peer. Denied UDP and pings no longer pass,
 * either way.
 */
struct charge_book;
struct judge;
struct conntrack;
struct network;
struct policy_table;
struct port;
struct user_config;

/*
 * @config and @charges outlive it; @config may change while it runs. @service is deferred when
 * conntrack_next_reset() has something. NULL: host-addresses=off is set, but the kernel does not
 * tell the host's addresses.
 */
struct conntrack *conntrack_new(struct network *network, const struct user_config *config,
				struct charge_book *charges, struct loop_task *service,
				GError **error);
void conntrack_free(struct conntrack *conntrack);

enum conntrack_answer {
	CONNTRACK_PASS,
	CONNTRACK_DROP,
	CONNTRACK_LAST_ACK, /* a guest's, on a closed conn: repeat the final ACK (reset.h) */
	CONNTRACK_OPENS,    /* to a guest: no conn yet; call conntrack_open_to_guest() */
};
/*
 * May @packet, whose source is checked (source.h), pass? *@conn: the conn of its key, or NULL; with
 * CONNTRACK_PASS it is the conn found or made, NULL for a packet that belongs to none. @served: to
 * a server of the gateway's own; policy does not apply. CONNTRACK_DROP: *@why; a denial by policy
 * is also sent as an event.
 */
enum conntrack_answer conntrack_from_guest(struct conntrack *conntrack, struct port *from,
					   mac_t mac, const struct packet *packet, bool served,
					   struct conn **conn, enum drop_reason *why);
/* The same for an IP packet to a guest. */
enum conntrack_answer conntrack_to_guest(struct conntrack *conntrack, const struct packet *packet);
/* After CONNTRACK_OPENS. @origin: a forward, or a peer that sends unasked. */
enum conntrack_answer conntrack_open_to_guest(struct conntrack *conntrack,
					      const struct packet *packet,
					      const struct conn_origin *origin);

/* The next cut conn whose ends are to be reset; NULL: no more. */
struct conn *conntrack_next_reset(struct conntrack *conntrack);
/*
 * Call it when rules or @config's destinations have changed. Walks all conns; returns how many were
 * cut.
 */
unsigned conntrack_rejudge(struct conntrack *conntrack);
void conntrack_port_gone(struct conntrack *conntrack, const struct port *port);

/* False: host-addresses=off does not work here. */
bool conntrack_knows_host_addresses(const struct conntrack *conntrack);
/*
 * Is @addr (v4-mapped or IPv6) an address of the host now? Two system calls. True also when the
 * kernel does not tell.
 */
bool conntrack_is_host_address(struct conntrack *conntrack, const struct in6_addr *addr);
struct conn_table *conntrack_conns(struct conntrack *conntrack);
struct judge *conntrack_judge(struct conntrack *conntrack);
struct policy_table *conntrack_egress(struct conntrack *conntrack);
uint64_t conntrack_n_denied(const struct conntrack *conntrack); /* packets denied */

#endif
