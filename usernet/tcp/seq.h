/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TCP_SEQ_H
#define USERNET_TCP_SEQ_H

#include <stdbool.h>
#include <stdint.h>

/* Sequence numbers and 32-bit times, compared modulo 2^32 (RFC 9293 3.4). */
static inline bool seq_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline uint32_t seq_max(uint32_t a, uint32_t b)
{
	return seq_before(a, b) ? b : a;
}

static inline uint32_t seq_min(uint32_t a, uint32_t b)
{
	return seq_before(a, b) ? a : b;
}

#endif
