/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BENCH_CARD_H
#define USERNET_BENCH_CARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

/*
 * The network card of tapguest's guest: a tap that gives TCP in segments of up to 64 KB, which are
 * cut here to frames for the wire, and takes frames from the wire coalesced. A guest's kernel does
 * both itself (GSO, GRO), below its TCP and above its card; a tap would then pass frame by frame,
 * at a cost in system calls as high as a network's. The frames are those that the kernel would have
 * sent. Coalesced frames are checked here, so the kernel does not check them; frames with a wrong
 * checksum pass unchanged. Errors end the program.
 */
struct card_header { /* struct virtio_net_hdr (virtio 1.2 5.1.6), of the host's byte order */
	uint8_t flags, gso_type;
	uint16_t hdr_len, gso_size, csum_start, csum_offset;
};

/* The place of a TCP segment in its frame. */
struct card_tcp {
	bool v6;
	size_t l4, payload; /* offsets */
};

struct card_room {
	struct card_header header;
	uint8_t frame[WIRE_FRAME_MAX];
};

struct card {
	int fd;
	bool gro; /* coalesce frames to the kernel; else it gets, and checks, each frame */
	/* From the kernel: the segment being cut. */
	struct card_room out;
	size_t out_len, out_at; /* bytes of payload cut off so far */
	struct card_tcp out_tcp;
	/* To the kernel: the frames being coalesced. */
	struct card_room in;
	size_t in_len;
	struct card_tcp in_tcp;
	unsigned in_n; /* frames; 0: none */
	uint16_t in_mss;
};

/* Makes the tap @name in this network namespace. */
void card_open(struct card *card, const char *name);
/* The next frame from the kernel, at most WIRE_FRAME_MAX bytes; 0: none now. */
size_t card_read(struct card *card, uint8_t *frame);
/* Is there another, even if the tap is not readable? */
static inline bool card_has_more(const struct card *card)
{
	return card->out_len > 0;
}
/* Gives a frame to the kernel, in order; it may wait for card_flush(). */
void card_write(struct card *card, const uint8_t *frame, size_t len);
void card_flush(struct card *card);

#endif
