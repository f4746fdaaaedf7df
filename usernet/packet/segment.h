/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_PACKET_SEGMENT_H
#define USERNET_PACKET_SEGMENT_H

#include "net/outbox.h"
#include "packet/packet.h"

/*
 * Cuts a packet to what a guest takes: TCP into segments of at most @mss bytes (0: as @mtu allows),
 * everything else into fragments of @mtu (RFC 791 3.2, RFC 8200 4.5). The pieces go to @outbox; a
 * packet that fits goes unchanged.
 */
void segment_packet(const struct packet *packet, unsigned mss, unsigned mtu, struct outbox *outbox);

#endif
