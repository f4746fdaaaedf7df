/* SPDX-License-Identifier: BSD-3-Clause */
#include "dns/reverse.h"

#include <glib.h>
#include <string.h>

static const struct dns_name suffix4 = {14, "\7in-addr\4arpa"};
static const struct dns_name suffix6 = {10, "\3ip6\4arpa"};

/* As registries write it: decimal, without leading zeros. */
static bool read_octet(const uint8_t *label, uint8_t *out)
{
	unsigned len = label[0], v = 0;

	if (len < 1 || len > 3 || (len > 1 && label[1] == '0'))
		return false;
	for (unsigned i = 1; i <= len; i++) {
		if (!g_ascii_isdigit(label[i]))
			return false;
		v = v * 10 + (unsigned)(label[i] - '0');
	}
	*out = (uint8_t)v;
	return v <= 255;
}

static bool read_nibble(const uint8_t *label, uint8_t *out)
{
	if (label[0] != 1 || !g_ascii_isxdigit(label[1]))
		return false;
	*out = (uint8_t)g_ascii_xdigit_value((char)label[1]);
	return true;
}

static bool read_label(struct dns_reverse *out, const uint8_t *label)
{
	uint8_t v;

	if (out->labels >= (out->v6 ? 32 : 4))
		return false;
	if (!out->v6) {
		if (!read_octet(label, &v))
			return false;
		out->addr.s6_addr[out->labels++] = v;
		return true;
	}
	if (!read_nibble(label, &v))
		return false;
	out->addr.s6_addr[out->labels / 2] |= (uint8_t)(out->labels % 2 ? v : v << 4);
	out->labels++;
	return true;
}

bool dns_reverse_parse(struct dns_reverse *out, const struct dns_name *name)
{
	const uint8_t *labels[DNS_NAME_MAX / 2];
	unsigned n = 0;

	*out = (struct dns_reverse){.v6 = dns_name_within(name, &suffix6)};
	if (!out->v6 && !dns_name_within(name, &suffix4))
		return false;
	for (const uint8_t *p = name->wire; *p; p += 1 + *p)
		labels[n++] = p;
	/* The address's first part is last, before the suffix. */
	for (n -= 2; n; n--) {
		if (!read_label(out, labels[n - 1])) {
			out->junk = true;
			break;
		}
	}
	return true;
}

bool dns_prefix_covers(const struct dns_prefix *prefix, const struct dns_reverse *reverse)
{
	unsigned bytes = prefix->len / 8, bits = prefix->len % 8;

	if (prefix->v6 != reverse->v6 || reverse->labels * (prefix->v6 ? 4 : 8) < prefix->len)
		return false;
	return memcmp(&prefix->addr, &reverse->addr, bytes) == 0 &&
	       (!bits ||
		(prefix->addr.s6_addr[bytes] ^ reverse->addr.s6_addr[bytes]) >> (8 - bits) == 0);
}

unsigned dns_prefix_labels(const struct dns_prefix *prefix)
{
	if (prefix->v6)
		return (prefix->len + 3) / 4;
	/* A part of a /24 has no zone with a name of its own (RFC 2317); use the /24. */
	return MIN((prefix->len + 7) / 8, 3);
}
