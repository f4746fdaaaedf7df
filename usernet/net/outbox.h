/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_OUTBOX_H
#define USERNET_NET_OUTBOX_H

#include <stddef.h>
#include <stdint.h>

#include "base/chunk.h"
#include "net/port.h"

/*
 * Frames that the gateway sends in this turn. They are written into chunks back to back, each with
 * its length prefix, so that consecutive frames for one guest leave in one write. outbox_flush()
 * passes them to the switch; never call it from the NAT's callbacks.
 */
#define OUTBOX_MAX_CHUNKS 24 /* 8 MB a turn; further frames are dropped and counted */

struct outbox {
	struct chunk_pool *pool;
	struct port *port;
	/*
	 * Source MAC of every frame; 0: unchanged. libslirp uses another one for IPv6 (slirp.c
	 * if_encap6), and answers to that MAC would be lost.
	 */
	mac_t src;
	struct chunk *chunk;
	size_t used;
	unsigned n_chunks;
	struct frame *frames; /* grows geometrically, never shrinks */
	size_t n, capacity;
};

void outbox_init(struct outbox *outbox, struct chunk_pool *pool, struct port *port);
void outbox_fini(struct outbox *outbox);
/*
 * Reserves room for a frame of @len bytes and its padding. NULL (counted at the port) when this
 * turn's limit is reached.
 */
uint8_t *outbox_reserve(struct outbox *outbox, size_t len);
/*
 * Completes the frame reserved last: it has @len bytes, at most the length reserved. A frame
 * shorter than FRAME_PADDED is padded with zeroes.
 */
void outbox_commit(struct outbox *outbox, size_t len);
/*
 * Appends a frame, with right checksums, that stays in place until the end of the turn. @data must
 * have room for the prefix before it and, if @len is less than FRAME_PADDED, for the padding after
 * it; both are written.
 */
void outbox_append(struct outbox *outbox, uint8_t *data, size_t len);
/* The same for a frame with FRAME_SUM_PARTIAL. */
void outbox_append_partial(struct outbox *outbox, uint8_t *data, size_t len);
/* Must not be called from a port's ops. */
void outbox_flush(struct outbox *outbox);

#endif
