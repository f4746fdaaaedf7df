/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_PACKET_UDP_H
#define USERNET_PACKET_UDP_H

#include <netinet/in.h>
#include <stdbool.h>

#include "base/address.h"
#include "base/checksum.h"
#include "packet/packet.h"

/* UDP datagrams that the gateway sends to guests (RFC 768). */
struct outbox;

struct udp_address {
	mac_t eth_src, eth_dst;
	struct in6_addr src, dst; /* both v4-mapped, or both IPv6 */
	uint16_t sport, dport;    /* host order */
	uint8_t tos;              /* IPv4 type of service, IPv6 traffic class */
	bool whole;               /* IPv4: it must not be cut into fragments */
};

static inline bool udp_is_v6(const struct udp_address *address)
{
	return !address_is_v4(&address->dst);
}

static inline size_t udp_headers_len(bool v6)
{
	return ETH_HEADER + (v6 ? 40 : 20) + 8;
}
/*
 * Writes the headers of a datagram with @len bytes of payload at @frame, udp_headers_len() bytes.
 * @sum: csum_add() of the payload.
 */
void udp_put_headers(uint8_t *frame, const struct udp_address *address, size_t len, csum_t sum);
/* Is the checksum right? A missing one is right in IPv4 (RFC 768), wrong in IPv6 (RFC 8200 8.1). */
bool udp_is_intact(const struct packet *packet);

#define UDP_SEND_MAX (65535 - 20 - 8) /* bytes of payload: RFC 791 3.1, RFC 768 */

/*
 * Sends @payload, at most UDP_SEND_MAX bytes, as one datagram to @outbox, in fragments above
 * @mtu.
 */
void udp_send(struct outbox *outbox, const struct udp_address *address, const void *payload,
	      size_t len, unsigned mtu);

#endif
