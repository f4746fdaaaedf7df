/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/doors/json_extent.h"

#include <stdbool.h>

enum json_extent json_extent(const char *text, size_t *len)
{
	bool curly[JSON_EXTENT_DEPTH], quoted = false;
	unsigned depth = 0;

	for (size_t i = 0; i < *len; i++) {
		char c = text[i];

		if (quoted) {
			if (c == '\\')
				i++;
			else if (c == '"')
				quoted = false;
		} else if (c == '"') {
			quoted = true;
		} else if (c == '{' || c == '[') {
			if (depth == JSON_EXTENT_DEPTH)
				return JSON_EXTENT_INVALID;
			curly[depth++] = c == '{';
		} else if (c == '}' || c == ']') {
			if (!depth || curly[--depth] != (c == '}'))
				return JSON_EXTENT_INVALID;
			if (depth)
				continue;
			*len = i + 1;
			return JSON_EXTENT_WHOLE;
		}
	}
	return JSON_EXTENT_OPEN;
}
