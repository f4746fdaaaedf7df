/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BENCH_CARD_H
#define USERNET_BENCH_CARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

/*
 * The network card of the guest that tapguest is: a tap that gives TCP in segments of up to 64 KB,
 * which are cut here to what goes on the wire, and takes what comes from there put together again.
 * A guest's kernel does both itself (GSO, GRO), below its TCP and above its card; a tap takes and
 * gives frame by frame then, and the system calls for that cost as much as a network. Frames are
 * those that the kernel would have sent. What is put together has been checked here, so the kernel
 * does not check it; a frame whose checksum is wrong it gets as it came. Errors end the program.
 */
struct card_header { /* struct virtio_net_hdr (virtio 1.2 5.1.6), of the host's byte order */
	uint8_t flags, gso_type;
	uint16_t hdr_len, gso_size, csum_start, csum_offset;
};

/* A TCP segment's place in its frame. */
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
	bool gro; /* put together what goes to the kernel; else it gets, and checks, each frame */
	/* From the kernel: one that is being cut. */
	struct card_room out;
	size_t out_len, out_at; /* of payload: what has been cut off */
	struct card_tcp out_tcp;
	/* To the kernel: those that are being put together. */
	struct card_room in;
	size_t in_len;
	struct card_tcp in_tcp;
	unsigned in_n; /* frames; 0: none */
	uint16_t in_mss;
};

/* Makes the tap @name in this network namespace. */
void card_open(struct card *card, const char *name);
/* The next frame from the kernel, of WIRE_FRAME_MAX at most; 0: there is none now. */
size_t card_read(struct card *card, uint8_t *frame);
/* Is there another, whether or not the tap can be read? */
static inline bool card_has_more(const struct card *card)
{
	return card->out_len > 0;
}
/* A frame to the kernel, in the order in which they come; it may wait for card_flush(). */
void card_write(struct card *card, const uint8_t *frame, size_t len);
void card_flush(struct card *card);

#endif
