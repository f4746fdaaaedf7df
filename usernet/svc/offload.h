/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_SVC_OFFLOAD_H
#define USERNET_SVC_OFFLOAD_H

#include "svc/outbox.h"
#include "svc/packet.h"

/*
 * Stands between scrub and libslirp, because what costs is the packet, not the byte. Towards
 * libslirp, a guest's in-order TCP segments of one turn are merged into one; towards the guest,
 * libslirp's large segments are split to the guest's MSS and large datagrams fragmented to its MTU.
 *
 *     guest ── offload_from_guest ──► [merge] ── deliver() ──► libslirp
 *     guest ◄── outbox ◄── [split] ◄── offload_to_guest ── libslirp
 *
 * A merge holds nothing past offload_flush(), which ends every turn's input.
 */

/* libslirp's if_mtu: it makes segments of this less headers, whatever the guest's MTU. */
#define OFFLOAD_IF_MTU 16120
/* Flows merged at once in a turn; the one touched longest ago gives way. */
#define OFFLOAD_MERGES 8

struct offload;

/* What offload knows of one guest address; lives in the NAT's instance. Zero to begin with. */
struct offload_guest {
	uint16_t mss; /* smallest it has announced; 0: none yet */
};

/* @deliver: @packet goes to libslirp for @owner. @off: merge and split nothing that need not be. */
struct offload *offload_new(bool off, void (*deliver)(void *owner, const struct packet *packet));
void offload_free(struct offload *offload);

/* @packet's frame is borrowed until offload_flush. */
void offload_from_guest(struct offload *offload, void *owner, struct offload_guest *guest,
			const struct packet *packet);
void offload_flush(struct offload *offload);
/* @owner goes: what is held for it is forgotten. It has not been acknowledged, so nothing is lost.
 */
void offload_forget(struct offload *offload, void *owner);
/* @frame: IPv4 or IPv6 from libslirp, any size, valid for the call. @mtu: the guest's, in bytes. */
void offload_to_guest(struct offload *offload, const struct offload_guest *guest, unsigned mtu,
		      const uint8_t *frame, size_t len, struct outbox *outbox);

#endif
