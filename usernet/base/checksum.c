/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/checksum.h"

#include <string.h>

/* Two 64-bit lanes: every CPU of ours has them, and the compiler knows how to do without. */
typedef uint64_t lanes __attribute__((vector_size(16)));

static inline lanes load_lanes(const uint8_t *p)
{
	lanes v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Below 2^33, so that sums may be added with plain + by the thousand. */
static csum_t narrow(csum_t sum)
{
	return (sum & UINT32_MAX) + (sum >> 32);
}

/* The sum of one block of 32 bytes, in @sums: low and high words of two vectors. */
static inline void add_block(lanes sums[4], const lanes v[2])
{
	for (unsigned i = 0; i < 2; i++) {
		sums[i] += v[i] & UINT32_MAX;
		sums[2 + i] += v[i] >> 32;
	}
}

static inline csum_t add_lanes(csum_t sum, const lanes sums[4])
{
	lanes low = sums[0] + sums[1], high = sums[2] + sums[3];

	return sum + narrow(low[0]) + narrow(low[1]) + narrow(high[0]) + narrow(high[1]);
}

/* Fewer than 32 bytes. */
static csum_t add_rest(csum_t sum, const uint8_t *p, size_t len)
{
	uint64_t word;

	for (; len >= sizeof(word); p += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		sum += narrow(word);
	}
	/* A last odd byte counts as one followed by a zero (RFC 1071 section 1). */
	if (len) {
		word = 0;
		memcpy(&word, p, len);
		sum += narrow(word);
	}
	return narrow(sum);
}

/*
 * Words of 32 bits are as good as of 16, for 2^16 is 1 modulo 2^16 - 1. Their halves go to lanes
 * of 64 bits of their own: no carry to wait for, and no overflow below 2^32 words.
 */
csum_t csum_add(csum_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;

	sum = narrow(sum);
	if (len >= 32) {
		lanes sums[4] = {{0}};

		for (; len >= 32; p += 32, len -= 32)
			add_block(sums, (lanes[2]){load_lanes(p), load_lanes(p + 16)});
		sum = add_lanes(sum, sums);
	}
	return add_rest(sum, p, len);
}

csum_t csum_copy(csum_t sum, void *to, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint8_t *out = to;

	sum = narrow(sum);
	if (len >= 32) {
		lanes sums[4] = {{0}};

		for (; len >= 32; p += 32, out += 32, len -= 32) {
			lanes v[2] = {load_lanes(p), load_lanes(p + 16)};

			memcpy(out, &v[0], 16);
			memcpy(out + 16, &v[1], 16);
			add_block(sums, v);
		}
		sum = add_lanes(sum, sums);
	}
	memcpy(out, p, len);
	return add_rest(sum, p, len);
}

csum_t csum_swap(csum_t sum)
{
	uint16_t folded = (uint16_t)~csum_fold(sum);

	return (uint16_t)(folded << 8 | folded >> 8);
}

uint16_t csum_fold(csum_t sum)
{
	sum = narrow(sum);
	sum = narrow(sum);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* RFC 1624 section 3, equation 3: HC' = ~(~HC + ~m + m') */
void csum_update16(void *p_check, uint16_t from, uint16_t to)
{
	uint16_t check;

	memcpy(&check, p_check, sizeof(check));
	check = csum_fold((csum_t)(uint16_t)~check + (uint16_t)~from + to);
	memcpy(p_check, &check, sizeof(check));
}

csum_t csum_pseudo4(uint32_t src, uint32_t dst, uint8_t proto, uint16_t len)
{
	return narrow((csum_t)src + dst + htons(proto) + htons(len));
}

csum_t csum_pseudo6(const void *src, const void *dst, uint8_t proto, uint32_t len)
{
	csum_t sum = csum_add(csum_add(0, src, 16), dst, 16);

	return narrow(sum + htonl(len) + htonl(proto));
}
