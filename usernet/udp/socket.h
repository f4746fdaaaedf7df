/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_UDP_SOCKET_H
#define USERNET_UDP_SOCKET_H

#include "base/sockaddr.h"
#include "udp/session.h"

/*
 * The host's side of a UDP forward: a socket that many clients talk to. They are read in bounded
 * batches and answered from the very address they asked, also where the socket is bound to any.
 */
#define UDP_BATCH 32 /* datagrams a read */

struct udp_datagram {
	struct udp_client from;
	const uint8_t *data; /* the batch's */
	size_t len;
};

/* Room for one batch; one does for all sockets of a loop. */
struct udp_batch;

struct udp_batch *udp_batch_new(void);
void udp_batch_free(struct udp_batch *batch);
/* How many there are now at @fd, at most UDP_BATCH; 0 on an error too, which is not repeated. */
unsigned udp_batch_receive(struct udp_batch *batch, int fd);
/* The @i-th; good until the next udp_batch_receive(). */
const struct udp_datagram *udp_batch_get(const struct udp_batch *batch, unsigned i);

/*
 * A non-blocking socket at @host (inet or inet6, which never takes IPv4's port along); *@bound is
 * where it is, with the port that was chosen. -1: @error, as socket_bind() has it.
 */
int udp_socket_open(const struct sockaddr_any *host, struct sockaddr_any *bound, GError **error);
/* False: errno tells. EAGAIN: the socket's buffer is full. */
bool udp_socket_send(int fd, const struct udp_client *to, const void *data, size_t len);

#endif
