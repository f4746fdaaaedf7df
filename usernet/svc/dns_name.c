/* SPDX-License-Identifier: BSD-3-Clause */
#include "svc/dns_name.h"

#include <glib.h>
#include <string.h>

size_t dns_name_write(uint8_t *out, size_t max, const char *name)
{
	size_t used = 0;

	max = MIN(max, DNS_NAME_MAX);
	if (!*name)
		return 0;
	while (*name) {
		size_t len = strcspn(name, ".");

		/* The label, its length in front, and the root's zero behind. */
		if (len == 0 || len > DNS_LABEL_MAX || used + 1 + len + 1 > max)
			return 0;
		out[used++] = (uint8_t)len;
		memcpy(out + used, name, len);
		used += len;
		name += len;
		if (*name == '.')
			name++;
	}
	out[used++] = 0;
	return used;
}

void dns_label_clean(char *out, const uint8_t *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len && text[i] && text[i] != '.' && n < DNS_LABEL_MAX; i++) {
		char c = g_ascii_tolower((char)text[i]);

		if (c == '_' || c == ' ')
			c = '-';
		if (g_ascii_isalnum(c) || (c == '-' && n > 0))
			out[n++] = c;
	}
	while (n > 0 && out[n - 1] == '-')
		n--;
	out[n] = '\0';
	/* Nobody on the network may be called what everybody calls itself. */
	if (strcmp(out, "localhost") == 0)
		out[0] = '\0';
}
