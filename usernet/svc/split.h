/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_SVC_SPLIT_H
#define USERNET_SVC_SPLIT_H

#include "svc/outbox.h"
#include "svc/packet.h"

/*
 * Makes packets that fit a guest out of one that does not: TCP is cut into segments of at most @mss
 * bytes (0: what @mtu leaves), all else is fragmented to @mtu (RFC 791 3.2, RFC 8200 4.5). The
 * pieces go to
 * @outbox; a packet that fits goes as it is.
 */
void split_packet(const struct packet *packet, unsigned mss, unsigned mtu, struct outbox *outbox);

#endif
