/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_LINK_RING_H
#define USERNET_LINK_RING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/*
 * A byte queue that uses memory only while it holds data: it doubles as it fills, and is freed when
 * it becomes empty. The user limits its size. All zeroes is an empty ring.
 */
struct ring {
	uint8_t *data;
	size_t cap; /* 0, or a power of two */
	size_t head;
	size_t len;
};

void ring_put(struct ring *ring, const void *data, size_t len);
/*
 * Sets one or two pieces for the bytes [@off, @off + @len), which must exist; returns the number of
 * pieces. They stay valid until the next ring_put() or ring_drop().
 */
unsigned ring_peek(const struct ring *ring, size_t off, size_t len, struct iovec iov[2]);
/* Copies the bytes that ring_peek() would return. */
void ring_copy(const struct ring *ring, size_t off, void *to, size_t len);
/* Discards the first @len bytes. */
void ring_drop(struct ring *ring, size_t len);
void ring_clear(struct ring *ring);

#endif
