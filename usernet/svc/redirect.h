/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_SVC_REDIRECT_H
#define USERNET_SVC_REDIRECT_H

#include "svc/packet.h"

/*
 * Takes guests' TCP to the name server's address to where our name server listens: on the host's
 * loopback, which libslirp reaches by the gateway address. What comes back from there is given the
 * name server's address again. Checksums are updated, not made anew (RFC 1624).
 *
 *     guest ─► dns:53 ─ redirect_in ─► host:PORT ─ libslirp ─► 127.0.0.1:PORT
 *     guest ◄─ dns:53 ◄─ redirect_out ─ host:PORT ◄─ libslirp
 */
struct user_config;

struct redirect {
	const struct user_config *config;
	uint16_t port4, port6; /* the loopback ports; 0: nobody listens */
};

/* Is @packet one for redirect_in()? */
bool redirect_wants(const struct redirect *redirect, const struct packet *packet);
/* Copies @packet's frame to @copy (packet->len bytes), changed; @packet is that of the copy then.
 */
void redirect_in(const struct redirect *redirect, struct packet *packet, uint8_t *copy);
/*
 * @frame, @len: TCP from libslirp. When it comes from where redirect_in() led, copies it to @copy,
 * changed, and returns true.
 */
bool redirect_out(const struct redirect *redirect, const uint8_t *frame, size_t len, uint8_t *copy);

#endif
