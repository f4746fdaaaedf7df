/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet/icmp_error.h"

#include <glib.h>

#include "base/address.h"
#include "base/checksum.h"
#include "packet/packet.h"

#define HOP_LIMIT          64
#define TOS_NETWORK        0xc0 /* RFC 1812 4.3.2.5: precedence of internetwork control */
#define DONT_FRAGMENT      0x4000
#define ICMP_HEADER_LENGTH 8

static void put_ip4(uint8_t *ip, const struct icmp_error *error, size_t len)
{
	struct in_addr from = address_v4(&error->from), to = address_v4(&error->to);
	uint16_t check;

	memset(ip, 0, 20);
	ip[0] = 0x45;
	ip[1] = TOS_NETWORK;
	packet_put16(ip + 2, (uint16_t)(20 + len));
	packet_put16(ip + 6, DONT_FRAGMENT); /* DF: needs no identification (RFC 6864 4.1) */
	ip[8] = HOP_LIMIT;
	ip[9] = IPPROTO_ICMP;
	memcpy(ip + 12, &from, 4);
	memcpy(ip + 16, &to, 4);
	check = csum_fold(csum_add(0, ip, 20));
	memcpy(ip + 10, &check, 2);
}

static void put_ip6(uint8_t *ip, const struct icmp_error *error, size_t len)
{
	memset(ip, 0, 8);
	ip[0] = 0x60;
	packet_put16(ip + 4, (uint16_t)len);
	ip[6] = IPPROTO_ICMPV6;
	ip[7] = HOP_LIMIT;
	memcpy(ip + 8, &error->from, 16);
	memcpy(ip + 24, &error->to, 16);
}

size_t icmp_error_build(uint8_t *frame, const struct icmp_error *error, const uint8_t *ip,
			size_t ip_len)
{
	bool v6 = !address_is_v4(&error->to);
	size_t quote = MIN(ip_len, v6 ? ICMP_ERROR_QUOTE_MAX6 : ICMP_ERROR_QUOTE_MAX4);
	size_t len = ICMP_HEADER_LENGTH + quote;
	uint8_t *header = frame + ETH_HEADER, *icmp = header + (v6 ? 40 : 20);
	csum_t sum = 0;
	uint16_t check;

	mac_write(frame, error->eth_dst);
	mac_write(frame + MAC_LEN, error->eth_src);
	packet_put16(frame + 12, v6 ? ETHERTYPE_V6 : ETHERTYPE_V4);
	if (v6)
		put_ip6(header, error, len);
	else
		put_ip4(header, error, len);
	icmp[0] = error->type;
	icmp[1] = error->code;
	memset(icmp + 2, 0, 2);
	packet_put32(icmp + 4, error->info);
	memcpy(icmp + ICMP_HEADER_LENGTH, ip, quote);
	if (v6)
		sum = csum_pseudo6(&error->from, &error->to, IPPROTO_ICMPV6, (uint32_t)len);
	check = csum_fold(csum_add(sum, icmp, len));
	memcpy(icmp + 2, &check, 2);
	return (size_t)(icmp - frame) + len;
}
