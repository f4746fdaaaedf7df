/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_UDP_FORWARD_PRIV_H
#define USERNET_UDP_FORWARD_PRIV_H

#include "base/loop.h"
#include "udp/forward.h"
#include "udp/hold.h"
#include "udp/udp_priv.h"

/* Shared by forward.c, one forward, and forwards.c, all of them. */
/* An address that forwards lead to. */
struct udp_target {
	struct in6_addr addr; /* v4-mapped or IPv6; the any address: no guest yet */
	usec_t asked;         /* when the guest was asked for; 0: never */
	mac_t mac;            /* which answered for the address; 0: none */
	usec_t heard;         /* when it answered */
	struct list forwards; /* heads udp_forward::target_link */
};

struct udp_forward {
	struct udp_forwards *all;
	struct udp_host host;
	struct udp_target *target;
	uint16_t guest_port;
	bool masquerade;
	struct sockaddr_any bound;
	char *rule; /* GRefString: "hostfwd=udp:127.0.0.1:5353-10.0.2.15:53" */
	struct udp_session_list sessions;
	struct udp_hold_list held;
	uint64_t waited;         /* datagrams whose guest was not known, in all */
	struct list target_link; // udp_target::forwards
};

struct udp_forwards {
	struct udp *udp;
	struct charge *charge; /* charges no port: forwards are the user's */
	struct neighbours *neighbours;
	struct udp_sessions *sessions;
	struct udp_hold hold;
	GHashTable *targets; /* struct in6_addr -> struct udp_target */
	struct loop_timer expire, give_up;
};

static inline usec_t udp_forwards_now(const struct udp_forwards *forwards)
{
	return udp_now(forwards->udp);
}

/* The session's key in the conn table. */
static inline struct conn_key udp_forward_flow(const struct udp_session *session)
{
	return (struct conn_key){
		.guest = session->flow.guest,
		.peer = session->flow.peer,
		.guest_port = session->flow.guest_port,
		.peer_port = session->flow.peer_port,
		.proto = IPPROTO_UDP,
	};
}

/* Delivers what was held for the guest, if it is known now. */
void udp_forward_deliver_held(struct udp_forward *forward);

#endif
