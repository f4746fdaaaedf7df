/* SPDX-License-Identifier: BSD-3-Clause */
#include "conntrack/reset.h"

#include <string.h>

#include "base/checksum.h"
#include "packet/ip_header.h"

#define TCP_HEADER 20

/* The fields that differ between these segments. */
struct numbers {
	uint32_t seq, ack;
	uint8_t flags;
};

static size_t build(uint8_t *frame, const struct conn_key *key, bool out,
		    const struct numbers *numbers, mac_t eth_src, mac_t eth_dst)
{
	bool v6 = !address_is_v4(&key->guest);
	const struct ip_header header = {
		.src = out ? key->guest : key->peer,
		.dst = out ? key->peer : key->guest,
		.proto = IPPROTO_TCP,
		.hops = IP_HOP_LIMIT,
		.whole = true,
	};
	uint8_t *tcp = frame + ETH_HEADER + ip_header_len(v6);
	uint16_t check;
	csum_t sum;

	ip_header_put_ethernet(frame, eth_dst, eth_src, v6);
	sum = ip_header_put(frame + ETH_HEADER, &header, TCP_HEADER);
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
