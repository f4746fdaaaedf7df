/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet/icmp_error.h"

#include <glib.h>

#include "base/address.h"
#include "base/checksum.h"
#include "packet/ip_header.h"
#include "packet/packet.h"

#define TOS_NETWORK        0xc0 /* RFC 1812 4.3.2.5: precedence of internetwork control */
#define ICMP_HEADER_LENGTH 8

size_t icmp_error_build(uint8_t *frame, const struct icmp_error *error, const uint8_t *ip,
			size_t ip_len)
{
	bool v6 = !address_is_v4(&error->to);
	size_t quote = MIN(ip_len, v6 ? ICMP_ERROR_QUOTE_MAX6 : ICMP_ERROR_QUOTE_MAX4);
	size_t len = ICMP_HEADER_LENGTH + quote;
	uint8_t *icmp = frame + ETH_HEADER + ip_header_len(v6);
	const struct ip_header header = {
		.src = error->from,
		.dst = error->to,
		.proto = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
		.tos = v6 ? 0 : TOS_NETWORK,
		.hops = IP_HOP_LIMIT,
		.whole = true,
	};
	uint16_t check;
	csum_t sum;

	ip_header_put_ethernet(frame, error->eth_dst, error->eth_src, v6);
	sum = ip_header_put(frame + ETH_HEADER, &header, len);
	icmp[0] = error->type;
	icmp[1] = error->code;
	memset(icmp + 2, 0, 2);
	packet_put32(icmp + 4, error->info);
	memcpy(icmp + ICMP_HEADER_LENGTH, ip, quote);
	check = csum_fold(csum_add(sum, icmp, len));
	memcpy(icmp + 2, &check, 2);
	return (size_t)(icmp - frame) + len;
}
