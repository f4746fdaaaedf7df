/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet/packet.h"

#include <string.h>

#define IP4_HEADER  20 /* RFC 791 3.1, without options */
#define IP6_HEADER  40 /* RFC 8200 3 */
#define TCP_HEADER  20 /* RFC 9293 3.1 */
#define UDP_HEADER  8  /* RFC 768 */
#define ICMP_HEADER 8  /* RFC 792, RFC 4443 2.1, and the word that all handled types have */

static bool parse_tcp(struct packet *p, enum drop_reason *why)
{
	const uint8_t *tcp = p->frame + p->l4;
	uint32_t rem = p->len - p->l4;
	uint32_t header;

	if (rem < TCP_HEADER)
		goto too_short;
	header = (tcp[12] >> 4) * 4u;
	if (header < TCP_HEADER) {
		*why = DROP_MALFORMED;
		return false;
	}
	if (header > rem)
		goto too_short;
	p->sport = packet_u16(tcp);
	p->dport = packet_u16(tcp + 2);
	p->tcp_flags = tcp[13];
	p->payload = (uint16_t)(p->l4 + header);
	return true;

too_short:
	*why = DROP_TRUNCATED;
	return false;
}

static bool parse_udp(struct packet *p, enum drop_reason *why)
{
	const uint8_t *udp = p->frame + p->l4;
	uint32_t rem = p->len - p->l4;
	uint16_t len;

	if (rem < UDP_HEADER) {
		*why = DROP_TRUNCATED;
		return false;
	}
	len = packet_u16(udp + 4);
	if (len < UDP_HEADER) {
		*why = DROP_MALFORMED;
		return false;
	}
	if (len > rem) {
		*why = DROP_TRUNCATED;
		return false;
	}
	p->sport = packet_u16(udp);
	p->dport = packet_u16(udp + 2);
	p->payload = (uint16_t)(p->l4 + UDP_HEADER);
	p->len = p->l4 + len;
	return true;
}

static bool parse_transport(struct packet *p, enum drop_reason *why)
{
	switch (p->proto) {
	case IPPROTO_TCP:
		return parse_tcp(p, why);
	case IPPROTO_UDP:
		return parse_udp(p, why);
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		if (p->len - p->l4 < ICMP_HEADER) {
			*why = DROP_TRUNCATED;
			return false;
		}
		p->dport = p->frame[p->l4];
		p->payload = (uint16_t)(p->l4 + ICMP_HEADER);
		return true;
	default:
		return true;
	}
}

static bool parse_v4(struct packet *p, uint32_t rem, enum drop_reason *why)
{
	const uint8_t *ip = p->frame + ETH_HEADER;
	uint16_t total, offset;
	uint32_t addr;

	if (rem < IP4_HEADER) {
		*why = DROP_TRUNCATED;
		return false;
	}
	if (ip[0] >> 4 != 4 || (ip[0] & 0xf) < 5) {
		*why = DROP_MALFORMED;
		return false;
	}
	/* Options are source routes and route records: a NAT should not forward them. */
	if ((ip[0] & 0xf) != 5) {
		*why = DROP_UNSUPPORTED;
		return false;
	}
	total = packet_u16(ip + 2);
	if (total < IP4_HEADER) {
		*why = DROP_MALFORMED;
		return false;
	}
	if (total > rem) {
		*why = DROP_TRUNCATED;
		return false;
	}
	p->v6 = false;
	p->len = ETH_HEADER + (uint32_t)total;
	p->proto = ip[9];
	memcpy(&addr, ip + 12, 4);
	p->src = address_map4(addr);
	memcpy(&addr, ip + 16, 4);
	p->dst = address_map4(addr);
	p->l4 = ETH_HEADER + IP4_HEADER;
	p->payload = p->l4;
	offset = packet_u16(ip + 6);
	p->fragment = (offset & 0x3fff) != 0; /* MF and the offset; DF is 0x4000 */
	return p->fragment || parse_transport(p, why);
}

static bool parse_v6(struct packet *p, uint32_t rem, enum drop_reason *why)
{
	const uint8_t *ip = p->frame + ETH_HEADER;
	uint16_t payload;

	if (rem < IP6_HEADER) {
		*why = DROP_TRUNCATED;
		return false;
	}
	if (ip[0] >> 4 != 6) {
		*why = DROP_MALFORMED;
		return false;
	}
	payload = packet_u16(ip + 4);
	if (payload > rem - IP6_HEADER) {
		*why = DROP_TRUNCATED;
		return false;
	}
	p->v6 = true;
	p->len = ETH_HEADER + IP6_HEADER + (uint32_t)payload;
	p->proto = ip[6];
	memcpy(&p->src, ip + 8, 16);
	memcpy(&p->dst, ip + 24, 16);
	p->l4 = ETH_HEADER + IP6_HEADER;
	p->payload = p->l4;
	p->fragment = false;
	switch (p->proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_ICMPV6:
		return parse_transport(p, why);
	case IPPROTO_FRAGMENT:
		if (payload < IP6_FRAGMENT_HEADER) {
			*why = DROP_TRUNCATED;
			return false;
		}
		p->fragment = true;
		p->proto = p->frame[p->l4];
		p->l4 += IP6_FRAGMENT_HEADER;
		p->payload = p->l4;
		return true;
	default: /* other extension headers: libslirp reads none either (ip6_input.c) */
		*why = DROP_UNSUPPORTED;
		return false;
	}
}

bool packet_parse(struct packet *packet, const struct frame *frame, enum drop_reason *why)
{
	uint32_t rem;

	packet->frame = frame->data;
	packet->sport = 0;
	packet->dport = 0;
	packet->tcp_flags = 0;
	if (frame->len < ETH_HEADER) {
		*why = DROP_TRUNCATED;
		return false;
	}
	rem = frame->len - ETH_HEADER;
	switch (frame_ethertype(frame)) {
	case ETHERTYPE_V4:
		return parse_v4(packet, rem, why);
	case ETHERTYPE_V6:
		return parse_v6(packet, rem, why);
	default:
		*why = DROP_UNSUPPORTED;
		return false;
	}
}
