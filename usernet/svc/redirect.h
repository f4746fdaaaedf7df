/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_SVC_REDIRECT_H
#define USERNET_SVC_REDIRECT_H

#include "svc/packet.h"

/*
 * Takes guests' TCP to a server on the network, which is one of ours, to where that listens on the
 * host's loopback. Both ways at libslirp's edge, so that all in front of it (scrub, offload) sees
 * the server's address and libslirp sees the loopback's, which no guest can name (scrub.h).
 * Checksums are updated, not made anew (RFC 1624).
 *
 *     guest ─► dns:53 ─ redirect_in ─► 127.0.0.1:PORT ─ libslirp ─► 127.0.0.1:PORT
 *     guest ◄─ dns:53 ◄─ redirect_out ─ 127.0.0.1:PORT ◄─ libslirp
 *
 * Each server has a listener of its own: two flows of one guest's port would else be one to
 * libslirp.
 */
struct redirect;

struct redirect_server {
	struct in6_addr addr; /* v4-mapped or IPv6: as guests know it */
	uint16_t port;
	uint16_t listener; /* the port of 127.0.0.1, or of ::1, as addr's family is */
	bool closed;       /* what is there goes on, and no more connections come */
};

struct redirect *redirect_new(void);
void redirect_free(struct redirect *redirect);
/*
 * @server is borrowed until redirect_remove(). One that has the same address and port as another
 * takes its place for what comes in.
 */
void redirect_add(struct redirect *redirect, const struct redirect_server *server);
void redirect_remove(struct redirect *redirect, const struct redirect_server *server);

/* The server that @packet is for; NULL: none of ours. */
const struct redirect_server *redirect_find(const struct redirect *redirect,
					    const struct packet *packet);
/* Copies @packet's frame to @copy (packet->len bytes), changed; @packet is that of the copy then.
 */
void redirect_in(const struct redirect_server *server, struct packet *packet, uint8_t *copy);
/*
 * @frame, @len: from libslirp. When it comes from where redirect_in() led, copies it to @copy,
 * changed, and returns true.
 */
bool redirect_out(const struct redirect *redirect, const uint8_t *frame, size_t len, uint8_t *copy);

#endif
