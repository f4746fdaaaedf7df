/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CONNTRACK_LOCAL_SERVICE_H
#define USERNET_CONNTRACK_LOCAL_SERVICE_H

#include "packet/packet.h"

/*
 * Takes guests' TCP to a server on the network, which is one of ours, to where that listens on the
 * host's loopback. Both ways at libslirp's edge, so that all in front of it (destination, offload)
 * sees the server's address and libslirp sees the loopback's, which no guest can name
 * (destination.h). Checksums are updated, not made anew (RFC 1624).
 *
 *     guest ─► dns:53 ─ local_services_in ─► 127.0.0.1:PORT ─ libslirp ─► 127.0.0.1:PORT
 *     guest ◄─ dns:53 ◄─ local_services_out ─ 127.0.0.1:PORT ◄─ libslirp
 *
 * Each server has a listener of its own: two conns of one guest's port would else be one to
 * libslirp.
 */
struct local_services;

struct local_server {
	struct in6_addr addr; /* v4-mapped or IPv6: as guests know it */
	uint16_t port;
	uint16_t listener; /* the port of 127.0.0.1, or of ::1, as addr's family is */
	bool closed;       /* what is there goes on, and no more connections come */
};

struct local_services *local_services_new(void);
void local_services_free(struct local_services *local_services);
/*
 * @server is borrowed until local_services_remove(). One that has the same address and port as
 * another takes its place for what comes in.
 */
void local_services_add(struct local_services *local_services, const struct local_server *server);
void local_services_remove(struct local_services *local_services,
			   const struct local_server *server);

/* The server that @packet is for; NULL: none of ours. */
const struct local_server *local_services_find(const struct local_services *local_services,
					       const struct packet *packet);
/* Copies @packet's frame to @copy (packet->len bytes), changed; @packet is that of the copy then.
 */
void local_services_in(const struct local_server *server, struct packet *packet, uint8_t *copy);
/*
 * @frame, @len: from libslirp. When it comes from where local_services_in() led, copies it to
 * @copy, changed, and returns true.
 */
bool local_services_out(const struct local_services *local_services, const uint8_t *frame,
			size_t len, uint8_t *copy);

#endif
