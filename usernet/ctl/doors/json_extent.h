/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_DOORS_JSON_EXTENT_H
#define USERNET_CTL_DOORS_JSON_EXTENT_H

#include <stddef.h>

/*
 * Where the first JSON value of a text ends, and that its nesting is bounded: the parser recurses
 * once per level. Only brackets and strings are recognised; the parser checks the rest.
 */
#define JSON_EXTENT_DEPTH 32 /* levels */

enum json_extent {
	JSON_EXTENT_WHOLE,   /* the first *@len bytes are an object or an array */
	JSON_EXTENT_OPEN,    /* more must follow; or the text has no bracket */
	JSON_EXTENT_INVALID, /* a stray bracket, or too many levels */
};

/* @len: in, the length of @text; out, of the value. */
enum json_extent json_extent(const char *text, size_t *len);

#endif
