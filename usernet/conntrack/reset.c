/* SPDX-License-Identifier: BSD-3-Clause */
#include "conntrack/reset.h"

#include <string.h>

#include "base/checksum.h"

#define HOP_LIMIT  64
#define TCP_HEADER 20

static csum_t build_v4(uint8_t *ip, const struct in6_addr *from, const struct in6_addr *to)
{
	uint32_t src = address_v4(from).s_addr, dst = address_v4(to).s_addr;
	uint16_t check;

	memset(ip, 0, 20);
	ip[0] = 0x45;
	packet_put16(ip + 2, 20 + TCP_HEADER);
	ip[6] = 0x40; /* DF: needs no identification (RFC 6864 4.1) */
	ip[8] = HOP_LIMIT;
	ip[9] = IPPROTO_TCP;
	memcpy(ip + 12, &src, 4);
	memcpy(ip + 16, &dst, 4);
	check = csum_fold(csum_add(0, ip, 20));
	memcpy(ip + 10, &check, 2);
	return csum_pseudo4(src, dst, IPPROTO_TCP, TCP_HEADER);
}

static csum_t build_v6(uint8_t *ip, const struct in6_addr *from, const struct in6_addr *to)
{
	memset(ip, 0, 40);
	ip[0] = 0x60;
	packet_put16(ip + 4, TCP_HEADER);
	ip[6] = IPPROTO_TCP;
	ip[7] = HOP_LIMIT;
	memcpy(ip + 8, from, 16);
	memcpy(ip + 24, to, 16);
	return csum_pseudo6(from, to, IPPROTO_TCP, TCP_HEADER);
}

/* The fields that differ between these segments. */
struct numbers {
	uint32_t seq, ack;
	uint8_t flags;
};

static size_t build(uint8_t *frame, const struct conn_key *key, bool out,
		    const struct numbers *numbers, mac_t eth_src, mac_t eth_dst)
{
	bool v6 = !IN6_IS_ADDR_V4MAPPED(&key->guest);
	const struct in6_addr *from = out ? &key->guest : &key->peer;
	const struct in6_addr *to = out ? &key->peer : &key->guest;
	uint8_t *tcp = frame + ETH_HEADER + (v6 ? 40 : 20);
	uint16_t check;
	csum_t sum;

	mac_write(frame, eth_dst);
	mac_write(frame + MAC_LEN, eth_src);
	packet_put16(frame + 12, v6 ? ETHERTYPE_V6 : ETHERTYPE_V4);
	sum = v6 ? build_v6(frame + ETH_HEADER, from, to) : build_v4(frame + ETH_HEADER, from, to);
	memset(tcp, 0, TCP_HEADER);
	packet_put16(tcp, out ? key->guest_port : key->peer_port);
	packet_put16(tcp + 2, out ? key->peer_port : key->guest_port);
	packet_put32(tcp + 4, numbers->seq);
	packet_put32(tcp + 8, numbers->ack);
	tcp[12] = TCP_HEADER / 4 << 4;
	tcp[13] = numbers->flags;
	check = csum_fold(csum_add(sum, tcp, TCP_HEADER));
	memcpy(tcp + 16, &check, 2);
	return (size_t)(tcp - frame) + TCP_HEADER;
}

size_t reset_build(uint8_t *frame, const struct conn *conn, enum conn_way way, mac_t eth_src,
		   mac_t eth_dst)
{
	const struct conn_tcp *tcp = &conn->ends;
	bool out = way == CONN_FROM_GUEST;
	struct numbers numbers = {
		.seq = tcp->peer_next,
		.ack = tcp->guest_next,
		.flags = TCP_FLAG_RST | TCP_FLAG_ACK,
	};

	if (out) {
		numbers.seq = tcp->peer_acked ? tcp->peer_ack : tcp->guest_next;
		numbers.ack = tcp->peer_next;
	}
	return build(frame, &conn->key, out, &numbers, eth_src, eth_dst);
}

size_t reset_build_last_ack(uint8_t *frame, const struct conn *conn, mac_t eth_src, mac_t eth_dst)
{
	const struct numbers numbers = {
		.seq = conn->ends.peer_next,
		.ack = conn->ends.guest_fin,
		.flags = TCP_FLAG_ACK,
	};

	return build(frame, &conn->key, false, &numbers, eth_src, eth_dst);
}

size_t reset_build_answer(uint8_t *frame, const struct packet *packet, mac_t eth_src, mac_t eth_dst)
{
	const struct conn_key key = {
		.guest = packet->src,
		.peer = packet->dst,
		.guest_port = packet->sport,
		.peer_port = packet->dport,
	};
	const uint8_t *header = packet->frame + packet->l4;
	uint32_t len = packet->len - packet->payload;
	struct numbers numbers = {.flags = TCP_FLAG_RST};

	if (packet->tcp_flags & TCP_FLAG_ACK) {
		numbers.seq = packet_u32(header + 8);
	} else {
		numbers.flags |= TCP_FLAG_ACK;
		numbers.ack = packet_u32(header + 4) + len + !!(packet->tcp_flags & TCP_FLAG_SYN) +
			      !!(packet->tcp_flags & TCP_FLAG_FIN);
	}
	return build(frame, &key, false, &numbers, eth_src, eth_dst);
}
