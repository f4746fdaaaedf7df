/* SPDX-License-Identifier: BSD-3-Clause */
#include "policy/private.h"

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"

static const struct {
	uint32_t net;
	unsigned len;
} v4[] = {
	{0x00000000, 8},  /* "this network", RFC 1122 */
	{0x0a000000, 8},  /* RFC 1918 */
	{0x64400000, 10}, /* shared, RFC 6598; a metadata service of Alibaba */
	{0x7f000000, 8},  /* loopback */
	{0xa9fe0000, 16}, /* link-local, RFC 3927; metadata services */
	{0xac100000, 12}, /* RFC 1918 */
	{0xc0000000, 24}, /* IETF protocols, RFC 6890; a metadata service of Oracle */
	{0xc0586300, 24}, /* 6to4 relays, RFC 7526 */
	{0xc0a80000, 16}, /* RFC 1918 */
	{0xc6120000, 15}, /* benchmarks, RFC 2544 */
	{0xa83f8110, 32}, /* Azure's 168.63.129.16 */
	{0xe0000000, 3},  /* multicast, reserved, broadcast */
};

static const struct {
	uint8_t net[8];
	unsigned len;
} v6[] = {
	{{0x00}, 16},                               /* ::, ::1, ::a.b.c.d */
	{{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48}, /* local-use NAT64, RFC 8215 */
	{{0x01, 0x00}, 64},                         /* discard, RFC 6666 */
	{{0xfc}, 7},                                /* unique local; metadata fd00:ec2::254 */
	{{0xfe, 0x80}, 10},                         /* link-local */
	{{0xfe, 0xc0}, 10},                         /* site-local, RFC 3879 */
	{{0xff}, 8},                                /* multicast */
};

static bool is_private_v4(uint32_t addr)
{
	for (size_t i = 0; i < sizeof(v4) / sizeof(v4[0]); i++) {
		if (!((addr ^ v4[i].net) >> (32 - v4[i].len)))
			return true;
	}
	return false;
}

bool private_address(const struct in6_addr *addr)
{
	struct in6_addr carried;

	if (address_is_v4(addr))
		return is_private_v4(ntohl(address_v4(addr).s_addr));
	if (address_carried_v4(addr, &carried) && is_private_v4(ntohl(address_v4(&carried).s_addr)))
		return true;
	for (size_t i = 0; i < sizeof(v6) / sizeof(v6[0]); i++) {
		struct in6_addr net = {.s6_addr = {0}};

		memcpy(&net, v6[i].net, sizeof(v6[i].net));
		if (address_in_prefix(addr, &net, v6[i].len))
			return true;
	}
	return false;
}
