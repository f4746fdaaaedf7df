/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_PACKET_UDP_H
#define USERNET_PACKET_UDP_H

#include <netinet/in.h>
#include <stdbool.h>

#include "net/frame.h"

/* Datagrams of our own to guests (RFC 768). */
struct outbox;

struct udp_address {
	mac_t eth_src, eth_dst;
	bool v6;
	struct in6_addr src, dst; /* IPv4: the first four bytes */
	uint16_t sport, dport;    /* host order */
};

#define UDP_SEND_MAX (65535 - 20 - 8) /* bytes of payload: RFC 791 3.1, RFC 768 */

/* Writes @payload as one datagram to @outbox, in fragments where it exceeds @mtu; at most
 * UDP_SEND_MAX bytes. */
void udp_send(struct outbox *outbox, const struct udp_address *address, const void *payload,
	      size_t len, unsigned mtu);

#endif
