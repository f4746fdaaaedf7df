/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TESTS_DHCPBED_H
#define USERNET_TESTS_DHCPBED_H

/* A DHCP server on 10.0.2.0/24, two ports, and clients of it. Each program has its own. */
#include <glib.h>

#include "base/checksum.h"
#include "dhcp/dhcp.h"
#include "dhcpclient.h"
#include "net/user_config.h"

#define MAC(n)  (UINT64_C(0x525400123400) + (n))
#define GATEWAY UINT64_C(0x52550a000202)

static struct user_config config;
static struct dhcp *dhcp;
static struct port port, other;
static struct sent m;
static struct dhcp_message msg; /* the answer */
static struct dhcp_outcome outcome;
static uint8_t out[DHCP_FRAME_MAX + 1];
static usec_t now;

static inline void setup(void)
{
	config = (struct user_config){
		.ipv4 = true,
		.net = ip("10.0.2.0"),
		.net_len = 24,
		.host = ip("10.0.2.2"),
		.dns = ip("10.0.2.3"),
		.dhcp_start = ip("10.0.2.15"),
		.dhcp_end = ip("10.0.2.254"),
		.lease_time = 86400,
	};
	dhcp = dhcp_new(&config, GATEWAY);
	memset(&port, 0, sizeof port);
	memset(&other, 0, sizeof other);
	port.id = 1;
	other.id = 2;
	now = 1000;
}

static inline void teardown(void)
{
	dhcp_free(dhcp);
	dhcp = NULL;
}

/* Applies a configuration changed after setup. */
static inline void restart(void)
{
	dhcp_free(dhcp);
	dhcp = dhcp_new(&config, GATEWAY);
}

static inline void begin(unsigned n, enum dhcp_type type)
{
	sent_begin(&m, MAC(n), 0xcafe0000 + n);
	if (type != DHCP_BOOTP)
		sent_u8(&m, DHCP_OPT_TYPE, type);
}

/* Delivers @m from @mac; checks the answer's frame and parses it into msg. */
static inline bool deliver_from(struct port *from, mac_t mac, const char *src)
{
	static const uint8_t guard = 0xee;
	enum drop_reason why;
	size_t len;

	sent_end(&m);
	out[DHCP_FRAME_MAX] = guard;
	len = dhcp_input(dhcp, from, mac, ip(src), m.bytes, m.len, now, out, &outcome);
	ck_assert_uint_eq(out[DHCP_FRAME_MAX], guard);
	if (!len)
		return false;
	ck_assert_uint_le(len, DHCP_FRAME_MAX);
	ck_assert_uint_eq(out[16] << 8 | out[17], len - ETH_HEADER);
	ck_assert_uint_eq(csum_fold(csum_add(0, out + ETH_HEADER, 20)), 0);
	ck_assert_mem_eq(out + 26, &config.host, 4);
	ck_assert(dhcp_parse(&msg, out + DHCP_HEADERS, len - DHCP_HEADERS, &why));
	ck_assert_int_eq(msg.op, BOOTP_REPLY);
	return true;
}

static inline bool deliver(unsigned n)
{
	return deliver_from(&port, MAC(n), "0.0.0.0");
}

static inline void assert_ip(struct in_addr is, const char *expected)
{
	char text[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &is, text, sizeof text);
	ck_assert_str_eq(text, expected);
}

static inline void assert_answer(enum dhcp_type type, const char *yiaddr)
{
	ck_assert_int_eq(msg.type, type);
	assert_ip(msg.yiaddr, yiaddr);
	assert_ip(dhcp_option_addr(&msg, DHCP_OPT_SERVER_ID), "10.0.2.2");
}

/* The destination of the answer's frame. */
static inline void assert_route(mac_t mac, const char *addr, unsigned dport)
{
	struct in_addr dst;

	ck_assert_uint_eq(mac_read(out), mac);
	memcpy(&dst, out + 30, 4);
	assert_ip(dst, addr);
	ck_assert_uint_eq(out[36] << 8 | out[37], dport);
}

static inline void assert_bytes(uint8_t code, const void *data, size_t len)
{
	size_t is;
	const uint8_t *p = dhcp_option_get(&msg, code, &is);

	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq(is, len);
	ck_assert_mem_eq(p, data, len);
}

static inline void assert_text(uint8_t code, const char *text)
{
	assert_bytes(code, text, strlen(text));
}

static inline void get_lease(unsigned n, struct port *from, const char *addr)
{
	begin(n, DHCP_DISCOVER);
	ck_assert(deliver_from(from, MAC(n), "0.0.0.0"));
	assert_answer(DHCP_OFFER, addr);
	begin(n, DHCP_REQUEST);
	sent_addr(&m, DHCP_OPT_REQUESTED_ADDR, addr);
	sent_addr(&m, DHCP_OPT_SERVER_ID, "10.0.2.2");
	ck_assert(deliver_from(from, MAC(n), "0.0.0.0"));
	assert_answer(DHCP_ACK, addr);
}

#endif
