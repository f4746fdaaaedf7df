/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_HASH_H
#define USERNET_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * Hashing of what guests choose (MAC addresses, IP addresses, names). Seeded by the kernel's random
 * numbers, so that nobody can choose keys that collide.
 */

/* The process's seed, drawn on first use. */
uint64_t hash_seed(void);

/* Murmur3's finalizer: every bit of the input reaches every bit of the output. */
static inline uint64_t hash_mix(uint64_t v)
{
	v ^= v >> 33;
	v *= UINT64_C(0xff51afd7ed558ccd);
	v ^= v >> 33;
	v *= UINT64_C(0xc4ceb9fe1a85ec53);
	return v ^ v >> 33;
}

static inline uint64_t hash_bytes(uint64_t seed, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t h = hash_mix(seed ^ len), word;

	for (; len; p += sizeof(word), len -= sizeof(word)) {
		word = 0;
		memcpy(&word, p, len < sizeof(word) ? len : sizeof(word));
		h = hash_mix(h ^ word);
		if (len <= sizeof(word))
			break;
	}
	return h;
}

#endif
