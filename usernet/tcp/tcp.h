/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TCP_TCP_H
#define USERNET_TCP_TCP_H

#include "conntrack/conn_table.h"

/*
 * The guest's TCP peer. Each connection joins a guest's segments to one stream socket of the host:
 * a connection outward, a client of a forward, a server of guestfwd, or the name server. Sequence
 * numbers, windows, retransmission and congestion control towards the guest are ours (RFC 9293 and
 * its companions, named in the files); the host's side is the kernel's.
 *
 *   life:  tcp_new -> tcp_accept or tcp_connect per connection -> tcp_input per segment
 *          -> tcp_run once a turn -> tcp_free
 *
 * A connection is its conn's: conn::tcp is set by tcp_accept() and tcp_connect(), and cleared when
 * nothing more is to be sent or heard; the conn then lingers in the table as TIME_WAIT or CLOSED
 * with conn::ends filled in, so that a late segment can be answered. When the table ends a conn
 * (conn_ops::ended) both ends are reset.
 */
struct charge_book;
struct network;
struct outbox;
struct tcp;
struct user_config;

struct tcp_env {
	struct network *network;
	const struct user_config *config;
	struct outbox *outbox; /* frames for guests go there */
	struct conn_table *conns;
	struct charge_book *charges;
	/* Deferred when tcp_run() has something to do; its owner calls tcp_run() and flushes the
	 * outbox. */
	struct loop_task *service;
};

/* All that @env names outlives it. */
struct tcp *tcp_new(const struct tcp_env *env);
/* Resets the connections that are left, at both ends. */
void tcp_free(struct tcp *tcp);

/*
 * The guest's @syn opened @conn (conn::charge is set, CHARGE_OPENING and CHARGE_FDS are not taken
 * yet). @fd: a non-blocking stream socket of any family that connects or is connected, taken over
 * in any case. The guest is answered when it is connected: SYN,ACK; a refusal as RST; an
 * unreachable destination as the ICMP error that says why.
 */
void tcp_accept(struct tcp *tcp, struct conn *conn, const struct packet *syn, int fd);
/* connect() to where @syn leads failed at once, with @error (errno): the guest is told as if it had
 * failed later. @conn is closed. */
void tcp_refuse(struct tcp *tcp, struct conn *conn, const struct packet *syn, int error);
/*
 * @fd: a connected client, non-blocking, taken over in any case; @conn names the guest and whom it
 * sees as client. The SYN goes out with the next tcp_run(). When the guest refuses, or does not
 * answer for TCP_CONNECT_TIMEOUT, the client is reset.
 */
void tcp_connect(struct tcp *tcp, struct conn *conn, int fd);

/* A segment from the guest; conn::tcp is set. The frame is borrowed until the end of the turn. */
void tcp_input(struct tcp *tcp, struct conn *conn, const struct packet *packet);
/* Once a turn, when all frames of the turn are in: writes, reads, acknowledges. */
void tcp_run(struct tcp *tcp);

/* RST to both ends; conn::tcp is NULL after. */
void tcp_reset(struct tcp *tcp, struct conn *conn);
/* Policy has changed its mind: RST to the guest, FIN to the peer. */
void tcp_cut(struct tcp *tcp, struct conn *conn);
/* A port takes frames again. */
void tcp_port_drained(struct tcp *tcp);

/*
 * Told once when a connection is over, in whichever way; @err: the errno with which the host's
 * socket could not be connected, else 0. The connection is gone after the call.
 */
struct tcp_owner {
	void (*ended)(struct tcp_owner *owner, int err);
};
/* conn::tcp is set; NULL: nobody is told any more. */
void tcp_own(struct conn *conn, struct tcp_owner *owner);

/* Connections; bytes charged for buffers. */
unsigned tcp_count(const struct tcp *tcp);
uint64_t tcp_bytes(const struct tcp *tcp);

/* Bytes from the guest that the host has not taken, and to the guest that it has not acknowledged.
 */
void tcp_queues(const struct conn *conn, unsigned *recvq, unsigned *sendq);
/* The host's socket; -1: there is none any more. */
int tcp_fd(const struct conn *conn);

#define TCP_CONNECT_TIMEOUT (20 * USEC_PER_SEC)

#endif
