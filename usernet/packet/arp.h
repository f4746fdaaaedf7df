/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_PACKET_ARP_H
#define USERNET_PACKET_ARP_H

#include <netinet/in.h>
#include <stdbool.h>

#include "net/frame.h"

/*
 * ARP for IPv4 over ethernet (RFC 826): parses and builds packets. The gateway and the guest table
 * decide who owns an address.
 */
enum { ARP_OP_REQUEST = 1, ARP_OP_REPLY = 2 };

/* Header and one ARP packet. Below ethernet's minimum of 60 bytes: links pad (link/pad.h). */
#define ARP_FRAME_LEN (ETH_HEADER + 28)

struct arp {
	uint16_t op;              /* ARP_OP_… */
	mac_t eth_src, eth_dst;   /* of the frame that carries it */
	mac_t sender_mac;         /* as the packet says; may differ from eth_src */
	struct in_addr sender_ip; /* 0: a probe (RFC 5227) */
	mac_t target_mac;         /* meaningless in a request */
	struct in_addr target_ip;
};

/*
 * False when @frame is not ARP, is too short, is not for IPv4 over ethernet, or is neither request
 * nor reply. Padding after the packet is ignored.
 */
bool arp_parse(const struct frame *frame, struct arp *arp);

/* Writes ARP_FRAME_LEN bytes at @out; the frame's source is @sender_mac. Returns the length. */
size_t arp_build(uint8_t *out, uint16_t op, mac_t sender_mac, struct in_addr sender_ip,
		 mac_t target_mac, struct in_addr target_ip, mac_t eth_dst);

/* Builds the reply to @request: @mac owns the address it asks for. */
static inline size_t arp_build_reply(uint8_t *out, const struct arp *request, mac_t mac)
{
	return arp_build(out, ARP_OP_REPLY, mac, request->target_ip, request->sender_mac,
			 request->sender_ip, request->eth_src);
}

/* Builds the request "who has @target?" from @mac with @addr. */
static inline size_t arp_build_request(uint8_t *out, mac_t mac, struct in_addr addr,
				       struct in_addr target)
{
	return arp_build(out, ARP_OP_REQUEST, mac, addr, 0, target, MAC_BROADCAST);
}

#endif
