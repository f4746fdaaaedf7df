/* SPDX-License-Identifier: BSD-3-Clause */
#include "policy/destination.h"

#include "base/address.h"
#include "base/checksum.h"
#include "net/user_config.h"

#define PORT_TFTP 69

/* host-loopback=: may a conn to the gateway address go to the host's loopback? */
static bool loopback_allows(const struct user_config *config, uint8_t proto, uint16_t port)
{
	if (proto == IPPROTO_UDP && port == PORT_TFTP)
		return false; /* TFTP: libslirp would serve it itself (udp.c); tftp.h does */
	switch (config->loopback) {
	case LOOPBACK_ON:
		return true;
	case LOOPBACK_OFF:
		return false;
	case LOOPBACK_PORTS:
		for (const struct port_range *range = config->loopback_ports; range->last;
		     range++) {
			if (port >= range->first && port <= range->last)
				return true;
		}
		return false;
	}
	return false;
}

/* Is @dst outside the LAN, unicast, and not the host itself? */
static bool is_public_v4(const struct user_config *config, struct in_addr dst)
{
	uint32_t addr = ntohl(dst.s_addr);

	return !(config->ipv4 && user_config_has(config, dst)) &&
	       addr >> 24 != 0 &&           /* "this network", RFC 1122 3.2.1.3: the host itself */
	       addr >> 24 != 127 &&         /* loopback */
	       addr < UINT32_C(0xe0000000); /* multicast, reserved, broadcast */
}

static bool reaches_v4(const struct user_config *config, uint8_t proto, struct in_addr dst,
		       uint16_t port)
{
	if (dst.s_addr == config->host.s_addr)
		return (proto == IPPROTO_TCP || proto == IPPROTO_UDP) &&
		       loopback_allows(config, proto, port);
	if (proto == IPPROTO_UDP && port == PORT_TFTP)
		return false;
	/* The name server's address is on the LAN; the name server is ours (dns.h). */
	return is_public_v4(config, dst);
}

static bool reaches_v6(const struct user_config *config, uint8_t proto, const struct in6_addr *dst,
		       uint16_t port)
{
	struct in6_addr carried;
	static const struct in6_addr
		low_zero; /* ::, ::1, ::a.b.c.d and ::ffff:a.b.c.d lie in ::/80 */

	if (IN6_ARE_ADDR_EQUAL(dst, &config->host6))
		return loopback_allows(config, proto, port);
	if (proto == IPPROTO_UDP && port == PORT_TFTP)
		return false;
	/* libslirp maps every address of the prefix to the host's loopback (socket.c). */
	if (address_in_prefix(dst, &config->net6, config->net6_len))
		return false;
	if (address_carried_v4(dst, &carried) && !is_public_v4(config, address_v4(&carried)))
		return false;
	return !address_in_prefix(dst, &low_zero, 80) && !IN6_IS_ADDR_LINKLOCAL(dst) &&
	       !IN6_IS_ADDR_MULTICAST(dst);
}

bool destination_reaches(const struct user_config *config, bool v6, uint8_t proto,
			 const struct in6_addr *dst, uint16_t port)
{
	return v6 ? reaches_v6(config, proto, dst, port)
		  : reaches_v4(config, proto, address_v4(dst), port);
}

bool destination_allows(const struct user_config *config, const struct packet *packet,
			enum drop_reason *why)
{
	if (packet->proto != IPPROTO_TCP && packet->proto != IPPROTO_UDP &&
	    packet->proto != IPPROTO_ICMP && packet->proto != IPPROTO_ICMPV6) {
		*why = DROP_UNSUPPORTED;
		return false;
	}
	/* Ping sockets send echo requests only. */
	if ((packet->proto == IPPROTO_ICMP && ICMP_TYPE(packet) != 8) ||
	    (packet->proto == IPPROTO_ICMPV6 && ICMP_TYPE(packet) != 128)) {
		*why = DROP_UNSUPPORTED;
		return false;
	}
	if (packet->proto == IPPROTO_TCP && packet->dport == 0) {
		*why = DROP_MALFORMED;
		return false;
	}
	/*
	 * libslirp opens a connection only for a SYN without ACK (tcp_input.c). Other segments
	 * belong to a connection that was allowed, perhaps a forwarded one, or get a reset.
	 */
	if (packet->proto == IPPROTO_TCP &&
	    (packet->tcp_flags & (TCP_FLAG_SYN | TCP_FLAG_ACK)) != TCP_FLAG_SYN)
		return true;
	if (destination_reaches(config, packet->v6, packet->proto, &packet->dst, packet->dport))
		return true;
	*why = DROP_POLICY;
	return false;
}

void destination_urgent(struct packet *packet, uint8_t *copy)
{
	uint8_t *tcp = copy + packet->l4;
	uint16_t from, to;

	memcpy(copy, packet->frame, packet->len);
	memcpy(&from, tcp + 12, 2);
	tcp[13] &= (uint8_t)~TCP_FLAG_URG;
	memcpy(&to, tcp + 12, 2);
	csum_update16(tcp + 16, from, to);
	memcpy(&from, tcp + 18, 2);
	tcp[18] = 0;
	tcp[19] = 0;
	csum_update16(tcp + 16, from, 0);
	packet->frame = copy;
	packet->tcp_flags &= (uint8_t)~TCP_FLAG_URG;
}
