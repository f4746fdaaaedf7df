/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_UDP_FORWARD_H
#define USERNET_UDP_FORWARD_H

#include <glib.h>

#include "base/sockaddr.h"
#include "packet/packet.h"
#include "udp/session.h"

/*
 * UDP from the host into guests. A forward is a socket that leads to one guest's address and port;
 * each client of it is a session (session.h). The guest sees the client's own address if it can
 * answer it. Otherwise it sees the gateway's address and a port that stands for the client: with
 * masquerade, for clients on loopback, link-local addresses or the guests' own network, and where
 * families differ. The guest's answers leave by the forward's socket, to that client, from the
 * address that it asked.
 *
 * Sessions end with the forward, with the guest, when the guest's address changes, and when idle.
 */
struct neighbours;
struct udp;
struct udp_forward;
struct udp_forwards;

/* The forwards of a gateway; udp_run() reads and sends for them. Both arguments must outlive it. */
struct udp_forwards *udp_forwards_new(struct udp *udp, struct neighbours *neighbours);
/* Also removes the remaining forwards. */
void udp_forwards_free(struct udp_forwards *forwards);

struct udp_forward_spec {
	struct sockaddr_any host;  /* inet or inet6; port 0: the kernel chooses */
	struct sockaddr_any guest; /* inet or inet6; the any address: not known yet */
	bool masquerade;
	bool early; /* the host may not have its address yet: socket_bind_early() */
};

/* NULL: @error says why, and which program has the port. *@bound: the address it listens at. */
struct udp_forward *udp_forward_add(struct udp_forwards *forwards,
				    const struct udp_forward_spec *spec, struct sockaddr_any *bound,
				    GError **error);
void udp_forward_remove(struct udp_forward *forward);
/* It leads to @guest from now on. Sessions end; the next datagrams open new ones. */
void udp_forward_retarget(struct udp_forward *forward, const struct sockaddr_any *guest);
/* Datagrams that came while the guest was not known, in all. */
uint64_t udp_forward_waited(const struct udp_forward *forward);

/*
 * @addr has a holder now; or none, but @mac (else 0) answered an ARP request or solicitation for
 * it.
 */
void udp_forwards_found(struct udp_forwards *forwards, const struct in6_addr *addr, mac_t mac);
/* The guest at @addr left. */
void udp_forwards_guest_gone(struct udp_forwards *forwards, const struct in6_addr *addr);

/* The session that @packet, whole and from a guest, answers in; NULL: none. */
struct udp_session *udp_forwards_match(struct udp_forwards *forwards, const struct packet *packet);
/*
 * Queues it to be sent to the client by the next udp_run() or udp_flush(), unless @mac is not the
 * guest that the client's question went to. @packet's source address is verified to be @mac's; its
 * frame is borrowed until then. What is not sent is counted at @port.
 */
void udp_forwards_answer(struct udp_forwards *forwards, struct udp_session *session,
			 struct port *port, mac_t mac, const struct packet *packet);

unsigned udp_forwards_n_sessions(const struct udp_forwards *forwards);

#endif
