/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CONNTRACK_CHARGE_H
#define USERNET_CONNTRACK_CHARGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limit.h"

/*
 * Counts what the guests behind one port hold of the gateway's resources, and what all ports hold
 * together. A resource is charged before it is taken. The last quarter of each limit is for ports
 * that hold little, so a guest that takes all it can leaves room for the others.
 *
 *   life:  charge_book_new -> charge_get (one reference per holder) -> charge_take, charge_give
 *          -> charge_put -> charge_book_free
 */
enum charge_kind {
	CHARGE_FDS,       /* descriptors: guests' connections, UDP sockets, forwards' clients */
	CHARGE_CONNS,     /* entries of the conntrack table */
	CHARGE_BYTES,     /* buffered payload, either way */
	CHARGE_OPENING,   /* TCP connections not established yet */
	CHARGE_INSTANCES, /* libslirp instances, one per guest address (offload=off) */
	CHARGE_PROCESSES, /* guestfwd commands */
	CHARGE_KINDS,
};

/* Descriptors kept for ports, control and files; at most a quarter of the limit. */
#define CHARGE_FDS_RESERVE 256
/* The part of each limit kept for ports that hold little: 1/4. */
#define CHARGE_DENOMINATOR 4
/* A port that holds this part of all descriptors never holds little: 1/8. */
#define CHARGE_FEW_DENOMINATOR 8

#define CHARGE_CONNS_MAX     limit_get(LIMIT_CONNS)
#define CHARGE_BYTES_MAX     limit_get(LIMIT_BYTES)
#define CHARGE_OPENING_MAX   limit_get(LIMIT_OPENING)
#define CHARGE_PROCESSES_MAX limit_get(LIMIT_PROCESSES)

struct charge_book; /* all ports of a network */
struct charge;      /* one port */

/* Reads RLIMIT_NOFILE. @max_instances: max-guests=. */
struct charge_book *charge_book_new(unsigned max_instances);
/* All references must have been put. */
void charge_book_free(struct charge_book *book);

/*
 * A reference to the charge of port @port_id (port::id; 0: port not known yet), created if
 * needed.
 */
struct charge *charge_get(struct charge_book *book, unsigned port_id);
/* Another reference. */
struct charge *charge_ref(struct charge *charge);
/* NULL is fine. Before the last reference goes, everything taken must be given back. */
void charge_put(struct charge *charge);
unsigned charge_port_id(const struct charge *charge);

/*
 * False: the limit for this port or for all is reached, or memory is low (base/reserve.h); nothing
 * was taken.
 */
bool charge_take(struct charge *charge, enum charge_kind kind, unsigned n);
/* Would charge_take() succeed? */
bool charge_has_room(const struct charge *charge, enum charge_kind kind, unsigned n);
/* Takes even beyond the limit, for a resource that exists already. */
void charge_force(struct charge *charge, enum charge_kind kind, unsigned n);
void charge_give(struct charge *charge, enum charge_kind kind, unsigned n);
/* Moves @n of @kind from @from to @to. */
void charge_move(struct charge *from, struct charge *to, enum charge_kind kind, unsigned n);

unsigned charge_held(const struct charge *charge, enum charge_kind kind);
unsigned charge_book_held(const struct charge_book *book, enum charge_kind kind);
unsigned charge_book_max(const struct charge_book *book, enum charge_kind kind);
/* Is more than three quarters of @kind taken? Buffers are kept small then. */
bool charge_book_is_scarce(const struct charge_book *book, enum charge_kind kind);

#endif
