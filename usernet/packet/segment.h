/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_PACKET_SEGMENT_H
#define USERNET_PACKET_SEGMENT_H

#include "net/outbox.h"
#include "packet/packet.h"

/*
 * Makes packets that fit a guest out of one that does not: TCP is cut into segments of at most @mss
 * bytes (0: what @mtu leaves), all else is fragmented to @mtu (RFC 791 3.2, RFC 8200 4.5). The
 * pieces go to
 * @outbox; a packet that fits goes as it is.
 */
void segment_packet(const struct packet *packet, unsigned mss, unsigned mtu, struct outbox *outbox);

#endif
