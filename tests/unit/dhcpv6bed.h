/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TESTS_DHCPV6BED_H
#define USERNET_TESTS_DHCPV6BED_H

/* A DHCPv6 server on fec0::/64, two ports, and clients of it. Each program has its own. */
#include "dhcp/dhcpv6.h"
#include "net/user_config.h"
#include "packets.h"

#define GATEWAY UINT64_C(0x52550a000202)

static const uint8_t our_duid[] = {0, 3, 0, 1, 0x52, 0x55, 0x0a, 0, 2, 2};
static const uint8_t their_duid[] = {0, 3, 0, 1, 0x52, 0x54, 0, 0x12, 0x34, 0x56};
static const uint8_t ia[12] = {1, 2, 3, 4};

static struct user_config config;
static struct dhcpv6 dhcpv6;
static uint8_t message[1400], frame[1600], out[DHCPV6_FRAME_MAX + 1];
static size_t message_len;
static struct ends flow;
static struct dhcpv6_outcome outcome;
static struct port port, other;
static usec_t now;
static struct packet answer;

static inline void setup(void)
{
	user_config_defaults(&config);
	config.domainname = NULL;
	config.dhcp6_off = true;
	ck_assert(user_config_resolve(&config, NULL));
	dhcpv6_init(&dhcpv6, &config, GATEWAY);
	memset(&port, 0, sizeof port);
	memset(&other, 0, sizeof other);
	port.id = 1;
	other.id = 2;
	now = 1000;
	flow = (struct ends){true, "fe80::5054:ff:fe12:3456", "ff02::1:2", 546, 547};
}

static inline void teardown(void)
{
	dhcpv6_clear(&dhcpv6);
}

/* Gives addresses from fec0::1000 on; @last: the last 16 bits of the last one. */
static inline void give_addresses(unsigned last)
{
	dhcpv6_clear(&dhcpv6);
	config.dhcp6_off = false;
	inet_pton(AF_INET6, "fec0::1000", &config.dhcp6_start);
	config.dhcp6_end = config.dhcp6_start;
	packet_put16(config.dhcp6_end.s6_addr + 14, (uint16_t)last);
	dhcpv6_init(&dhcpv6, &config, GATEWAY);
}

static inline void begin(uint8_t type)
{
	static const uint8_t xid[] = {0xca, 0xfe, 0x01};

	message[0] = type;
	memcpy(message + 1, xid, 3);
	message_len = 4;
}

static inline void option(uint16_t code, const void *data, size_t len)
{
	packet_put16(message + message_len, code);
	packet_put16(message + message_len + 2, (uint16_t)len);
	memcpy(message + message_len + 4, data, len);
	message_len += 4 + len;
}

/* Sends the message in message; false: no answer. A valid one is parsed into answer. */
static inline bool deliver_from(const struct port *from)
{
	size_t len = put_udp(frame, &flow, message, message_len);
	struct packet packet = parsed(frame, len);

	ck_assert(dhcpv6_is_for_us(&dhcpv6, &packet));
	out[DHCPV6_FRAME_MAX] = 0xee;
	len = dhcpv6_answer(&dhcpv6, from, &packet, now, out, &outcome);
	ck_assert_uint_eq(out[DHCPV6_FRAME_MAX], 0xee);
	if (!len)
		return false;
	ck_assert_uint_le(len, DHCPV6_FRAME_MAX);
	answer = parsed(out, len);
	ck_assert(answer.v6 && answer.proto == IPPROTO_UDP);
	ck_assert(l4_right(out, len, true, IPPROTO_UDP));
	ck_assert_uint_eq(answer.sport, 547);
	ck_assert_uint_eq(answer.dport, 546);
	ck_assert_uint_eq(mac_read(out), 0x525400123456);
	ck_assert_uint_eq(mac_read(out + 6), GATEWAY);
	ck_assert_mem_eq(out + answer.payload + 1, message + 1, 3);
	return true;
}

static inline bool deliver(void)
{
	return deliver_from(&port);
}

/* The first option of the answer with that code, or NULL. */
static inline const uint8_t *find(uint16_t code, size_t *len)
{
	const uint8_t *p = out + answer.payload + 4, *end = out + answer.len;

	while (end - p >= 4) {
		*len = packet_u16(p + 2);
		ck_assert_int_le((ptrdiff_t)*len, end - p - 4);
		if (packet_u16(p) == code)
			return p + 4;
		p += 4 + *len;
	}
	ck_assert_ptr_eq(p, end);
	*len = 0;
	return NULL;
}

static inline void assert_option(uint16_t code, const void *data, size_t len)
{
	size_t is;
	const uint8_t *p = find(code, &is);

	ck_assert_msg(p != NULL, "no option %u", code);
	ck_assert_uint_eq(is, len);
	ck_assert_mem_eq(p, data, len);
}

static inline void assert_absent(uint16_t code)
{
	size_t len;

	ck_assert_msg(!find(code, &len), "option %u is there", code);
}

static inline void assert_type(uint8_t type)
{
	ck_assert_uint_eq(out[answer.payload], type);
}

#endif
