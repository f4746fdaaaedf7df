/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/hash.h"

#include <glib.h>
#include <string.h>
#include <sys/random.h>

static const uint64_t *process_key(void)
{
	static uint64_t key[2];

	/* getrandom(2) never returns fewer than 16 bytes once the kernel's pool is initialised. */
	while (!key[0] && getrandom(key, sizeof(key), 0) != sizeof(key))
		key[0] = 0;
	return key;
}

uint64_t hash_seed(void)
{
	return process_key()[0];
}

static inline uint64_t rotate(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] = rotate(v[2], 32);
}

uint64_t hash_bytes(uint64_t seed, const void *data, size_t len)
{
	const uint64_t other = process_key()[1];
	/* "somepseudorandomlygeneratedbytes", the constants of the SipHash paper. */
	uint64_t v[4] = {
		seed ^ UINT64_C(0x736f6d6570736575),
		other ^ UINT64_C(0x646f72616e646f6d),
		seed ^ UINT64_C(0x6c7967656e657261),
		other ^ UINT64_C(0x7465646279746573),
	};
	const uint8_t *p = data;
	uint64_t word, last = (uint64_t)len << 56;

	for (; len >= sizeof(word); p += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	word = 0;
	memcpy(&word, p, len);
	last |= word;
	v[3] ^= last;
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (unsigned i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
