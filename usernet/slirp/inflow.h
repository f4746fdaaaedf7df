/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_SLIRP_INFLOW_H
#define USERNET_SLIRP_INFLOW_H

#include <glib.h>
#include <stdbool.h>

#include "packet/packet.h"

/*
 * Connections that came in: a client of the host's side, and the guest that it was led to. To
 * libslirp each is one of the gateway's address and a port that means nothing (instance_door.c);
 * the guest sees the client's own address and port where it can answer there. Between the two
 * stands a rewrite, at libslirp's edge:
 *
 *     libslirp ─ gateway:NAT_PORT ─ inflow_to_guest ─► client:PORT ─► guest
 *     libslirp ◄─ gateway:NAT_PORT ◄─ inflow_from_guest ─ client:PORT ─ guest
 *
 * An inflow lives as long as libslirp keeps the client's descriptor: TIME_WAIT included. It costs
 * one hash lookup a packet while there are any.
 */
struct inflow_table;

struct inflow {
	struct in6_addr guest; /* v4-mapped or IPv6, as all here */
	struct in6_addr seen;  /* the client as the guest sees it */
	uint16_t guest_port, seen_port;
	uint16_t nat_port; /* of the gateway, as libslirp sees it */
	bool masqueraded;  /* seen is the gateway and nat_port */
	bool opened;       /* the guest has taken the connection */
	int fd;            /* libslirp's; -1: not yet */
	const char *rule;  /* that let it in: a GRefString, of which the table takes a reference */
};

struct inflow_table *inflow_table_new(void);
/* Inflows that are left are freed. */
void inflow_table_free(struct inflow_table *table);
unsigned inflow_count(const struct inflow_table *table);

/*
 * Copies @flow into the table, without its fd. With a client that the guest sees already at the
 * same port, by way of another rule, it becomes masqueraded as @gateway. NULL: nat_port is taken.
 */
struct inflow *inflow_add(struct inflow_table *table, const struct inflow *flow,
			  const struct in6_addr *gateway);
void inflow_set_fd(struct inflow_table *table, struct inflow *flow, int fd);
/* NULL: it is of none. */
struct inflow *inflow_by_fd(const struct inflow_table *table, int fd);
void inflow_remove(struct inflow_table *table, struct inflow *flow);

/* The inflow that @packet, from a guest, belongs to; NULL: none. */
struct inflow *inflow_from_guest(const struct inflow_table *table, const struct packet *packet);
/*
 * A frame from libslirp, which is changed in place when it is an inflow's. @gateway: libslirp's
 * vhost of that family. The inflow, or NULL.
 */
struct inflow *inflow_to_guest(const struct inflow_table *table, const struct in6_addr *gateway,
			       uint8_t *frame, size_t len);

#endif
