/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_OUTBOX_H
#define USERNET_NET_OUTBOX_H

#include <stddef.h>
#include <stdint.h>

#include "base/chunk.h"
#include "net/port.h"

/*
 * What the gateway has to say this turn: frames written one behind the other into chunks, each with
 * its length prefix, so that a run of them for one guest leaves in one write. Entered into the
 * switch by outbox_flush(), never from within the NAT's callbacks.
 */
#define OUTBOX_MAX_CHUNKS 24 /* 8 MB a turn; what comes beyond is dropped and counted */

struct outbox {
	struct chunk_pool *pool;
	struct port *port;
	/* What every frame is given as its source; 0: they keep theirs. libslirp calls itself
	 * otherwise in IPv6 (slirp.c if_encap6), and who answers that MAC is lost. */
	mac_t src;
	struct chunk *chunk;
	size_t used;
	unsigned n_chunks;
	struct frame *frames; /* grown geometrically, kept */
	size_t n, capacity;
};

void outbox_init(struct outbox *outbox, struct chunk_pool *pool, struct port *port);
void outbox_fini(struct outbox *outbox);
/*
 * Room for a frame of @len bytes, and for its padding; NULL when this turn's bound is reached
 * (counted at the port).
 */
uint8_t *outbox_reserve(struct outbox *outbox, size_t len);
/*
 * The frame in the room last reserved is @len bytes long, at most what was reserved. A frame
 * shorter than FRAME_PADDED is padded with zeroes.
 */
void outbox_commit(struct outbox *outbox, size_t len);
/*
 * A frame that lies elsewhere until the end of the turn. @data has room for the prefix in front of
 * it and, when @len is less than FRAME_PADDED, for the padding behind it: both are written.
 */
void outbox_append(struct outbox *outbox, uint8_t *data, size_t len);
/* Not from a port's ops. */
void outbox_flush(struct outbox *outbox);

#endif
