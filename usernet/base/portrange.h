/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_PORTRANGE_H
#define USERNET_BASE_PORTRANGE_H

#include <stdbool.h>
#include <stdint.h>

/* A run of TCP or UDP ports, both ends included, as people write it: "80", "8000..8010". */
struct port_range {
	uint16_t first, last;
};

static inline unsigned port_range_count(struct port_range range)
{
	return (unsigned)range.last - range.first + 1;
}

/* Decimal, 0x hexadecimal or 0 octal, as strtol base 0 has it (QEMU net/slirp.c); a sign or blanks
 * in front are let pass, as there. */
bool port_parse(const char *text, unsigned min, uint16_t *port);
/*
 * One port from @min (0 or 1) to 65535, or FIRST..LAST: a range of any length begins at 1 at least.
 * NULL, or what would be right, to follow "should be": borrowed, static.
 */
const char *port_range_parse(const char *text, unsigned min, struct port_range *range);

#define PORT_RANGE_TEXT 13 /* "65535..65535" and its NUL */
void port_range_format(char text[PORT_RANGE_TEXT], struct port_range range);

#endif
