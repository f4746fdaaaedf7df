/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TCP_TCP_H
#define USERNET_TCP_TCP_H

#include "conntrack/conn_table.h"

/*
 * The guest's TCP peer. Each connection joins a guest's segments to one stream socket of the host:
 * a connection outward, a client of a forward, a server of guestfwd, or the name server. Towards
 * the guest it does sequence numbers, windows, retransmission and congestion control itself (RFC
 * 9293 and its companions, named in the files); the host's side is the kernel's.
 *
 *   life:  tcp_new -> tcp_accept or tcp_connect per connection -> tcp_input per segment
 *          -> tcp_run once a turn -> tcp_free
 *
 * A connection belongs to its conn: tcp_accept() and tcp_connect() set conn::tcp. It is cleared
 * when the connection has ended; the conn then lingers in the table as TIME_WAIT or CLOSED with
 * conn::ends filled in, so that a late segment can be answered. When the table ends a conn
 * (conn_ops::ended) both ends are reset.
 */
struct charge_book;
struct judge;
struct network;
struct outbox;
struct port;
struct tcp;
struct user_config;

struct tcp_env {
	struct network *network;
	const struct user_config *config;
	struct outbox *outbox; /* receives frames for guests */
	struct conn_table *conns;
	struct charge_book *charges;
	struct judge *judge; /* asked for rules with +sni; may be NULL */
	/* Deferred when tcp_run() has work; its owner calls tcp_run() and flushes the outbox. */
	struct loop_task *service;
};

/* Everything in @env must outlive it. */
struct tcp *tcp_new(const struct tcp_env *env);
/* Resets the remaining connections at both ends. */
void tcp_free(struct tcp *tcp);

/*
 * The guest's @syn opened @conn (conn::charge is set, CHARGE_OPENING and CHARGE_FDS are not taken
 * yet). @fd: a non-blocking stream socket of any family, connecting or connected; always taken
 * over. The guest is answered when it is connected: SYN,ACK; RST for a refusal; an ICMP error for
 * an unreachable destination.
 */
void tcp_accept(struct tcp *tcp, struct conn *conn, const struct packet *syn, int fd);
/*
 * connect() for @syn failed at once with @error (errno): tells the guest as if it had failed later.
 * Closes @conn.
 */
void tcp_refuse(struct tcp *tcp, struct conn *conn, const struct packet *syn, int error);
/*
 * @fd: a connected client, non-blocking, always taken over; @conn names the guest and the client's
 * address that the guest sees. The next tcp_run() sends the SYN. If the guest refuses, or does not
 * answer within TCP_CONNECT_TIMEOUT, the client is reset.
 */
void tcp_connect(struct tcp *tcp, struct conn *conn, int fd);

/* A segment from the guest; conn::tcp is set. The frame is borrowed until the end of the turn. */
void tcp_input(struct tcp *tcp, struct conn *conn, const struct packet *packet);
/* Call it once a turn, after the turn's frames: writes, reads, acknowledges. */
void tcp_run(struct tcp *tcp);

/* RST to both ends; conn::tcp is NULL afterwards. */
void tcp_reset(struct tcp *tcp, struct conn *conn);
/* Policy no longer allows @conn: RST to the guest, FIN to the peer. */
void tcp_cut(struct tcp *tcp, struct conn *conn);
/* @port is no longer congested, or is to be removed: connections that waited for it are due. */
void tcp_port_drained(const struct port *port);

/*
 * Called once when a connection has ended for any reason; @err: errno if the host's socket could
 * not be connected, else 0. The connection is freed after the call.
 */
struct tcp_owner {
	void (*ended)(struct tcp_owner *owner, int err);
};
/* conn::tcp is set; NULL: nobody waits for the end any more. */
void tcp_own(struct conn *conn, struct tcp_owner *owner);

/* Number of connections; bytes charged for buffers. */
unsigned tcp_count(const struct tcp *tcp);
uint64_t tcp_bytes(const struct tcp *tcp);

/*
 * Bytes from the guest that the host has not taken; bytes to the guest that it has not
 * acknowledged.
 */
void tcp_queues(const struct conn *conn, unsigned *recvq, unsigned *sendq);
/* The host's socket; -1: none any more. */
int tcp_fd(const struct conn *conn);

#define TCP_CONNECT_TIMEOUT (20 * USEC_PER_SEC)

#endif
