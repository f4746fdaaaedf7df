/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_HASH_H
#define USERNET_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/*
 * Hashes of values that guests choose (MAC addresses, IP addresses, names). The seed is random, so
 * that nobody can choose keys that collide.
 */

/* The process's seed, drawn on first use: half of SipHash's key. */
uint64_t hash_seed(void);

/* Murmur3's finalizer: every input bit affects every output bit. */
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
 * may add a constant of its own table. The other half of the key is internal.
 */
uint64_t hash_bytes(uint64_t seed, const void *data, size_t len);

#endif
