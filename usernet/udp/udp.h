/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_UDP_UDP_H
#define USERNET_UDP_UDP_H

#include "base/limit.h"
#include "conntrack/conn_table.h"

/*
 * UDP between guests and the host's network. Each guest address and port has one unconnected host
 * socket for all its peers (endpoint-independent mapping, RFC 4787 4.1), so that replies and new
 * peers reach it; policy judges what a peer sends unasked. Pings use ping sockets in the same way.
 * Errors that the network reports are sent to the guest from the host that reported them.
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
	struct outbox *outbox; /* receives frames for guests */
	struct conntrack *conntrack;
	struct conn_table *conns;
	struct charge_book *charges;
	/* Deferred when udp_run() has work; its owner calls it and flushes the outbox. */
	struct loop_task *service;
};

/* Everything in @env must outlive it. */
struct udp *udp_new(const struct udp_env *env);
void udp_free(struct udp *udp);

/*
 * Bounds on open sockets, of all guests and of one port's: half and a quarter of the ports in
 * net.ipv4.ip_local_port_range. At a bound, and when descriptors are short (CHARGE_FDS), the socket
 * of the same port that was silent for longest is closed: datagrams to it are lost, and the guest's
 * next one leaves from another port.
 */
#define UDP_SOCKETS_MAX          16384
#define UDP_SOCKETS_MAX_PER_PORT limit_get(LIMIT_UDP_SOCKETS)
#define UDP_SOCKETS_FEW          128 /* a port with fewer may use the last quarter of all */
/* ICMP errors to guests per second, after a burst. */
#define UDP_ERRORS_RATE  1000
#define UDP_ERRORS_BURST 256
/* Bytes read for guests in a turn; the rest waits in the sockets. */
#define UDP_TURN_BYTES (256 << 10)

/*
 * A datagram or echo request from a guest: allowed, whole, and addressed beyond the gateway. @conn
 * is its conn; conn::udp may be NULL. The frame is borrowed until the end of the turn. False:
 * *@why.
 */
bool udp_input(struct udp *udp, struct conn *conn, const struct packet *packet,
	       enum drop_reason *why);
/*
 * Tells the guest that the time to live of its packet, of any protocol, ended at the gateway; not
 * more often than UDP_ERRORS_RATE.
 */
void udp_tell_expired(struct udp *udp, const struct packet *packet);
/*
 * Sends what is queued. Call it before a packet's memory is reused within the turn, as after
 * reassembly.
 */
void udp_flush(struct udp *udp);
/* Call it once a turn: sends what is queued, reads what is ready. */
void udp_run(struct udp *udp);
/* @port is no longer congested, or is to be removed: sockets that waited for it are read again. */
void udp_port_drained(const struct port *port);

/* Number of open sockets. */
unsigned udp_count(const struct udp *udp);
/* Number of sockets evicted so far. */
uint64_t udp_evicted(const struct udp *udp);

#endif
