/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_UDP_FORWARD_H
#define USERNET_UDP_FORWARD_H

#include <glib.h>

#include "base/sockaddr.h"
#include "packet/packet.h"
#include "udp/session.h"

/*
 * UDP from the host into guests. A forward is a socket that leads to one guest's address and port;
 * each client of it is a session (udp_session.h). The guest sees the client's own address where it
 * could answer it, else the gateway's and a port that stands for the client: with masquerade, for
 * clients on loopback, link-local addresses or the guests' own network, and where families differ.
 * The guest's answers go out by the forward's very socket, to the very client, from the address
 * that it asked.
 *
 * Sessions end with the forward, with its guest, when the guest's address changes, and when idle.
 */
struct neighbours;
struct udp;
struct udp_forward;
struct udp_forwards;

/* Those of a gateway, read and answered by udp_run(). Both outlive it. */
struct udp_forwards *udp_forwards_new(struct udp *udp, struct neighbours *neighbours);
/* Removes the forwards that are left. */
void udp_forwards_free(struct udp_forwards *forwards);

struct udp_forward_spec {
	struct sockaddr_any host;  /* inet or inet6; port 0: the kernel chooses */
	struct sockaddr_any guest; /* inet or inet6; the any address: not known yet */
	bool masquerade;
};

/* NULL: @error says why, and who has the port. *@bound is where it listens. */
struct udp_forward *udp_forward_add(struct udp_forwards *forwards,
				    const struct udp_forward_spec *spec, struct sockaddr_any *bound,
				    GError **error);
void udp_forward_remove(struct udp_forward *forward);
/* It leads to @guest from now on; clients need not notice. */
void udp_forward_retarget(struct udp_forward *forward, const struct sockaddr_any *guest);

/* @addr has a holder now; or none, but @mac (else 0) has said that it answers to it. */
void udp_forwards_found(struct udp_forwards *forwards, const struct in6_addr *addr, mac_t mac);
/* The guest at @addr went. */
void udp_forwards_guest_gone(struct udp_forwards *forwards, const struct in6_addr *addr);

/* The session that @packet, whole and from a guest, is an answer in; NULL: it is none. */
struct udp_session *udp_forwards_match(struct udp_forwards *forwards, const struct packet *packet);
/*
 * Sends it to the client with the next udp_run() or udp_flush(), unless @mac is not whom the
 * client's question went to. @packet's source address was found to be @mac's own, and its frame is
 * borrowed until then. What is not sent is counted at @port.
 */
void udp_forwards_answer(struct udp_forwards *forwards, struct udp_session *session,
			 struct port *port, mac_t mac, const struct packet *packet);

unsigned udp_forwards_n_sessions(const struct udp_forwards *forwards);

#endif
