/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_UDP_UDP_H
#define USERNET_UDP_UDP_H

#include "conntrack/conn_table.h"

/*
 * UDP between guests and the host's network, past libslirp. A guest's address and port has one
 * unconnected socket of the host, whomever it speaks to (endpoint-independent mapping, RFC 4787
 * 4.1), so that replies and new peers find it there; what a peer sends unasked is judged by policy.
 * Pings are sent by ping sockets in the same way. Errors that the network reports are told to the
 * guest from the host that sent them.
 *
 *   life:  udp_new -> udp_input per datagram -> udp_run once a turn -> udp_free
 *
 * Each 5-tuple is a conn; conn::udp is its socket, from the first udp_input() until the table ends
 * the conn (conn_ops::ended). A socket without conns is closed.
 */
struct charge_book;
struct conntrack;
struct network;
struct outbox;
struct udp;
struct user_config;

struct udp_env {
	struct network *network;
	const struct user_config *config;
	struct outbox *outbox; /* frames for guests go there */
	struct conntrack *conntrack;
	struct conn_table *conns;
	struct charge_book *charges;
	/* Deferred when udp_run() has something to do; its owner calls it and flushes the outbox.
	 */
	struct loop_task *service;
};

/* All that @env names outlives it. */
struct udp *udp_new(const struct udp_env *env);
void udp_free(struct udp *udp);

/*
 * Sockets at a time, of all guests and of one port's; half of the ports that the kernel gives to
 * programs that ask for none (net.ipv4.ip_local_port_range), and a quarter. Beyond, and when
 * descriptors are short (CHARGE_FDS), the longest silent one of the same port gives way: what comes
 * for it then is lost, and the guest's next datagram leaves from another port.
 */
#define UDP_SOCKETS_MAX          16384
#define UDP_SOCKETS_MAX_PER_PORT 8192
#define UDP_SOCKETS_FEW          128 /* a port that has fewer may use the last quarter of all */
/* ICMP errors to guests, a second, after a burst. */
#define UDP_ERRORS_RATE  1000
#define UDP_ERRORS_BURST 256
/* What a turn reads for guests: beyond it waits in the sockets. */
#define UDP_TURN_BYTES (256 << 10)

/*
 * A datagram or echo request from a guest, allowed, whole and addressed beyond the gateway. @conn
 * is its conn; conn::udp may be NULL. The frame is borrowed until the end of the turn. False:
 * *@why.
 */
bool udp_input(struct udp *udp, struct conn *conn, const struct packet *packet,
	       enum drop_reason *why);
/* Sends what came in so far; before memory that a packet lies in is used again within the turn, as
 * that of a reassembled one is. */
void udp_flush(struct udp *udp);
/* Once a turn: sends what came in, reads what is ready. */
void udp_run(struct udp *udp);
/* A port takes frames again. */
void udp_port_drained(struct udp *udp);

/* Sockets that are open. */
unsigned udp_count(const struct udp *udp);
/* How many had to give way so far. */
uint64_t udp_evicted(const struct udp *udp);

#endif
