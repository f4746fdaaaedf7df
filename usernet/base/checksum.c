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

/*
 * Words of 32 bits are as good as of 16, for 2^16 is 1 modulo 2^16 - 1. Their halves go to lanes
 * of 64 bits of their own: no carry to wait for, and no overflow below 2^32 words.
 */
csum_t csum_add(csum_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t word;

	sum = narrow(sum);
	if (len >= 32) {
		lanes low[2] = {{0}}, high[2] = {{0}};

		for (; len >= 32; p += 32, len -= 32) {
			for (unsigned i = 0; i < 2; i++) {
				lanes v = load_lanes(p + 16 * i);

				low[i] += v & UINT32_MAX;
				high[i] += v >> 32;
			}
		}
		low[0] += low[1];
		high[0] += high[1];
		sum += narrow(low[0][0]) + narrow(low[0][1]);
		sum += narrow(high[0][0]) + narrow(high[0][1]);
	}
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
