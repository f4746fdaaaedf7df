/* SPDX-License-Identifier: BSD-3-Clause */
#include "dns/addresses.h"

#include <glib.h>

#include "base/address.h"
#include "base/reader.h"

enum { HINT_IPV4 = 4, HINT_IPV6 = 6 }; /* RFC 9460 14.3.2 */

struct addresses {
	void (*each)(void *data, const struct in6_addr *addr, uint32_t ttl);
	void *data;
	uint32_t ttl;
};

static void take_v4(const struct addresses *to, const uint8_t *p)
{
	struct in6_addr addr;
	uint32_t v4;

	memcpy(&v4, p, sizeof(v4));
	addr = address_map4(v4);
	to->each(to->data, &addr, to->ttl);
}

static void take_v6(const struct addresses *to, const uint8_t *p)
{
	struct in6_addr addr;

	memcpy(&addr, p, sizeof(addr));
	/* IPv4 is answered by A records only. */
	if (!address_is_v4(&addr))
		to->each(to->data, &addr, to->ttl);
}

/* RFC 9460 2.2: priority, target name, parameters. The name is not compressed. */
static void take_hints(const struct addresses *to, const uint8_t *data, size_t len)
{
	struct reader r = reader_init(data, len), value;
	uint16_t priority, key, size;
	const uint8_t *p;
	uint8_t label;

	if (!read_u16(&r, &priority))
		return;
	do {
		if (!read_u8(&r, &label) || label > DNS_LABEL_MAX || !read_skip(&r, label))
			return;
	} while (label);
	while (read_u16(&r, &key) && read_u16(&r, &size) && read_sub(&r, size, &value)) {
		while (key == HINT_IPV4 && (p = read_bytes(&value, 4)))
			take_v4(to, p);
		while (key == HINT_IPV6 && (p = read_bytes(&value, 16)))
			take_v6(to, p);
	}
}

static void take(const struct addresses *to, const uint8_t *answer, const struct dns_record *record)
{
	const uint8_t *rdata = answer + record->rdata;

	if (record->class != DNS_CLASS_IN)
		return;
	switch (record->type) {
	case DNS_TYPE_A:
		if (record->rdlen == 4)
			take_v4(to, rdata);
		break;
	case DNS_TYPE_AAAA:
		if (record->rdlen == 16)
			take_v6(to, rdata);
		break;
	case DNS_TYPE_SVCB:
	case DNS_TYPE_HTTPS:
		take_hints(to, rdata, record->rdlen);
		break;
	default:
		break;
	}
}

void dns_addresses_each(const uint8_t *answer, size_t len,
			void (*each)(void *data, const struct in6_addr *addr, uint32_t ttl),
			void *data)
{
	struct addresses to = {.each = each, .data = data, .ttl = INT32_MAX};
	struct dns_record record;
	struct dns_walk walk;
	unsigned n = 0;

	if (!dns_walk_begin(&walk, answer, len) || dns_get16(answer + 2) & (DNS_TC | DNS_RCODE))
		return;
	for (; dns_walk_next(&walk, &record) && record.section == DNS_ANSWER; n++) {
		/* RFC 2181 8: a TTL with the highest bit set counts as 0. */
		to.ttl = MIN(to.ttl, record.ttl > INT32_MAX ? 0 : record.ttl);
	}
	if (walk.broken || !n)
		return;
	dns_walk_begin(&walk, answer, len);
	while (n-- && dns_walk_next(&walk, &record))
		take(&to, answer, &record);
}
