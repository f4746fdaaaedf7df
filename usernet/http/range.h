/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_HTTP_RANGE_H
#define USERNET_HTTP_RANGE_H

#include <stdint.h>

/* What a request's Range asks for (RFC 9110 14.2). */
enum http_range {
	HTTP_RANGE_ALL,  /* none, several, or not understood: the whole file */
	HTTP_RANGE_PART, /* one, which the file has */
	HTTP_RANGE_NONE, /* beyond the end: 416 */
};

/*
 * @text: the field's value, NULL: none. @size: of the file, in bytes. Sets *@first and *@len when
 * it returns HTTP_RANGE_PART.
 */
enum http_range http_range_read(const char *text, uint64_t size, uint64_t *first, uint64_t *len);

#endif
