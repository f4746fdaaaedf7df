/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TESTS_DHCPCLIENT_H
#define USERNET_TESTS_DHCPCLIENT_H

#include <arpa/inet.h>
#include <check.h>
#include <string.h>

#include "dhcp/wire.h"

/* A client's message, built option by option. */
struct sent {
	uint8_t bytes[2048];
	size_t len;
};

static inline struct in_addr ip(const char *text)
{
	return (struct in_addr){inet_addr(text)};
}

static inline void sent_begin(struct sent *m, mac_t mac, uint32_t xid)
{
	static const uint8_t cookie[] = {99, 130, 83, 99};

	memset(m, 0, sizeof *m);
	m->bytes[0] = BOOTP_REQUEST;
	m->bytes[1] = 1;
	m->bytes[2] = MAC_LEN;
	m->bytes[4] = (uint8_t)(xid >> 24);
	m->bytes[5] = (uint8_t)(xid >> 16);
	m->bytes[6] = (uint8_t)(xid >> 8);
	m->bytes[7] = (uint8_t)xid;
	mac_write(m->bytes + 28, mac);
	memcpy(m->bytes + DHCP_FIXED_LEN, cookie, 4);
	m->len = DHCP_FIXED_LEN + 4;
}

static inline void sent_option(struct sent *m, uint8_t code, const void *data, size_t len)
{
	ck_assert_uint_le(m->len + 2 + len, sizeof m->bytes);
	m->bytes[m->len++] = code;
	m->bytes[m->len++] = (uint8_t)len;
	memcpy(m->bytes + m->len, data, len);
	m->len += len;
}

static inline void sent_u8(struct sent *m, uint8_t code, uint8_t v)
{
	sent_option(m, code, &v, 1);
}

static inline void sent_addr(struct sent *m, uint8_t code, const char *addr)
{
	struct in_addr a = ip(addr);

	sent_option(m, code, &a, 4);
}

static inline void sent_ciaddr(struct sent *m, const char *addr)
{
	struct in_addr a = ip(addr);

	memcpy(m->bytes + 12, &a, 4);
}

static inline void sent_giaddr(struct sent *m, const char *addr)
{
	struct in_addr a = ip(addr);

	memcpy(m->bytes + 24, &a, 4);
}

static inline void sent_end(struct sent *m)
{
	m->bytes[m->len++] = DHCP_OPT_END;
}

#endif
