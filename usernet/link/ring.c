/* SPDX-License-Identifier: BSD-3-Clause */
#include "link/ring.h"

#include <glib.h>
#include <string.h>

#define RING_FIRST 16384 /* bytes; room for some full frames */

static void grow(struct ring *ring, size_t need)
{
	size_t cap = MAX(ring->cap, RING_FIRST);
	uint8_t *data;

	while (cap < need)
		cap *= 2;
	data = g_malloc(cap);
	ring_copy(ring, 0, data, ring->len);
	g_free(ring->data);
	ring->data = data;
	ring->cap = cap;
	ring->head = 0;
}

void ring_put(struct ring *ring, const void *data, size_t len)
{
	size_t at, first;

	if (!len)
		return;
	if (ring->len + len > ring->cap)
		grow(ring, ring->len + len);
	at = (ring->head + ring->len) & (ring->cap - 1);
	first = MIN(len, ring->cap - at);
	memcpy(ring->data + at, data, first);
	memcpy(ring->data, (const uint8_t *)data + first, len - first);
	ring->len += len;
}

unsigned ring_peek(const struct ring *ring, size_t off, size_t len, struct iovec iov[2])
{
	size_t at, first;

	g_assert(off <= ring->len && len <= ring->len - off);
	if (!len)
		return 0;
	at = (ring->head + off) & (ring->cap - 1);
	first = MIN(len, ring->cap - at);
	iov[0] = (struct iovec){ring->data + at, first};
	iov[1] = (struct iovec){ring->data, len - first};
	return first < len ? 2 : 1;
}

void ring_copy(const struct ring *ring, size_t off, void *to, size_t len)
{
	struct iovec iov[2];
	unsigned n = ring_peek(ring, off, len, iov);

	for (unsigned i = 0; i < n; i++) {
		memcpy(to, iov[i].iov_base, iov[i].iov_len);
		to = (uint8_t *)to + iov[i].iov_len;
	}
}

void ring_drop(struct ring *ring, size_t len)
{
	g_assert(len <= ring->len);
	ring->len -= len;
	if (ring->len)
		ring->head = (ring->head + len) & (ring->cap - 1);
	else
		ring_clear(ring);
}

void ring_clear(struct ring *ring)
{
	g_free(ring->data);
	*ring = (struct ring){0};
}
