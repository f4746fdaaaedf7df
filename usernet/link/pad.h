/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_LINK_PAD_H
#define USERNET_LINK_PAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/frame.h"

/*
 * Padded copies of short frames. QEMU's stream, dgram and socket netdevs pass frames to the NIC
 * model unpadded (QEMU net/net.c, net_peer_needs_padding, pads only for `user` and tap), and some
 * models drop frames shorter than FRAME_PADDED. The gateway pads its frames when it makes them
 * (net/outbox.h); short frames of other guests are copied here.
 *
 * The copies are adjacent in memory and stay valid until pad_clear(). All zeroes is an empty pad,
 * which owns no memory.
 */
#define PAD_SLOTS 256 /* copies per pad */

struct pad {
	uint8_t *slots; /* PAD_SLOTS of prefix and frame, or NULL */
	unsigned n;
};

static inline bool pad_is_needed(const struct frame *frame)
{
	return frame->len < FRAME_PADDED;
}

static inline bool pad_is_full(const struct pad *pad)
{
	return pad->n == PAD_SLOTS;
}

/* The padded copy of @frame, which must be shorter than FRAME_PADDED. The pad must not be full. */
struct frame pad_copy(struct pad *pad, const struct frame *frame);
/* Discards the copies. */
void pad_clear(struct pad *pad);

#endif
