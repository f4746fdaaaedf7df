/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_CHECKSUM_H
#define USERNET_BASE_CHECKSUM_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The Internet checksum (RFC 1071; RFC 1624 for updates). A sum is an unfolded one's-complement sum
 * of 16-bit words in memory order. Sums of parts of even length can be added.
 */
typedef uint64_t csum_t;

csum_t csum_add(csum_t sum, const void *data, size_t len);
/* As csum_add(); also copies @data to @to in the same pass. The buffers must not overlap. */
csum_t csum_copy(csum_t sum, void *to, const void *data, size_t len);
/* The sum of bytes that start at an odd offset of the packet (RFC 1071 section 2 B). */
csum_t csum_swap(csum_t sum);
/* Folded, complemented and in wire order; store it with memcpy(). */
uint16_t csum_fold(csum_t sum);
/* @p_check: the field in place; @from, @to: the old and new 16-bit word, in wire order. */
void csum_update16(void *p_check, uint16_t from, uint16_t to);
/* Pseudo-header of TCP/UDP over IPv4 (RFC 9293 3.1): addresses in wire order, @len in host order */
csum_t csum_pseudo4(uint32_t src, uint32_t dst, uint8_t proto, uint16_t len);
/* RFC 8200 8.1; @src and @dst are 16 bytes each. */
csum_t csum_pseudo6(const void *src, const void *dst, uint8_t proto, uint32_t len);

#endif
