/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_PORTRANGE_H
#define USERNET_BASE_PORTRANGE_H

#include <stdbool.h>
#include <stdint.h>

/* A range of TCP or UDP ports, both ends included, written "80" or "8000..8010". */
struct port_range {
	uint16_t first, last;
};

static inline unsigned port_range_count(struct port_range range)
{
	return (unsigned)range.last - range.first + 1;
}

/*
 * Decimal, 0x hexadecimal or 0 octal, like strtol() with base 0 (QEMU net/slirp.c). Like there, a
 * leading sign or blanks are accepted.
 */
bool port_parse(const char *text, unsigned min, uint16_t *port);
/*
 * Parses one port from @min (0 or 1) to 65535, or FIRST..LAST. A range begins at port 1 or higher.
 * Returns NULL, or a static string that completes "should be".
 */
const char *port_range_parse(const char *text, unsigned min, struct port_range *range);

#define PORT_RANGE_TEXT 13 /* "65535..65535" and its NUL */
void port_range_format(char text[PORT_RANGE_TEXT], struct port_range range);

#endif
