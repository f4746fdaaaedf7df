/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_HASH_H
#define USERNET_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/*
 * Hashing of what guests choose (MAC addresses, IP addresses, names). Seeded by the kernel's random
 * numbers, so that nobody can choose keys that collide.
 */

/* The process's seed, drawn on first use: half of SipHash's key. */
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

/*
 * SipHash-1-3 (Aumasson and Bernstein 2012) of @len bytes. @seed is hash_seed(), to which a caller
 * may add what tells its tables apart; the other half of the key is the process's own.
 */
uint64_t hash_bytes(uint64_t seed, const void *data, size_t len);

#endif
