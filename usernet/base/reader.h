/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_READER_H
#define USERNET_BASE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * Reads untrusted bytes. Every function checks the remaining length first; one that would read past
 * the end returns false (NULL), reads nothing, and does not move the reader. Numbers are
 * big-endian.
 */
struct reader {
	const uint8_t *p;
	size_t rem;
};

static inline struct reader reader_init(const void *p, size_t len)
{
	return (struct reader){.p = p, .rem = len};
}

/* The next @len bytes, borrowed, or NULL. */
static inline const uint8_t *read_bytes(struct reader *r, size_t len)
{
	const uint8_t *p = r->p;

	if (len > r->rem)
		return NULL;
	r->p += len;
	r->rem -= len;
	return p;
}

static inline bool read_skip(struct reader *r, size_t len)
{
	return read_bytes(r, len) != NULL;
}

static inline bool read_copy(struct reader *r, void *to, size_t len)
{
	const uint8_t *p = read_bytes(r, len);

	if (!p)
		return false;
	memcpy(to, p, len);
	return true;
}

static inline bool read_u8(struct reader *r, uint8_t *v)
{
	return read_copy(r, v, 1);
}

static inline bool read_u16(struct reader *r, uint16_t *v)
{
	const uint8_t *p = read_bytes(r, 2);

	if (!p)
		return false;
	*v = (uint16_t)(p[0] << 8 | p[1]);
	return true;
}

static inline bool read_u32(struct reader *r, uint32_t *v)
{
	const uint8_t *p = read_bytes(r, 4);

	if (!p)
		return false;
	*v = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	return true;
}

/* Splits off the next @len bytes as a separate reader. */
static inline bool read_sub(struct reader *r, size_t len, struct reader *sub)
{
	const uint8_t *p = read_bytes(r, len);

	if (!p)
		return false;
	*sub = reader_init(p, len);
	return true;
}

#endif
