/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_LINK_TAP_MERGE_H
#define USERNET_LINK_TAP_MERGE_H

#include <linux/virtio_net.h>
#include <sys/uio.h>

#include "net/offload.h"

/*
 * Joins TCP segments of one connection that follow each other into one frame for the kernel, which
 * then passes its stack once instead of once per segment (as the receive offload of a network card
 * does). Only frames whose checksums are right or left to the kernel, equal in all headers but
 * length, id, sequence number, checksum and PSH.
 */
#define TAP_MERGE_MAX 120 /* frames */

struct tap_merge {
	struct virtio_net_hdr header;
	uint8_t head[OFFLOAD_HEADERS_MAX]; /* copy of the first frame's headers */
	struct iovec iov[TAP_MERGE_MAX + 2];
	unsigned n_iov;
};

/*
 * Returns how many of the @n frames, at least one, are joined. If more than one, @merge has what to
 * write for them, valid as long as the frames.
 */
size_t tap_merge(struct tap_merge *merge, const struct frame *frames, size_t n);

#endif
