/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_OFFLOAD_H
#define USERNET_NET_OFFLOAD_H

#include "net/frame.h"

/*
 * Frames that a kernel left unfinished because its network card would finish them (virtio 1.2,
 * 5.1.6.2): TCP segments longer than the MTU, to be cut (frame::segment), and TCP or UDP whose
 * checksum covers only the pseudo-header (FRAME_SUM_PARTIAL). A tap with IFF_VNET_HDR gives and
 * takes such frames.
 */
#define OFFLOAD_SEGMENT_MIN 48  /* a smaller frame::segment is refused */
#define OFFLOAD_HEADERS_MAX 192 /* ethernet to TCP, with tags and IPv6 extension headers */
/* Pieces of one frame at most. */
#define OFFLOAD_PIECES_MAX (FRAME_MAX / OFFLOAD_SEGMENT_MIN + 1)

/* Where the headers of a TCP or UDP packet are; offsets from frame::data. */
struct offload_at {
	uint16_t l3, l4;
	uint16_t payload; /* UDP: after its header */
	uint8_t proto;    /* IPPROTO_TCP or IPPROTO_UDP */
	bool v6;
	uint32_t end; /* of the IP packet; padding follows */
};

/* False: not an unfragmented TCP or UDP packet, or its headers are cut or too long. */
bool offload_locate(const struct frame *frame, struct offload_at *at);
/* Bytes that offload_finish() needs for the pieces, @gap bytes before each included. */
size_t offload_room(const struct frame *frame, const struct offload_at *at, size_t gap);
/*
 * Writes the finished frames to @room, each after @gap bytes, of which the last FRAME_PREFIX are
 * its prefix, and to @out, at most OFFLOAD_PIECES_MAX. Returns their number. The frame is at least
 * OFFLOAD_SEGMENT_MIN in frame::segment, or 0.
 */
size_t offload_finish(const struct frame *frame, const struct offload_at *at, uint8_t *room,
		      size_t gap, struct frame *out);

#endif
