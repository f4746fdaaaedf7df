/* SPDX-License-Identifier: BSD-3-Clause */
#include "svc/redirect.h"

#include "base/checksum.h"
#include "svc/gateway.h"

#define PORT_DNS 53
#define IP4_SRC  (ETH_HEADER + 12)
#define IP4_DST  (ETH_HEADER + 16)
#define IP6_SRC  (ETH_HEADER + 8)
#define IP6_DST  (ETH_HEADER + 24)
#define TCP_SUM  16 /* the checksum's place in the header */

/* Replaces @len bytes at @at, and what they add to the checksums there are. */
static void replace(uint8_t *at, const void *with, size_t len, uint8_t *sum, uint8_t *ip_sum)
{
	for (size_t i = 0; i < len; i += 2) {
		uint16_t from, to;

		memcpy(&from, at + i, 2);
		memcpy(&to, (const uint8_t *)with + i, 2);
		csum_update16(sum, from, to);
		if (ip_sum)
			csum_update16(ip_sum, from, to);
	}
	memcpy(at, with, len);
}

static void rewrite(uint8_t *frame, bool v6, size_t addr_at, const void *addr, size_t port_at,
		    uint16_t port)
{
	uint8_t *sum = frame + ETH_HEADER + (v6 ? 40 : 20) + TCP_SUM, wire[2];

	packet_put16(wire, port);
	replace(frame + addr_at, addr, v6 ? 16 : 4, sum, v6 ? NULL : frame + ETH_HEADER + 10);
	replace(frame + port_at, wire, 2, sum, NULL);
}

bool redirect_wants(const struct redirect *redirect, const struct packet *packet)
{
	if (packet->proto != IPPROTO_TCP || packet->dport != PORT_DNS)
		return false;
	if (packet->v6)
		return redirect->port6 && IN6_ARE_ADDR_EQUAL(&packet->dst, &redirect->config->dns6);
	return redirect->port4 && packet_v4(&packet->dst).s_addr == redirect->config->dns.s_addr;
}

void redirect_in(const struct redirect *redirect, struct packet *packet, uint8_t *copy)
{
	const struct user_config *config = redirect->config;

	memcpy(copy, packet->frame, packet->len);
	packet->frame = copy;
	if (packet->v6) {
		rewrite(copy, true, IP6_DST, &config->host6, packet->l4 + 2u, redirect->port6);
		packet->dst = config->host6;
		packet->dport = redirect->port6;
	} else {
		rewrite(copy, false, IP4_DST, &config->host, packet->l4 + 2u, redirect->port4);
		packet->dst = packet_map4(config->host.s_addr);
		packet->dport = redirect->port4;
	}
}

bool redirect_out(const struct redirect *redirect, const uint8_t *frame, size_t len, uint8_t *copy)
{
	const struct user_config *config = redirect->config;
	const size_t l4_4 = ETH_HEADER + 20, l4_6 = ETH_HEADER + 40;

	if (redirect->port4 && len >= l4_4 + 20 && packet_u16(frame + 12) == ETHERTYPE_V4) {
		if (frame[ETH_HEADER + 9] != IPPROTO_TCP ||
		    packet_u16(frame + l4_4) != redirect->port4 ||
		    memcmp(frame + IP4_SRC, &config->host, 4) != 0)
			return false;
		memcpy(copy, frame, len);
		rewrite(copy, false, IP4_SRC, &config->dns, l4_4, PORT_DNS);
		return true;
	}
	if (redirect->port6 && len >= l4_6 + 20 && packet_u16(frame + 12) == ETHERTYPE_V6) {
		if (frame[ETH_HEADER + 6] != IPPROTO_TCP ||
		    packet_u16(frame + l4_6) != redirect->port6 ||
		    memcmp(frame + IP6_SRC, &config->host6, 16) != 0)
			return false;
		memcpy(copy, frame, len);
		rewrite(copy, true, IP6_SRC, &config->dns6, l4_6, PORT_DNS);
		return true;
	}
	return false;
}
