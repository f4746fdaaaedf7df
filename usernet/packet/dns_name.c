/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet/dns_name.h"

#include <glib.h>
#include <string.h>

#include "base/hash.h"

size_t dns_name_write(uint8_t *out, size_t max, const char *name)
{
	size_t used = 0;

	max = MIN(max, DNS_NAME_MAX);
	if (!*name)
		return 0;
	while (*name) {
		size_t len = strcspn(name, ".");

		/* The label, its length byte and the final zero. */
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

/*
 * Names that guests must not claim: every machine's own names, the gateway's, and names that
 * machines look up unasked and trust (proxy and tunnel discovery, which Windows' DNS server blocks
 * too; mail settings).
 */
static bool is_not_for_guests(const char *label)
{
	static const char *const names[] = {
		"localhost",    "localdomain", "ip6-localhost", "ip6-loopback", "broadcasthost",
		"gateway",      "host",        "dns",           "wpad",         "isatap",
		"autodiscover", "autoconfig",  "local",
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
		if (strcmp(label, names[i]) == 0)
			return true;
	}
	return false;
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
	if (is_not_for_guests(out))
		out[0] = '\0';
}

/* --- names on the wire --- */

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

bool dns_name_parse(struct dns_name *name, const char *text)
{
	size_t len;

	if (strcmp(text, ".") == 0) {
		*name = (struct dns_name){.len = 1};
		return true;
	}
	for (const char *p = text; *p; p++) {
		if (!g_ascii_isgraph(*p) || *p == '\\')
			return false;
	}
	len = dns_name_write(name->wire, sizeof(name->wire), text);
	name->len = (uint8_t)len;
	/* Length bytes are below 'A', so they do not change. */
	for (size_t i = 0; i < len; i++)
		name->wire[i] = lower(name->wire[i]);
	return len > 0;
}

#define POINTER      0xc0
#define POINTER_MASK 0x3fff

bool dns_name_read(struct dns_name *name, const uint8_t *message, size_t len, size_t *pos)
{
	size_t at = *pos, behind = 0, segment = *pos, used = 0;

	for (;;) {
		uint8_t label;

		if (at >= len)
			return false;
		label = message[at];
		if ((label & POINTER) == POINTER) {
			size_t target;

			if (at + 1 >= len)
				return false;
			target = (size_t)(label << 8 | message[at + 1]) & POINTER_MASK;
			if (!behind)
				behind = at + 2;
			/* Each pointer must lead further back than the last, so the loop ends. */
			if (target >= segment)
				return false;
			at = segment = target;
			continue;
		}
		if (label > DNS_LABEL_MAX || len - at - 1 < label ||
		    used + 1 + label > DNS_NAME_MAX - (label ? 1 : 0))
			return false;
		name->wire[used++] = label;
		at++;
		for (unsigned i = 0; i < label; i++)
			name->wire[used++] = lower(message[at++]);
		if (!label)
			break;
	}
	name->len = (uint8_t)used;
	*pos = behind ? behind : at;
	return true;
}

void dns_name_text(char text[DNS_NAME_TEXT], const struct dns_name *name)
{
	char *out = text;

	for (const uint8_t *p = name->wire; *p; p += 1 + *p) {
		if (out != text)
			*out++ = '.';
		for (unsigned i = 1; i <= *p; i++) {
			if (g_ascii_isgraph(p[i]) && p[i] != '.' && p[i] != '\\') {
				*out++ = (char)p[i];
				continue;
			}
			*out++ = '\\';
			*out++ = (char)('0' + p[i] / 100);
			*out++ = (char)('0' + p[i] / 10 % 10);
			*out++ = (char)('0' + p[i] % 10);
		}
	}
	if (out == text)
		*out++ = '.';
	*out = '\0';
}

char *dns_name_format(const struct dns_name *name)
{
	char text[DNS_NAME_TEXT];

	dns_name_text(text, name);
	return g_strdup(text);
}

bool dns_name_equal(const struct dns_name *a, const struct dns_name *b)
{
	return a->len == b->len && memcmp(a->wire, b->wire, a->len) == 0;
}

bool dns_name_within(const struct dns_name *name, const struct dns_name *zone)
{
	unsigned at = 0;

	while ((unsigned)name->len - at > zone->len)
		at += 1 + name->wire[at];
	return name->len - at == zone->len && memcmp(name->wire + at, zone->wire, zone->len) == 0;
}

unsigned dns_name_labels(const struct dns_name *name)
{
	unsigned n = 0;

	for (const uint8_t *p = name->wire; *p; p += 1 + *p)
		n++;
	return n;
}

void dns_name_ancestor(struct dns_name *out, const struct dns_name *name, unsigned n)
{
	const uint8_t *p = name->wire;

	while (n--)
		p += 1 + *p;
	out->len = (uint8_t)(name->wire + name->len - p);
	memmove(out->wire, p, out->len);
}

bool dns_name_prepend(struct dns_name *out, const char *label, const struct dns_name *zone)
{
	size_t len = strlen(label);

	if (!len || len > DNS_LABEL_MAX || 1 + len + zone->len > DNS_NAME_MAX)
		return false;
	memmove(out->wire + 1 + len, zone->wire, zone->len);
	out->len = (uint8_t)(1 + len + zone->len);
	out->wire[0] = (uint8_t)len;
	for (size_t i = 0; i < len; i++)
		out->wire[1 + i] = lower((uint8_t)label[i]);
	return true;
}

bool dns_name_label(const struct dns_name *name, char out[DNS_LABEL_MAX + 1])
{
	unsigned len = name->wire[0];

	if (!len || memchr(name->wire + 1, '\0', len))
		return false;
	memcpy(out, name->wire + 1, len);
	out[len] = '\0';
	return true;
}

unsigned dns_name_hash(const void *key)
{
	const struct dns_name *name = key;

	return (unsigned)hash_bytes(hash_seed(), name->wire, name->len);
}

int dns_name_equal_key(const void *a, const void *b)
{
	return dns_name_equal(a, b);
}
