/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_FUZZ_BYTES_H
#define USERNET_FUZZ_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The input as a list of choices. Behind its end all are 0. */
struct bytes {
	const uint8_t *p, *end;
};

static inline bool bytes_left(const struct bytes *bytes)
{
	return bytes->p < bytes->end;
}

static inline uint8_t bytes_8(struct bytes *bytes)
{
	return bytes_left(bytes) ? *bytes->p++ : 0;
}

static inline uint16_t bytes_16(struct bytes *bytes)
{
	uint16_t high = bytes_8(bytes);

	return (uint16_t)(high << 8 | bytes_8(bytes));
}

static inline uint32_t bytes_32(struct bytes *bytes)
{
	uint32_t high = bytes_16(bytes);

	return high << 16 | bytes_16(bytes);
}

#endif
