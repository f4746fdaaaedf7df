/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_PACKET_ARP_H
#define USERNET_PACKET_ARP_H

#include <netinet/in.h>
#include <stdbool.h>

#include "net/frame.h"

/*
 * ARP for IPv4 over ethernet (RFC 826): bytes to struct and back, nothing else. Who owns which
 * address is the gateway's and the guest table's matter.
 */
enum { ARP_OP_REQUEST = 1, ARP_OP_REPLY = 2 };

/* Header and one ARP packet; shorter than ethernet's minimum of 60, as a virtual wire needs no
 * padding. */
#define ARP_FRAME_LEN (ETH_HEADER + 28)

struct arp {
	uint16_t op;              /* ARP_OP_… */
	mac_t eth_src, eth_dst;   /* of the frame around it */
	mac_t sender_mac;         /* as it claims; may differ from eth_src */
	struct in_addr sender_ip; /* 0: a probe (RFC 5227) */
	mac_t target_mac;         /* meaningless in a request */
	struct in_addr target_ip;
};

/*
 * False when @frame is not ARP, is cut short, is for another kind of network, or is neither request
 * nor reply. Padding behind it is ignored.
 */
bool arp_parse(const struct frame *frame, struct arp *arp);

/* Writes ARP_FRAME_LEN bytes at @out; the frame's source is @sender_mac. Returns the length. */
size_t arp_build(uint8_t *out, uint16_t op, mac_t sender_mac, struct in_addr sender_ip,
		 mac_t target_mac, struct in_addr target_ip, mac_t eth_dst);

/* The answer to @request by the owner @mac of the address it asks for. */
static inline size_t arp_build_reply(uint8_t *out, const struct arp *request, mac_t mac)
{
	return arp_build(out, ARP_OP_REPLY, mac, request->target_ip, request->sender_mac,
			 request->sender_ip, request->eth_src);
}

/* Who has @target? Tell @mac, @addr. */
static inline size_t arp_build_request(uint8_t *out, mac_t mac, struct in_addr addr,
				       struct in_addr target)
{
	return arp_build(out, ARP_OP_REQUEST, mac, addr, 0, target, MAC_BROADCAST);
}

#endif
