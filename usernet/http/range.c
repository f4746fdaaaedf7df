/* SPDX-License-Identifier: BSD-3-Clause */
#include "http/range.h"

#include <errno.h>
#include <glib.h>
#include <stdbool.h>
#include <string.h>

/* Reads digits at *@at and moves it; false: none are there, or the number is too large. */
static bool read_number(const char **at, uint64_t *number)
{
	char *end;

	if (!g_ascii_isdigit(**at))
		return false;
	errno = 0;
	*number = g_ascii_strtoull(*at, &end, 10);
	*at = end;
	return errno == 0;
}

enum http_range http_range_read(const char *text, uint64_t size, uint64_t *first, uint64_t *len)
{
	uint64_t from = 0, to = UINT64_MAX;
	bool has_from, has_to;

	if (!text || g_ascii_strncasecmp(text, "bytes=", 6) != 0)
		return HTTP_RANGE_ALL;
	text += 6;
	has_from = read_number(&text, &from);
	if (*text++ != '-')
		return HTTP_RANGE_ALL;
	has_to = read_number(&text, &to);
	if (*text || (!has_from && !has_to) || (has_from && has_to && to < from))
		return HTTP_RANGE_ALL;
	if (!has_from) { /* the last @to bytes */
		if (to == 0 || size == 0)
			return HTTP_RANGE_NONE;
		from = to < size ? size - to : 0;
		to = size - 1;
	}
	if (from >= size)
		return HTTP_RANGE_NONE;
	*first = from;
	*len = MIN(to, size - 1) - from + 1;
	return HTTP_RANGE_PART;
}
