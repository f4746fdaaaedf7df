/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CONNTRACK_CHARGE_H
#define USERNET_CONNTRACK_CHARGE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What the guests behind one port hold of the gateway's resources, and what all ports hold
 * together. Each resource is charged before it is taken. The last quarter of each limit is for
 * ports that hold little, so a guest that takes all it can leaves room for the others.
 *
 *   life:  charge_book_new -> charge_get (one reference per holder) -> charge_take, charge_give
 *          -> charge_put -> charge_book_free
 */
enum charge_kind {
	CHARGE_FDS,     /* descriptors of guests' connections, UDP sockets and forwards' clients */
	CHARGE_CONNS,   /* entries of the conntrack table */
	CHARGE_BYTES,   /* buffered payload, either way */
	CHARGE_OPENING, /* TCP connections that are not established yet */
	CHARGE_INSTANCES, /* libslirp instances, one per guest address (offload=off) */
	CHARGE_PROCESSES, /* commands of guestfwd */
	CHARGE_KINDS,
};

/* Descriptors that the process keeps for ports, control and files; a quarter of a small limit. */
#define CHARGE_FDS_RESERVE 256
/* The part of each limit that is kept for ports that hold little: 1/4. */
#define CHARGE_DENOMINATOR 4

#define CHARGE_CONNS_MAX     131072
#define CHARGE_BYTES_MAX     (48u << 20)
#define CHARGE_OPENING_MAX   4096
#define CHARGE_PROCESSES_MAX 256

struct charge_book; /* all ports of a network */
struct charge;      /* one port */

/* Reads RLIMIT_NOFILE. @max_instances: max-guests=. */
struct charge_book *charge_book_new(unsigned max_instances);
/* All references must have been given back. */
void charge_book_free(struct charge_book *book);

/* The charge of a port (port::id; 0: no port is known yet), made when there is none; a reference.
 */
struct charge *charge_get(struct charge_book *book, unsigned port_id);
/* Another reference. */
struct charge *charge_ref(struct charge *charge);
/* NULL is fine. What it holds must have been given back with the last reference. */
void charge_put(struct charge *charge);
unsigned charge_port_id(const struct charge *charge);

/* False: this port, or all together, may hold no more of @kind; nothing was taken. */
bool charge_take(struct charge *charge, enum charge_kind kind, unsigned n);
/* Would charge_take() succeed? */
bool charge_has_room(const struct charge *charge, enum charge_kind kind, unsigned n);
/* Takes in any case; for what was opened already. */
void charge_force(struct charge *charge, enum charge_kind kind, unsigned n);
void charge_give(struct charge *charge, enum charge_kind kind, unsigned n);
/* What @from holds of @kind for a thing of size @n is @to's from now on. */
void charge_move(struct charge *from, struct charge *to, enum charge_kind kind, unsigned n);

unsigned charge_held(const struct charge *charge, enum charge_kind kind);
unsigned charge_book_held(const struct charge_book *book, enum charge_kind kind);
unsigned charge_book_max(const struct charge_book *book, enum charge_kind kind);
/* Is more than three quarters of @kind taken? Then buffers are kept small. */
bool charge_book_is_scarce(const struct charge_book *book, enum charge_kind kind);
/* "fds", "conns" … as query-netdevs shows them. */
const char *charge_kind_name(enum charge_kind kind);

#endif
