/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TCP_OFFLOAD_H
#define USERNET_TCP_OFFLOAD_H

#include "base/list.h"
#include "base/loop.h"
#include "net/outbox.h"
#include "packet/packet.h"
#include "tcp/offload_pool.h"

/*
 * Stands between a guest and libslirp and makes TCP fast: what costs is the packet, not the byte,
 * and what limits is libslirp's window of 64 KB (offload.c has the theory).
 *
 *     guest ── offload_from_guest ──► [merge, hold] ── ops::deliver ──► libslirp
 *     guest ◄── outbox ◄── [split, keep until acknowledged] ◄── offload_to_guest ── libslirp
 *
 * Life: offload_new, then per guest address offload_guest_init, packets both ways, offload_flush at
 * the end of each turn's input and output, offload_forget; offload_free when all are forgotten.
 */

/*
 * The segments that libslirp makes, whatever the guest's MTU. They fit its buffers of 128 KB a
 * whole number of times: else it makes both longer when a connection opens (tcp_input.c tcp_mss,
 * sbuf.c sbreserve), and on the heap that copies, and so touches, all of them. (Those of what an
 * IPv4 guest opens are 20 bytes shorter: tcp_subr.c tcp_newtcpcb does not know the family yet.)
 */
#define OFFLOAD_MSS 16384
/* libslirp's if_mtu, at most: that less headers. */
#define OFFLOAD_IF_MTU (OFFLOAD_MSS + 60)
/*
 * Bytes that rings and holds may take, of all guests and of those at one port. Who finds no room is
 * served as if there were no offload: acknowledged by its own acknowledgements, nothing held.
 */
#define OFFLOAD_BYTES      (96 << 20)
#define OFFLOAD_PORT_BYTES (24 << 20)
/*
 * Connections that are known, of all guests and of those at one port; what is opened beyond passes
 * as it is. The last quarter of both these and the bytes is for ports that hold few.
 */
#define OFFLOAD_FLOWS      65536
#define OFFLOAD_PORT_FLOWS 32768
#define OFFLOAD_FEW_FLOWS  1024
#define OFFLOAD_FEW_BYTES  (1 << 20)

struct offload;

/* What offload knows of one guest address; lives in the NAT's instance. */
struct offload_guest {
	void *owner;
	struct list flows;           /* heads offload_flow::guest_link */
	unsigned n_flows;            /* on it */
	unsigned blocks;             /* charged to it (offload_pool.h) */
	struct offload_share *share; /* of its port; NULL: at none */
	uint16_t mss; /* smallest it has announced, for what has no flow; 0: none yet */
};

struct offload_ops {
	/* @packet goes to libslirp. Not called from within offload_to_guest. */
	void (*deliver)(void *owner, const struct packet *packet);
	/* Does the guest's port take more? Asked again a millisecond later. */
	bool (*may_send)(void *owner);
	/* A timer has put something into the outbox: flush both this turn. */
	void (*wake)(void *data);
};

/* @outbox: what goes to guests. @off: split what must be, and nothing else. All outlive it. */
struct offload *offload_new(struct loop *loop, struct outbox *outbox, const struct offload_ops *ops,
			    void *data, bool off);
void offload_free(struct offload *offload);

void offload_guest_init(struct offload_guest *guest, void *owner);
/* What it holds counts at @share from now on; NULL: at no port. */
void offload_guest_set_share(struct offload_guest *guest, struct offload_share *share);

/* @packet is borrowed for the call. */
void offload_from_guest(struct offload *offload, struct offload_guest *guest,
			const struct packet *packet);
/* @frame: IPv4 or IPv6 from libslirp, any size, valid for the call. @mtu: the guest's, in bytes. */
void offload_to_guest(struct offload *offload, struct offload_guest *guest, unsigned mtu,
		      const uint8_t *frame, size_t len);
/* Delivers what was merged, sends what was kept, acknowledges. Not from libslirp's callbacks. */
void offload_flush(struct offload *offload);
/* A port takes frames again. */
void offload_look_again(struct offload *offload);
/* The guest, or its libslirp, goes: its connections are forgotten, libslirp is told nothing. */
void offload_forget(struct offload *offload, struct offload_guest *guest);

/* Bytes charged for rings and holds; connections known. */
uint64_t offload_bytes(const struct offload *offload);
unsigned offload_n_flows(const struct offload *offload);

#endif
