/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet/arp.h"

#include "base/reader.h"

/* RFC 826: hardware type 1 is ethernet (IANA arp-parameters). */
#define ARP_HARDWARE_ETHER 1

bool arp_parse(const struct frame *frame, struct arp *arp)
{
	struct reader r = reader_init(frame->data, frame->len);
	uint16_t ethertype, hardware, protocol, op;
	uint8_t hlen, plen;
	const uint8_t *dst, *src, *sender, *target;

	dst = read_bytes(&r, MAC_LEN);
	src = read_bytes(&r, MAC_LEN);
	if (!dst || !src || !read_u16(&r, &ethertype) || ethertype != ETHERTYPE_ARP_)
		return false;
	if (!read_u16(&r, &hardware) || !read_u16(&r, &protocol) || !read_u8(&r, &hlen) ||
	    !read_u8(&r, &plen) || !read_u16(&r, &op))
		return false;
	if (hardware != ARP_HARDWARE_ETHER || protocol != ETHERTYPE_V4 || hlen != MAC_LEN ||
	    plen != 4 || (op != ARP_OP_REQUEST && op != ARP_OP_REPLY))
		return false;
	sender = read_bytes(&r, MAC_LEN);
	if (!sender || !read_copy(&r, &arp->sender_ip, 4))
		return false;
	target = read_bytes(&r, MAC_LEN);
	if (!target || !read_copy(&r, &arp->target_ip, 4))
		return false;
	arp->op = op;
	arp->eth_dst = mac_read(dst);
	arp->eth_src = mac_read(src);
	arp->sender_mac = mac_read(sender);
	arp->target_mac = mac_read(target);
	return true;
}

size_t arp_build(uint8_t *out, uint16_t op, mac_t sender_mac, struct in_addr sender_ip,
		 mac_t target_mac, struct in_addr target_ip, mac_t eth_dst)
{
	static const uint8_t fixed[] = {
		ETHERTYPE_ARP_ >> 8, ETHERTYPE_ARP_ & 0xff, 0,       ARP_HARDWARE_ETHER,
		ETHERTYPE_V4 >> 8,   ETHERTYPE_V4 & 0xff,   MAC_LEN, 4,
	};

	mac_write(out, eth_dst);
	mac_write(out + 6, sender_mac);
	memcpy(out + 12, fixed, sizeof fixed);
	out[20] = (uint8_t)(op >> 8);
	out[21] = (uint8_t)op;
	mac_write(out + 22, sender_mac);
	memcpy(out + 28, &sender_ip, 4);
	mac_write(out + 32, target_mac);
	memcpy(out + 38, &target_ip, 4);
	return ARP_FRAME_LEN;
}
