/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_UDP_SESSION_H
#define USERNET_UDP_SESSION_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/loop.h"
#include "net/frame.h"

/*
 * The sessions of UDP forwards: which client of which rule stands behind an address and port that a
 * guest sees. Found from both sides by hash; in the order of their last use on two lists, one for
 * all and one for each rule, so that who must give way, or has expired, is always the first.
 * Addresses are IPv6 or v4-mapped, ports in host order. The clock is the caller's.
 */
#define UDP_SESSIONS_MAX          16384
#define UDP_SESSIONS_MAX_PER_RULE 4096
/* As libslirp (socket.h SO_EXPIRE); RFC 4787 4.3 wants two minutes at least. Datagrams of both
 * sides count as use. */
#define UDP_SESSION_IDLE (240 * USEC_PER_SEC)

struct udp_sessions;

/* Who asked, and where: one client that asks at two of the host's addresses is two. */
struct udp_client {
	struct in6_addr addr;
	struct in6_addr local; /* of the host's, asked by the client; zero where the socket tells */
	uint32_t scope;        /* of link-local IPv6 addresses: the interface; else 0 */
	uint16_t port;
	uint16_t zero;
};

/* What the guest sees. */
struct udp_flow {
	struct in6_addr guest, peer;
	uint16_t guest_port, peer_port;
};

/* A rule's. */
struct udp_session_list {
	struct list sessions; /* heads udp_session::owner_link, the longest idle first */
	unsigned n;
};

struct udp_session {
	struct udp_session_list *owner;
	struct udp_client client;
	struct udp_flow flow;
	mac_t mac; /* the caller's: who was sent the client's last datagram */
	usec_t used;
	struct list link;       // udp_sessions::all
	struct list owner_link; // udp_session_list::sessions
};

/*
 * @max and @max_per_rule: at least 1. @ended, which may be NULL, is told of each one that ends,
 * still whole.
 */
struct udp_sessions *udp_sessions_new(unsigned max, unsigned max_per_rule,
				      void (*ended)(void *data, const struct udp_session *session),
				      void *data);
/* All lists must be empty. */
void udp_sessions_free(struct udp_sessions *table);

void udp_session_list_init(struct udp_session_list *owner);
/* Ends them all. */
void udp_session_list_clear(struct udp_sessions *table, struct udp_session_list *owner);

/* NULL when there is none. */
struct udp_session *udp_session_by_client(struct udp_sessions *table,
					  const struct udp_session_list *owner,
					  const struct udp_client *client);
struct udp_session *udp_session_by_flow(struct udp_sessions *table, const struct udp_flow *flow);
/*
 * Makes one, for a client and a flow that have none. Where a bound is reached, the rule's or that
 * of all, the longest idle one within it gives way.
 */
struct udp_session *udp_session_open(struct udp_sessions *table, struct udp_session_list *owner,
				     const struct udp_client *client, const struct udp_flow *flow,
				     usec_t now);
void udp_session_use(struct udp_sessions *table, struct udp_session *session, usec_t now);

/* Ends those idle for UDP_SESSION_IDLE; when the next one will be, 0: there is none. */
usec_t udp_sessions_expire(struct udp_sessions *table, usec_t now);
unsigned udp_sessions_count(const struct udp_sessions *table);
/* How many had to give way so far. */
uint64_t udp_sessions_evicted(const struct udp_sessions *table);
/* The longest idle first; @each must end none. */
void udp_sessions_foreach(struct udp_sessions *table,
			  void (*each)(void *data, const struct udp_session *session), void *data);

#endif
