/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_FORWARD_GUESTFWD_H
#define USERNET_FORWARD_GUESTFWD_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/loop.h"
#include "base/sockaddr.h"
#include "packet/packet.h"

/*
 * Servers on the network that are not guests: a guest's TCP connection to one leads to a socket of
 * the host, or to a command that is run for it (guestfwd=). The addresses become the gateway's: it
 * answers for them, guests may not use them, DHCP does not give them. Policy for outgoing conns
 * does not apply: the rule itself allows the connection.
 */
struct guestfwd;
struct guestfwds; /* all guestfwd rules of a gateway */
struct network;
struct conn;
struct conn_table;
struct tcp;
struct served;
struct lease_pool;
struct user_config;

#define GUESTFWD_RULES    256  /* rules of a network */
#define GUESTFWD_MAX      1024 /* connections; at most 1/8 of the descriptor limit */
#define GUESTFWD_PER_RULE 512
#define GUESTFWD_PER_PORT 256 /* of all guests behind one port */
#define GUESTFWD_WAITING  256 /* of a rule, while a unix socket's backlog is full */
#define GUESTFWD_PAUSE    (50 * USEC_PER_MSEC) /* between two attempts to connect */
#define GUESTFWD_WAIT     (5 * USEC_PER_SEC)   /* then waiting connections are reset */

struct guestfwd_spec {
	struct in6_addr addr; /* the server's: v4-mapped or IPv6 */
	uint16_t port;
	const char *command;    /* NULL: connect to a socket */
	struct sockaddr_any to; /* the socket's address */
	const char *text;       /* the rule, for messages */
};

/* Shared by all rules; everything in it must outlive them. */
struct guestfwd_env {
	struct network *network;
	const struct user_config *config;
	struct conn_table *conns;
	struct tcp *tcp;
	struct served *served;
	struct lease_pool *pool;
};

struct guestfwds *guestfwds_new(const struct guestfwd_env *env);
void guestfwds_free(struct guestfwds *all);

/*
 * Derives @addr when it is 0.0.0.0, as QEMU does (x.x.x.4; libslirp slirp.c check_guestfwd), and
 * checks that a server may have it in @config, which is resolved.
 */
bool guestfwd_resolve(const struct user_config *config, struct in6_addr *addr, GError **error);
/* Copies @spec and resolves its address. NULL: @error is the reason, without the rule. */
struct guestfwd *guestfwd_add(struct guestfwds *all, const struct guestfwd_spec *spec,
			      GError **error);
/* Resets its connections and frees @fwd. */
void guestfwd_remove(struct guestfwd *fwd);

struct guestfwd_counts {
	unsigned open;     /* connections open now */
	uint64_t accepted; /* connections in all */
	uint64_t refused;  /* connections refused: target unavailable, or too many */
};
struct guestfwd_counts guestfwd_counts(const struct guestfwd *fwd);

/* Is @packet, TCP from a guest, for one of the servers? */
bool guestfwds_serve(const struct guestfwds *all, const struct packet *packet);

/*
 * @syn of a guest opened @conn, to a server for which guestfwds_serve() is true. False: reset
 * it.
 */
bool guestfwds_open(struct guestfwds *all, struct conn *conn, const struct packet *syn);

#endif
