/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TESTS_PACKETS_H
#define USERNET_TESTS_PACKETS_H

#include <arpa/inet.h>
#include <check.h>
#include <glib.h>

#include "base/checksum.h"
#include "packet/packet.h"

/* Builds right packets, for tests to damage, and verifies checksums of output. */
struct ends {
	bool v6;
	const char *src, *dst;
	uint16_t sport, dport;
};

static const struct ends flow4 = {false, "10.0.2.15", "192.0.2.1", 40000, 80};
static const struct ends flow6 = {true, "fec0::15", "2001:db8::1", 40000, 80};

static inline size_t put_ip(uint8_t *frame, const struct ends *f, uint8_t proto, size_t len)
{
	uint8_t *ip = frame + ETH_HEADER;
	uint16_t check;

	mac_write(frame, 0x52550a000202);
	mac_write(frame + 6, 0x525400123456);
	if (f->v6) {
		packet_put16(frame + 12, ETHERTYPE_V6);
		memset(ip, 0, 40);
		ip[0] = 0x60;
		packet_put16(ip + 4, (uint16_t)len);
		ip[6] = proto;
		ip[7] = 64;
		inet_pton(AF_INET6, f->src, ip + 8);
		inet_pton(AF_INET6, f->dst, ip + 24);
		return ETH_HEADER + 40;
	}
	packet_put16(frame + 12, ETHERTYPE_V4);
	memset(ip, 0, 20);
	ip[0] = 0x45;
	packet_put16(ip + 2, (uint16_t)(20 + len));
	packet_put16(ip + 4, 0x1234);
	ip[8] = 64;
	ip[9] = proto;
	inet_pton(AF_INET, f->src, ip + 12);
	inet_pton(AF_INET, f->dst, ip + 16);
	check = csum_fold(csum_add(0, ip, 20));
	memcpy(ip + 10, &check, 2);
	return ETH_HEADER + 20;
}

static inline csum_t l4_pseudo(const uint8_t *frame, bool v6, uint8_t proto, size_t len)
{
	const uint8_t *ip = frame + ETH_HEADER;
	uint32_t src, dst;

	if (v6)
		return csum_pseudo6(ip + 8, ip + 24, proto, (uint32_t)len);
	memcpy(&src, ip + 12, 4);
	memcpy(&dst, ip + 16, 4);
	return csum_pseudo4(src, dst, proto, (uint16_t)len);
}

/* The sum over a correct segment or datagram folds to zero. */
static inline bool l4_right(const uint8_t *frame, size_t len, bool v6, uint8_t proto)
{
	size_t l4 = ETH_HEADER + (v6 ? 40 : 20);

	return csum_fold(csum_add(l4_pseudo(frame, v6, proto, len - l4), frame + l4, len - l4)) ==
	       0;
}

static inline bool ip_right(const uint8_t *frame)
{
	return csum_fold(csum_add(0, frame + ETH_HEADER, 20)) == 0;
}

/* @options: whole words, or NULL. Returns the frame's length. */
static inline size_t put_tcp(uint8_t *frame, const struct ends *f, uint32_t seq, uint32_t ack,
			     uint8_t flags, const uint8_t *options, size_t n_options,
			     const void *payload, size_t len)
{
	size_t header = 20 + n_options, l4 = put_ip(frame, f, IPPROTO_TCP, header + len);
	uint8_t *tcp = frame + l4;
	uint16_t check;

	memset(tcp, 0, 20);
	packet_put16(tcp, f->sport);
	packet_put16(tcp + 2, f->dport);
	packet_put32(tcp + 4, seq);
	packet_put32(tcp + 8, ack);
	tcp[12] = (uint8_t)(header / 4 << 4);
	tcp[13] = flags;
	packet_put16(tcp + 14, 64000);
	if (n_options)
		memcpy(tcp + 20, options, n_options);
	if (len)
		memcpy(tcp + header, payload, len);
	check = csum_fold(
		csum_add(l4_pseudo(frame, f->v6, IPPROTO_TCP, header + len), tcp, header + len));
	memcpy(tcp + 16, &check, 2);
	return l4 + header + len;
}

static inline size_t put_udp(uint8_t *frame, const struct ends *f, const void *payload, size_t len)
{
	size_t l4 = put_ip(frame, f, IPPROTO_UDP, 8 + len);
	uint8_t *udp = frame + l4;
	uint16_t check;

	packet_put16(udp, f->sport);
	packet_put16(udp + 2, f->dport);
	packet_put16(udp + 4, (uint16_t)(8 + len));
	memset(udp + 6, 0, 2);
	if (len)
		memcpy(udp + 8, payload, len);
	check = csum_fold(csum_add(l4_pseudo(frame, f->v6, IPPROTO_UDP, 8 + len), udp, 8 + len));
	if (!check)
		check = 0xffff; /* 0 would mean "no checksum" (RFC 768) */
	memcpy(udp + 6, &check, 2);
	return l4 + 8 + len;
}

static inline size_t put_echo(uint8_t *frame, const struct ends *f, size_t len)
{
	uint8_t proto = f->v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	size_t l4 = put_ip(frame, f, proto, 8 + len);
	uint8_t *icmp = frame + l4;
	uint16_t check;

	memset(icmp, 0, 8 + len);
	icmp[0] = f->v6 ? 128 : 8;
	icmp[5] = 7;
	check = csum_fold(
		csum_add(f->v6 ? l4_pseudo(frame, true, proto, 8 + len) : 0, icmp, 8 + len));
	memcpy(icmp + 2, &check, 2);
	return l4 + 8 + len;
}

static inline struct packet parsed(const uint8_t *frame, size_t len)
{
	struct frame f = {frame, (uint32_t)len};
	struct packet packet;
	enum drop_reason why = DROP_N_REASONS;

	ck_assert_msg(packet_parse(&packet, &f, &why), "%s", drop_reason_name(why));
	return packet;
}

#endif
