/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/checksum.h"

#include <string.h>

/* Two 64-bit lanes. On a CPU without vectors the compiler emits scalar code. */
typedef uint64_t lanes __attribute__((vector_size(16)));

#define BLOCK 64 /* bytes added in one step */

static inline lanes load_lanes(const uint8_t *p)
{
	lanes v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* The result is below 2^33, so thousands of sums can be added with a plain +. */
static csum_t narrow(csum_t sum)
{
	return (sum & UINT32_MAX) + (sum >> 32);
}

/*
 * Adding 32-bit words gives the same checksum as 16-bit words, because 2^16 is 1 modulo 2^16 - 1.
 * Each lane adds whole 64-bit words and loses their overflow; it also adds the words' high halves,
 * from which add_sums() computes the overflow. A vector costs two additions and a shift, with no
 * carry chain. Correct below 2^32 words.
 */
struct sums {
	lanes all, high;
};

static inline void add_vector(struct sums *sums, lanes v)
{
	sums->all += v;
	sums->high += v >> 32;
}

static inline csum_t add_sums(csum_t sum, const struct sums *sums)
{
	lanes high = sums->high, low = sums->all - (high << 32);

	return sum + narrow(low[0]) + narrow(low[1]) + narrow(high[0]) + narrow(high[1]);
}

/* Four vectors, unrolled by hand so that the compiler keeps them in registers. */
struct block {
	lanes a, b, c, d;
};

static inline struct block load_block(const uint8_t *p)
{
	return (struct block){load_lanes(p), load_lanes(p + 16), load_lanes(p + 32),
			      load_lanes(p + 48)};
}

static inline void add_block(struct sums *even, struct sums *odd, struct block block)
{
	add_vector(even, block.a);
	add_vector(odd, block.b);
	add_vector(even, block.c);
	add_vector(odd, block.d);
}

/* Adds the bytes after the last block. */
static csum_t add_rest(csum_t sum, const uint8_t *p, size_t len)
{
	uint64_t word;

	for (; len >= sizeof(word); p += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		sum += narrow(word);
	}
	/* A last odd byte is padded with a zero (RFC 1071 section 1). */
	if (len) {
		word = 0;
		memcpy(&word, p, len);
		sum += narrow(word);
	}
	return narrow(sum);
}

csum_t csum_add(csum_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;

	sum = narrow(sum);
	if (len >= BLOCK) {
		struct sums even = {{0}, {0}}, odd = {{0}, {0}};

		for (; len >= BLOCK; p += BLOCK, len -= BLOCK)
			add_block(&even, &odd, load_block(p));
		sum = add_sums(add_sums(sum, &even), &odd);
	}
	return add_rest(sum, p, len);
}

csum_t csum_copy(csum_t sum, void *to, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint8_t *out = to;

	sum = narrow(sum);
	if (len >= BLOCK) {
		struct sums even = {{0}, {0}}, odd = {{0}, {0}};

		for (; len >= BLOCK; p += BLOCK, out += BLOCK, len -= BLOCK) {
			struct block block = load_block(p);

			memcpy(out, &block, sizeof(block));
			add_block(&even, &odd, block);
		}
		sum = add_sums(add_sums(sum, &even), &odd);
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
