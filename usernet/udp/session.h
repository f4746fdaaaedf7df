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
 * The sessions of UDP forwards: which client of which rule has the address and port that a guest
 * sees. Found from both sides by hash. Two lists, one of all and one per rule, are in the order of
 * last use, so the session to evict or to expire is always the first. Addresses are IPv6 or
 * v4-mapped, ports in host order. The caller passes the time in.
 */
#define UDP_SESSIONS_MAX          16384
#define UDP_SESSIONS_MAX_PER_RULE 4096
/*
 * As libslirp (socket.h SO_EXPIRE); RFC 4787 4.3 asks for at least two minutes. Datagrams of both
 * sides count as use.
 */
#define UDP_SESSION_IDLE (240 * USEC_PER_SEC)

struct udp_sessions;

/* The client, and where it asked: asking at two addresses of the host makes two clients. */
struct udp_client {
	struct in6_addr addr;
	struct in6_addr local; /* the host's, asked by the client; zero if bound */
	uint32_t scope;        /* interface of link-local IPv6 addresses; else 0 */
	uint16_t port;
	uint16_t zero;
};

/* The addresses and ports that the guest sees. */
struct udp_flow {
	struct in6_addr guest, peer;
	uint16_t guest_port, peer_port;
};

/* The sessions of a rule. */
struct udp_session_list {
	struct list sessions; /* heads udp_session::owner_link, the longest idle first */
	unsigned n;
};

struct udp_session {
	struct udp_session_list *owner;
	struct udp_client client;
	struct udp_flow flow;
	mac_t mac; /* set by the caller: the guest that got the client's last datagram */
	usec_t used;
	struct list link;       // udp_sessions::all
	struct list owner_link; // udp_session_list::sessions
};

/*
 * @max and @max_per_rule: at least 1. @ended, which may be NULL, is called for each session that
 * ends, before it is freed.
 */
struct udp_sessions *udp_sessions_new(unsigned max, unsigned max_per_rule,
				      void (*ended)(void *data, const struct udp_session *session),
				      void *data);
/* All lists must be empty. */
void udp_sessions_free(struct udp_sessions *table);

void udp_session_list_init(struct udp_session_list *owner);
/* Ends all sessions of the list. */
void udp_session_list_clear(struct udp_sessions *table, struct udp_session_list *owner);

/* NULL: none. */
struct udp_session *udp_session_by_client(struct udp_sessions *table,
					  const struct udp_session_list *owner,
					  const struct udp_client *client);
struct udp_session *udp_session_by_flow(struct udp_sessions *table, const struct udp_flow *flow);
/*
 * Opens a session for a client and a flow that have none. At the rule's or the total bound the
 * session idle for longest within it ends.
 */
struct udp_session *udp_session_open(struct udp_sessions *table, struct udp_session_list *owner,
				     const struct udp_client *client, const struct udp_flow *flow,
				     usec_t now);
void udp_session_use(struct udp_sessions *table, struct udp_session *session, usec_t now);

/* Ends those idle for UDP_SESSION_IDLE; returns when the next one expires, 0: there is none. */
usec_t udp_sessions_expire(struct udp_sessions *table, usec_t now);
unsigned udp_sessions_count(const struct udp_sessions *table);
/* Number of sessions evicted so far. */
uint64_t udp_sessions_evicted(const struct udp_sessions *table);

#endif
