/* SPDX-License-Identifier: BSD-3-Clause */
#include "dhcp/wire6.h"

#include <string.h>

/* The client's lifetimes after the address are only wishes; the server decides. */
static bool take_addrs(struct dhcpv6_ia *ia, struct reader options)
{
	while (options.rem) {
		struct in6_addr addr;
		struct reader value;
		uint16_t option, len;

		if (!read_u16(&options, &option) || !read_u16(&options, &len) ||
		    !read_sub(&options, len, &value))
			return false;
		if (option != OPT6_IA_ADDR)
			continue;
		if (!read_copy(&value, &addr, sizeof(addr)) || !read_skip(&value, 8))
			return false;
		if (ia->n_addrs < DHCPV6_ADDRESSES)
			ia->addrs[ia->n_addrs++] = addr;
	}
	return true;
}

static bool take_ia(struct dhcpv6_query *query, uint16_t option, struct reader value)
{
	struct dhcpv6_ia ia = {.option = option};

	/* T1 and T2; temporary ones have none (RFC 8415 21.4, 21.5, 21.21) */
	if (!read_copy(&value, ia.iaid, 4) || (option != OPT6_IA_TA && !read_skip(&value, 8)) ||
	    !take_addrs(&ia, value))
		return false;
	if (query->n_ia < DHCPV6_ASSOCIATIONS)
		query->ia[query->n_ia++] = ia;
	return true;
}

static bool take_option(struct dhcpv6_query *query, uint16_t option, struct reader value)
{
	const struct dhcpv6_bytes bytes = {value.p, value.rem};

	switch (option) {
	case OPT6_CLIENT_ID:
		query->client_id = bytes;
		return value.rem >= 3 && value.rem <= DHCPV6_DUID_MAX;
	case OPT6_SERVER_ID:
		query->server_id = bytes;
		return value.rem >= 3 && value.rem <= DHCPV6_DUID_MAX;
	case OPT6_OPTION_REQUEST:
		query->wanted = bytes;
		return value.rem % 2 == 0;
	case OPT6_RAPID_COMMIT:
		query->rapid_commit = true;
		return true;
	case OPT6_USER_CLASS:
		query->user_class = bytes;
		return true;
	case OPT6_VENDOR_CLASS:
		query->vendor_class = bytes;
		return true;
	case OPT6_ARCH:
		query->archs = bytes;
		return true;
	case OPT6_IA_NA:
	case OPT6_IA_TA:
	case OPT6_IA_PD:
		return take_ia(query, option, value);
	default:
		return true;
	}
}

bool dhcpv6_parse(struct dhcpv6_query *query, struct reader r)
{
	memset(query, 0, sizeof(*query));
	if (!read_u8(&r, &query->type) || !read_copy(&r, query->xid, sizeof(query->xid)))
		return false;
	while (r.rem) {
		uint16_t option, len;
		struct reader value;

		if (!read_u16(&r, &option) || !read_u16(&r, &len) || !read_sub(&r, len, &value) ||
		    !take_option(query, option, value))
			return false;
	}
	return true;
}

bool dhcpv6_wants(const struct dhcpv6_query *query, uint16_t option)
{
	if (!query->wanted.p)
		return true;
	for (size_t i = 0; i + 1 < query->wanted.len; i += 2) {
		if (packet_u16(query->wanted.p + i) == option)
			return true;
	}
	return false;
}

bool dhcpv6_put(struct dhcpv6_writer *w, uint16_t option, const void *data, size_t len)
{
	if ((size_t)(w->limit - w->p) < 4 + len)
		return false;
	packet_put16(w->p, option);
	packet_put16(w->p + 2, (uint16_t)len);
	if (len)
		memcpy(w->p + 4, data, len);
	w->p += 4 + len;
	return true;
}

void dhcpv6_put_status(struct dhcpv6_writer *w, uint16_t status)
{
	uint8_t code[2];

	packet_put16(code, status);
	dhcpv6_put(w, OPT6_STATUS, code, sizeof(code));
}

uint8_t *dhcpv6_begin_ia(struct dhcpv6_writer *w, const struct dhcpv6_ia *ia, uint32_t t1,
			 uint32_t t2)
{
	uint8_t head[12], *begun = w->p;

	memcpy(head, ia->iaid, 4);
	packet_put32(packet_put32(head + 4, t1), t2);
	return dhcpv6_put(w, ia->option, head, ia->option == OPT6_IA_TA ? 4 : 12) ? begun : NULL;
}

void dhcpv6_end_ia(struct dhcpv6_writer *w, uint8_t *begun)
{
	packet_put16(begun + 2, (uint16_t)(w->p - begun - 4));
}

void dhcpv6_put_addr(struct dhcpv6_writer *w, const struct in6_addr *addr, uint32_t preferred,
		     uint32_t valid)
{
	uint8_t value[24];

	memcpy(value, addr, 16);
	packet_put32(packet_put32(value + 16, preferred), valid);
	dhcpv6_put(w, OPT6_IA_ADDR, value, sizeof(value));
}
