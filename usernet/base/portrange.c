/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/portrange.h"

#include <errno.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

bool port_parse(const char *text, unsigned min, uint16_t *port)
{
	char *end;
	long v;

	errno = 0;
	v = strtol(text, &end, 0);
	if (end == text || *end || errno || v < (long)min || v > UINT16_MAX)
		return false;
	*port = (uint16_t)v;
	return true;
}

const char *port_range_parse(const char *text, unsigned min, struct port_range *range)
{
	const char *dots = strstr(text, "..");
	g_autofree char *first = dots ? g_strndup(text, (size_t)(dots - text)) : NULL;

	if (!dots) {
		if (!port_parse(text, min, &range->first))
			return min ? "a number from 1 to 65535, or a range such as 8000..8010"
				   : "a number from 0 to 65535, or a range such as 8000..8010";
		range->last = range->first;
		return NULL;
	}
	if (!port_parse(first, 1, &range->first) || !port_parse(dots + 2, 1, &range->last))
		return "FIRST..LAST, both numbers from 1 to 65535";
	return range->first > range->last ? "FIRST..LAST with the smaller number first" : NULL;
}

void port_range_format(char text[PORT_RANGE_TEXT], struct port_range range)
{
	if (range.first == range.last)
		g_snprintf(text, PORT_RANGE_TEXT, "%u", range.first);
	else
		g_snprintf(text, PORT_RANGE_TEXT, "%u..%u", range.first, range.last);
}
